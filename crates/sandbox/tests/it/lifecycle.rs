//! Birth, record, adoption and end: nothing unrecorded runs, and nothing is left.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use coditect_sandbox::control;
use coditect_sandbox::launcher::{LaunchError, Launcher};
use coditect_sandbox::probe::{Feature, Mode, probe};
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{AGENT_SOCKET, PORTS_SOCKET, RECORD_FILE};

use super::harness::{Sandbox, World, eventually, identity, testee};

/// Processes in the pid namespace of a sandbox, seen from outside.
fn processes_in(namespace: &Path) -> Vec<u32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|link| link == namespace))
        .collect()
}

fn assert_nothing_left(sandbox: &Sandbox, namespace: &Path) {
    // The last is seen until the helper has reaped it.
    eventually("no process is left", || processes_in(namespace).is_empty());
    let groups = &sandbox.record.cgroups;
    assert!(groups.v2.is_some() || !groups.v1.is_empty(), "this machine has control groups");
    for group in groups.v2.iter().chain(groups.v1.values()) {
        assert!(!group.exists(), "{}", group.display());
    }
    for name in [AGENT_SOCKET, PORTS_SOCKET, RECORD_FILE] {
        assert!(!sandbox.spec.run_dir.join(name).exists(), "{name}");
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&*identity(&sandbox.spec).volume.to_string_lossy()), "{mounts}");
}

#[test]
fn an_ended_sandbox_leaves_nothing() {
    let world = World::new();
    let sandbox = world.sandbox();
    let namespace = std::fs::read_link(format!("/proc/{}/ns/pid", sandbox.record.pid)).unwrap();
    // Children that ignore every polite signal, in sessions of their own.
    sandbox.sh("for i in 1 2 3; do (trap '' HUP INT TERM; exec setsid sleep 1000) >/dev/null 2>&1 & done; echo kept >/workspace/file");
    eventually("four processes run", || processes_in(&namespace).len() >= 4);
    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    assert_nothing_left(&sandbox, &namespace);
    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    assert_eq!(std::fs::read_to_string(sandbox.on_disk("file")).unwrap(), "kept\n");
    let Sandbox { spec, .. } = &sandbox;
    let again = world.sandbox_of(spec.clone());
    assert_eq!(again.sh("cat file"), "kept");
}

#[test]
fn ending_it_from_several_sides_at_once_is_one_end() {
    let world = World::new();
    let mut spec = world.sandbox().spec.clone();
    for _ in 0..15 {
        spec = {
            let sandbox = world.sandbox_of(spec);
            std::thread::scope(|scope| {
                let ends = [(); 4].map(|()| scope.spawn(|| control::stop(&sandbox.record, Duration::ZERO)));
                for end in ends {
                    end.join().unwrap().unwrap();
                }
            });
            sandbox.spec.clone()
        };
    }
}

#[test]
fn root_on_this_machine_gets_everything_and_is_told_so() {
    let world = World::new();
    assert_eq!(control::prepare(), Vec::<String>::new());
    let instances = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap();
    assert!(instances.trim().parse::<u64>().unwrap() >= 65_536, "{instances}");
    let found = probe(world.dir.path(), Path::new("/"));
    assert_eq!((found.mode, found.fatal.clone(), found.not_enforced.clone()), (Mode::Privileged, None, Vec::new()));
    assert_eq!(found.enforced.len(), 9, "{found:?}");
    assert!(found.enforced.contains(&Feature::MappedVolumes) && found.cgroup.kind() != "none", "{found:?}");
    // A base without a system in it is refused with the reason.
    let fatal = probe(world.dir.path(), world.dir.path()).fatal.unwrap();
    assert!(fatal.contains("usr"), "{fatal}");
}

#[test]
fn the_record_is_what_was_made() {
    let world = World::new();
    let sandbox = world.sandbox();
    let record = SandboxRecord::load(&sandbox.spec.run_dir).unwrap().unwrap();
    assert_eq!(record, sandbox.record);
    assert!(record.is_alive().unwrap().is_some());
    let reused = SandboxRecord { start_time_ticks: record.start_time_ticks + 1, ..record.clone() };
    assert!(reused.is_alive().unwrap().is_none());
    // Ending a sandbox whose pid belongs to somebody else now does not hurt that one.
    assert!(
        control::stop(
            &SandboxRecord { cgroups: Default::default(), run_dir: world.dir.path().into(), ..reused },
            Duration::ZERO
        )
        .is_ok()
    );
    assert!(record.is_alive().unwrap().is_some());
}

#[test]
fn one_run_directory_holds_one_sandbox() {
    let world = World::new();
    let sandbox = world.sandbox();
    let refused = world.launcher.launch(&sandbox.spec).unwrap_err();
    assert!(matches!(&refused, LaunchError::AlreadyRunning { pid, .. } if *pid == sandbox.record.pid), "{refused}");
    assert_eq!(sandbox.sh("echo alive"), "alive");
    // A dead one makes room by itself.
    let pidfd = sandbox.record.is_alive().unwrap().unwrap();
    rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL).unwrap();
    assert!(control::wait_for_end(&pidfd, Duration::from_secs(60)).unwrap());
    let next = world.sandbox_of(sandbox.spec.clone());
    assert_ne!(next.record.pid, sandbox.record.pid);
}

#[test]
fn sandboxes_outlive_their_launcher_and_are_governed_by_the_next() {
    let mut world = World::new();
    let sandbox = world.sandbox();
    let helper = world.launcher.helper_pid().unwrap();
    world.launcher = Launcher::spawn(&testee()).unwrap();
    assert!(!Path::new(&format!("/proc/{helper}")).exists(), "the old helper has ended");
    let adopted = SandboxRecord::load(&sandbox.spec.run_dir).unwrap().unwrap();
    assert!(adopted.is_alive().unwrap().is_some());
    assert_eq!(sandbox.sh("echo still here"), "still here");
    control::stop(&adopted, Duration::ZERO).unwrap();
    assert!(sandbox.record.is_alive().unwrap().is_none());
}

#[test]
fn a_killed_helper_is_replaced() {
    let world = World::new();
    let helper = world.launcher.helper_pid().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(helper).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let sandbox = world.sandbox();
    assert_ne!(world.launcher.helper_pid(), Some(helper));
    assert_eq!(sandbox.sh("echo here"), "here");
    // A second request for a sandbox that lives does not end it, dead helper or not.
    let helper = i32::try_from(world.launcher.helper_pid().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(helper).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    assert!(matches!(world.launcher.launch(&sandbox.spec), Err(LaunchError::AlreadyRunning { .. })));
    assert_eq!(sandbox.sh("echo here"), "here");
}

/// Stops the helper at every moment of a launch in turn, kills it, and looks: what runs is recorded.
#[test]
fn a_helper_that_dies_in_the_middle_leaves_no_unrecorded_sandbox() {
    let world = World::new();
    for round in 0..40_u32 {
        let spec = world.spec();
        let launcher = Launcher::spawn(&testee()).unwrap();
        let helper = rustix::process::Pid::from_raw(i32::try_from(launcher.helper_pid().unwrap()).unwrap()).unwrap();
        let outcome = std::thread::scope(|scope| {
            let launching = scope.spawn(|| launcher.launch(&spec));
            // Spread over the few milliseconds that a launch takes; where it lands does not matter to the verdict.
            let moment = std::time::Instant::now();
            while moment.elapsed() < Duration::from_micros(u64::from(round) * 150) {
                std::thread::yield_now();
            }
            let _ = rustix::process::kill_process(helper, rustix::process::Signal::KILL);
            launching.join().unwrap()
        });
        // The launcher began again and made one, or it had been made before the kill: either way exactly one. Killed
        // between letting it go and saying so, beginning again is refused: then the one that lives is the recorded one.
        let record = outcome
            .or_else(|_| match SandboxRecord::load(&spec.run_dir).unwrap() {
                Some(record) if record.is_alive().unwrap().is_some() => Ok(record),
                _ => launcher.launch(&spec),
            })
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(SandboxRecord::load(&spec.run_dir).unwrap().as_ref(), Some(&record));
        let name = &record.name;
        for group in record.cgroups.v2.iter().chain(record.cgroups.v1.values()) {
            let inside = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
            assert_eq!(inside.trim(), record.pid.to_string(), "round {round}: only the recorded sandbox is in {name}");
        }
        control::stop(&record, Duration::ZERO).unwrap();
    }
    let left = control::sweep(&world.instance, &BTreeSet::new()).unwrap();
    assert_eq!(left, control::Sweep::default());
}

#[test]
fn a_failed_launch_names_its_step_and_leaves_nothing() {
    let world = World::new();
    let good = world.spec();
    let mut no_volume = good.clone();
    no_volume.identity.as_mut().unwrap().volume = world.dir.path().join("missing");
    let error = world.launcher.launch(&no_volume).unwrap_err().to_string();
    assert!(error.contains("missing/workspace") && error.contains("No such file"), "{error}");
    let mut no_base = good.clone();
    no_base.base = world.dir.path().to_owned();
    let error = world.launcher.launch(&no_base).unwrap_err().to_string();
    assert!(error.contains("usr"), "{error}");
    let mut wrong = good.clone();
    wrong.identity.as_mut().unwrap().hostname = "a b".to_owned();
    assert!(matches!(world.launcher.launch(&wrong), Err(LaunchError::Spec(_))));
    // A failure in the child, after the clone: its limit on memory is too small to be born with.
    let mut no_home = good.clone();
    std::fs::remove_dir_all(identity(&good).volume.join("home")).unwrap();
    std::fs::write(identity(&good).volume.join("home"), "a file").unwrap();
    let wished = no_home.identity.as_mut().unwrap();
    (wished.generation, wished.agent.generation) = (2, 2);
    let error = world.launcher.launch(&no_home).unwrap_err().to_string();
    assert!(error.contains("home"), "{error}");
    assert_eq!(SandboxRecord::load(&good.run_dir).unwrap(), None);
    assert!(!good.run_dir.join(AGENT_SOCKET).exists());
    assert_eq!(control::sweep(&world.instance, &BTreeSet::new()).unwrap(), control::Sweep::default());
    std::fs::remove_file(identity(&good).volume.join("home")).unwrap();
    coditect_sandbox::volume::create(&identity(&good).volume, coditect_sandbox::probe::Mode::Privileged).unwrap();
    assert_eq!(world.sandbox_of(good).sh("echo well"), "well");
}

#[test]
fn a_sweep_removes_what_the_dead_left_and_spares_the_living() {
    let world = World::new();
    let (dead, living) = (world.sandbox(), world.sandbox());
    let pidfd = dead.record.is_alive().unwrap().unwrap();
    rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL).unwrap();
    assert!(control::wait_for_end(&pidfd, Duration::from_secs(60)).unwrap());
    let (dead_name, name) = (dead.spec.name.clone(), living.spec.name.clone());
    let swept = control::sweep(&world.instance, &BTreeSet::from([name.clone()])).unwrap();
    assert_eq!(swept.removed, BTreeSet::from([dead_name]));
    assert!(swept.strays.is_empty(), "{swept:?}");
    let swept = control::sweep(&world.instance, &BTreeSet::new()).unwrap();
    assert!(swept.removed.is_empty());
    assert!(!swept.strays.is_empty() && swept.strays.iter().all(|stray| stray.name == name), "{swept:?}");
    assert!(swept.strays.iter().all(|stray| stray.pids.contains(&living.record.pid)), "{swept:?}");
    assert_eq!(living.sh("echo alive"), "alive");
}

#[test]
fn zombies_of_sandboxes_are_reaped() {
    let world = World::new();
    let sandbox = world.sandbox();
    let pid = sandbox.record.pid;
    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    eventually("the helper has reaped it", || !Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn the_log_is_the_agents_alone() {
    let world = World::new();
    let sandbox = world.sandbox();
    // Children get their own streams; pid 1's cannot be opened through /proc by what runs beside it.
    // It has answered, so it is no longer on its way from the launcher.
    assert_eq!(sandbox.sh("echo up"), "up");
    assert_eq!(std::fs::read_to_string(sandbox.spec.run_dir.join("agent.log")).unwrap(), "");
    let fds = std::fs::read_dir(format!("/proc/{}/fd", sandbox.record.pid)).unwrap();
    let mut fds: Vec<u32> = fds.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect();
    fds.sort_unstable();
    assert_eq!(fds[..5], [0, 1, 2, 3, 4]);
    for fd in fds {
        let target = std::fs::read_link(format!("/proc/{}/fd/{fd}", sandbox.record.pid)).unwrap();
        let target = target.to_string_lossy().into_owned();
        let fine = target.starts_with("socket:") || target.ends_with("/null") || target.ends_with("agent.log");
        assert!(fine, "{fd} -> {target}");
    }
}
