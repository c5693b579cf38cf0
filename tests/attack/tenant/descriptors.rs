//! What processes of a sandbox hold open: nothing that somebody outside forgot.

use std::path::Path;

use super::terminal::Terminal;
use super::world::World;

/// Host process ids and names of everything in the pid namespace of a process.
fn processes_with(pid: u32) -> Vec<(u32, String)> {
    let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace(pid);
    let numbers = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    numbers.filter(|&number| namespace(number) == own).map(|number| (number, name(number))).collect()
}

/// Number and target of every open descriptor.
fn open(pid: u32) -> Vec<(u32, String)> {
    let listed = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let read = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, target.display().to_string()))
    };
    listed.filter_map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_shells_hold_nothing_open_that_they_do_not_use() {
    let world = World::new().await;
    let terminal = Terminal::open(&world, world.victim).await;
    // The same from inside, of what a command finds: its own streams, and the listing itself.
    let inside = world.sh(world.victim, "for fd in /proc/self/fd/*; do readlink $fd || true; done").await;
    for line in inside.lines() {
        assert!(line.starts_with("pipe:["), "{inside}");
    }
    world.sh(world.victim, "sleep 600 >/dev/null 2>&1 </dev/null & echo").await;
    let agent = world.pid(world.victim);
    let processes = processes_with(agent);
    let names: Vec<&str> = processes.iter().map(|(_, name)| name.as_str()).collect();
    assert!(names.contains(&"bash") && names.contains(&"sleep") && processes.len() >= 3, "{processes:?}");
    let log = world.dir.path().join("run").join(world.victim.label()).join("agent.log");
    for (pid, name) in &processes {
        for (number, target) in open(*pid) {
            let fine = if *pid == agent {
                target.starts_with("socket:")
                    || target.starts_with("anon_inode:[event")
                    || target.starts_with("anon_inode:[pidfd]")
                    || target.starts_with("anon_inode:inotify")
                    || target.starts_with("pipe:")
                    || target.ends_with("/null")
                    || target.ends_with("/ptmx")
                    || Path::new(&target) == log
            } else {
                // Shells keep a copy of their terminal under a high number.
                [0, 1, 2, 255].contains(&number)
                    && (target.starts_with("/dev/pts/") || target.starts_with("pipe:") || target == "/dev/null")
            };
            assert!(fine, "{name} ({pid}) has {number} open: {target}");
        }
        // And every one of them ends with an exec.
        if *pid == agent {
            for (number, _) in open(*pid).into_iter().filter(|(number, _)| *number > 2) {
                let text = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
                let Some(flags) = text.lines().find_map(|line| line.strip_prefix("flags:")) else { continue };
                let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
                assert!(flags & 0o2_000_000 != 0, "descriptor {number} of the agent would go on to what it starts");
            }
        }
    }
    drop(terminal);
    world.victim_works().await;
    world.end().await;
}
