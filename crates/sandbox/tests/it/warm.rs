//! Sandboxes made ahead: bound, they are what one made in one go is; never bound, they end and leave nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_sandbox::control;
use coditect_sandbox::launcher::{LaunchError, Launcher};
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{Limits, SandboxSpec};

use super::harness::{MIB, Sandbox, World, eventually, identity, testee};

/// Everything that programs can see of where they are. `$LAYERS` counts the Landlock domains that can still be stacked.
const LOOK: &str = r#"
    id; pwd; umask; hostname; uname -n; ulimit -a; ulimit -aH; env | sort
    cat /etc/hostname /etc/hosts /etc/machine-id
    stat -c '%n %F %a %u:%g' /workspace /home/dev /run/coditect /run/coditect/* /etc/hosts /tmp /run
    cut -d' ' -f 4-6 /proc/self/mountinfo | sort; cat /proc/self/cgroup; cat /proc/mounts | sort
    grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status; ls -l /proc/self/fd | wc -l
    cat /proc/sys/user/max_inotify_instances; ls -a / /etc /dev /run /home/dev
    echo kept >/workspace/file; echo kept >/home/dev/file; mkdir -p /workspace/d; mv /workspace/file /workspace/d/; cat /workspace/d/file
    ln -f /workspace/d/file /workspace/e; stat -c '%a %u' /workspace/e; touch /tmp/x /dev/shm/x /var/tmp/x
    for place in / /etc /usr /home /root /srv; do touch $place/x 2>&1 || true; done
    python3 -c '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
layers = 0
rights = ctypes.c_uint64(1)
while True:
    rules = libc.syscall(444, ctypes.byref(rights), ctypes.c_size_t(8), 0)
    assert rules >= 0, ctypes.get_errno()
    if libc.syscall(446, rules, 0) != 0:
        break
    layers += 1
print("landlock layers left:", layers)'
"#;

/// A specification without an identity, in a run directory of its own.
fn unbound(world: &World) -> SandboxSpec {
    let mut spec = world.spec();
    spec.identity = None;
    spec
}

/// Where the sandbox of `spec` is to be once it is somebody's.
fn bound_dir(spec: &SandboxSpec) -> PathBuf {
    spec.run_dir.with_extension("bound")
}

fn groups_of(record: &SandboxRecord) -> Vec<PathBuf> {
    record.cgroups.v2.iter().chain(record.cgroups.v1.values()).cloned().collect()
}

#[test]
fn a_bound_sandbox_is_what_one_made_in_one_go_is() {
    let world = World::new();
    let spec = world.spec();
    let cold = world.sandbox_of(spec.clone());
    let seen_cold = cold.sh(LOOK);
    assert!(seen_cold.contains("landlock layers left: 15"), "{seen_cold}");
    drop(cold);
    for entry in ["workspace/d", "home/file", "workspace/e"] {
        let path = identity(&spec).volume.join(entry);
        let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    }

    // Made with other limits than it gets.
    let other = Limits { cpu_millis: 100, memory_bytes: 64 * MIB, pids: 16, open_files: 64, terminals: 1 };
    let waiting_spec = SandboxSpec { identity: None, limits: other, ..spec.clone() };
    let waiting = world.launcher.launch(&waiting_spec).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((waiting.workspace_id, waiting.generation), (None, 0));
    let (mine, run_dir) = (identity(&spec), bound_dir(&spec));
    let bound = world.launcher.bind(&waiting, mine, &spec.limits, &run_dir).unwrap_or_else(|error| panic!("{error}"));
    assert!(!waiting.run_dir.exists(), "its run directory has another name");
    assert_eq!(SandboxRecord::load(&run_dir).unwrap().as_ref(), Some(&bound));
    assert_eq!((bound.pid, bound.workspace_id, bound.generation), (waiting.pid, Some(mine.workspace_id), 1));
    let warm = Sandbox { spec: SandboxSpec { run_dir, ..spec }, record: bound };
    let seen_warm = warm.sh(LOOK);
    for (cold, warm) in seen_cold.lines().zip(seen_warm.lines()) {
        assert_eq!(cold, warm);
    }
    assert_eq!(seen_cold, seen_warm);
    let memory = warm.record.cgroups.v1.values().find(|group| group.join("memory.limit_in_bytes").exists());
    let limit = match memory {
        Some(group) => std::fs::read_to_string(group.join("memory.limit_in_bytes")),
        None => std::fs::read_to_string(warm.record.cgroups.v2.as_ref().unwrap().join("memory.max")),
    };
    assert_eq!(limit.unwrap().trim(), (512 * MIB).to_string());
    // The files that name the workspace are the user's to write.
    assert_eq!(warm.sh("echo 127.0.0.1 mine >>/etc/hosts; getent hosts mine"), "127.0.0.1       mine");
    assert_eq!(warm.sh("tr '\\0' ' ' </proc/1/cmdline"), "coditect-agent agent");
}

#[test]
fn an_identity_is_given_once() {
    let world = World::new();
    let (first, second) = (world.spec(), world.spec());
    let spec = unbound(&world);
    let waiting = world.launcher.launch(&spec).unwrap();
    let run_dir = bound_dir(&spec);
    let record = world.launcher.bind(&waiting, identity(&first), &first.limits, &run_dir).unwrap();
    let bound = Sandbox { spec: SandboxSpec { run_dir, ..first }, record };
    let again = world.launcher.bind(&waiting, identity(&second), &second.limits, &bound_dir(&second));
    assert!(matches!(&again, Err(LaunchError::NotWaiting(name)) if *name == waiting.name), "{again:?}");
    assert_eq!(bound.sh("hostname"), identity(&bound.spec).hostname);
    assert!(!bound_dir(&second).exists());
}

#[test]
fn a_sandbox_that_cannot_be_bound_is_ended() {
    let world = World::new();
    let mine = world.spec();
    for trouble in ["no volume", "taken run directory", "no home"] {
        let spec = unbound(&world);
        let waiting = world.launcher.launch(&spec).unwrap();
        let mut wrong = identity(&mine).clone();
        match trouble {
            "no volume" => wrong.volume = world.dir.path().join("missing"),
            "no home" => {
                wrong.volume = world.dir.path().join("half");
                std::fs::create_dir_all(wrong.volume.join("workspace")).unwrap();
                std::fs::write(wrong.volume.join("home"), "a file").unwrap();
            }
            _ => std::fs::create_dir(bound_dir(&spec)).unwrap(),
        }
        let error = world.launcher.bind(&waiting, &wrong, &mine.limits, &bound_dir(&spec)).unwrap_err();
        assert!(matches!(error, LaunchError::Step { .. }), "{trouble}: {error}");
        assert!(waiting.is_alive().unwrap().is_none(), "{trouble}");
        assert_eq!(SandboxRecord::load(&waiting.run_dir).unwrap(), None, "{trouble}");
        assert!(groups_of(&waiting).iter().all(|group| !group.exists()), "{trouble}");
    }
    // The helper is where it was: what it makes next has nothing to do with those.
    assert_eq!(world.sandbox_of(mine).sh("pwd"), "/workspace");
    assert_eq!(control::sweep(&world.instance, &BTreeSet::new()).unwrap(), control::Sweep::default());
}

#[test]
fn waiting_sandboxes_end_with_their_helper() {
    let world = World::new();
    let records: Vec<_> = (0..3).map(|_| world.launcher.launch(&unbound(&world)).unwrap()).collect();
    let bound_spec = unbound(&world);
    let waiting = world.launcher.launch(&bound_spec).unwrap();
    let mine = world.spec();
    let run_dir = bound_dir(&bound_spec);
    let record = world.launcher.bind(&waiting, identity(&mine), &mine.limits, &run_dir).unwrap();
    let bound = Sandbox { spec: SandboxSpec { run_dir, ..mine }, record };
    kill(world.launcher.helper_pid().unwrap());
    for record in &records {
        eventually("a waiting sandbox ends", || record.is_alive().unwrap().is_none());
        // What is left of it on the machine is taken away by its record.
        control::stop(record, Duration::ZERO).unwrap();
        assert!(groups_of(record).iter().all(|group| !group.exists()));
    }
    assert_eq!(bound.sh("echo lives"), "lives");
    let late = world.launcher.bind(&records[0], identity(&world.spec()), &records[0].limits, &bound_dir(&bound_spec));
    assert!(late.is_err());
    // A launcher that is closed in good order lets none live either.
    let launcher = Launcher::spawn(&testee()).unwrap();
    let record = launcher.launch(&unbound(&world)).unwrap();
    drop(launcher);
    eventually("it ends with its launcher", || record.is_alive().unwrap().is_none());
    control::stop(&record, Duration::ZERO).unwrap();
}

/// Stops the helper at every moment of a binding in turn, and looks: at most one sandbox, and only a recorded one.
#[test]
fn a_binding_that_is_cut_anywhere_leaves_a_recorded_sandbox_or_none() {
    let world = World::new();
    let (mut bound, mut ended) = (0, 0);
    for round in 0..40_u32 {
        let launcher = Launcher::spawn(&testee()).unwrap();
        let (spec, mine) = (unbound(&world), world.spec());
        let waiting = launcher.launch(&spec).unwrap();
        let (helper, run_dir) = (launcher.helper_pid().unwrap(), bound_dir(&spec));
        let outcome = std::thread::scope(|scope| {
            let binding = scope.spawn(|| launcher.bind(&waiting, identity(&mine), &mine.limits, &run_dir));
            let moment = std::time::Instant::now();
            while moment.elapsed() < Duration::from_micros(u64::from(round) * 60) {
                std::thread::yield_now();
            }
            kill(helper);
            binding.join().unwrap()
        });
        match outcome {
            Ok(record) => {
                bound += 1;
                assert_eq!(SandboxRecord::load(&run_dir).unwrap().as_ref(), Some(&record), "round {round}");
                let sandbox = Sandbox { spec: SandboxSpec { run_dir, ..mine }, record };
                assert_eq!(sandbox.sh("pwd"), "/workspace", "round {round}");
            }
            Err(error) => {
                ended += 1;
                assert!(waiting.is_alive().unwrap().is_none(), "round {round}: {error}");
                for dir in [&waiting.run_dir, &run_dir] {
                    assert_eq!(SandboxRecord::load(dir).unwrap(), None, "round {round}");
                }
                assert!(groups_of(&waiting).iter().all(|group| !group.exists()), "round {round}");
            }
        }
    }
    println!("{bound} bound, {ended} ended");
    assert!(ended > 0, "the kill never came in time");
    assert_eq!(control::sweep(&world.instance, &BTreeSet::new()).unwrap(), control::Sweep::default());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(&*world.dir.path().to_string_lossy()), "{mounts}");
}

/// The same for the making of one: what was made of it is the recorded one that waits, or nothing.
#[test]
fn a_preparation_that_is_cut_anywhere_leaves_a_recorded_sandbox_or_nothing() {
    let world = World::new();
    for round in 0..40_u32 {
        let launcher = Launcher::spawn(&testee()).unwrap();
        let spec = unbound(&world);
        let helper = launcher.helper_pid().unwrap();
        let outcome = std::thread::scope(|scope| {
            let making = scope.spawn(|| launcher.launch(&spec));
            let moment = std::time::Instant::now();
            while moment.elapsed() < Duration::from_micros(u64::from(round) * 200) {
                std::thread::yield_now();
            }
            kill(helper);
            making.join().unwrap()
        });
        // Begun again by another helper, or made before the kill: then it ends with the helper that was killed.
        let record = outcome.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(SandboxRecord::load(&spec.run_dir).unwrap().as_ref(), Some(&record), "round {round}");
        for group in groups_of(&record) {
            let inside = std::fs::read_to_string(group.join("cgroup.procs")).unwrap();
            let alone = inside.trim().is_empty() || inside.trim() == record.pid.to_string();
            assert!(alone, "round {round}: {inside}");
        }
        control::stop(&record, Duration::ZERO).unwrap();
        assert!(groups_of(&record).iter().all(|group| !group.exists()), "round {round}");
    }
    assert_eq!(control::sweep(&world.instance, &BTreeSet::new()).unwrap(), control::Sweep::default());
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // It may have ended already.
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    let gone = || !Path::new(&format!("/proc/{}/fd/3", pid.as_raw_nonzero())).exists();
    eventually("the helper has ended", gone);
}
