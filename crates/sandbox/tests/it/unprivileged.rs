//! The same sandboxes for an ordinary user. Run as the user `nobody` by a copy of this test program.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use coditect_model::id::WorkspaceId;
use coditect_sandbox::cgroup::{CgroupLayout, Controller};
use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::probe::{Feature, Mode};
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::Limits;
use coditect_sandbox::{control, probe};

use super::harness::{Sandbox, prepare, spec_in, testee};

/// Set for the copy that runs as `nobody`: the directory it may write to and the stand-in program it can read.
const DIR: &str = "CODITECT_TEST_UNPRIVILEGED_DIR";
const NOBODY: u32 = 65_534;

/// Set for the copy that was given a control group of its own.
const GROUP: &str = "CODITECT_TEST_UNPRIVILEGED_GROUP";

#[test]
fn an_ordinary_user_gets_the_same_sandbox() {
    run_as_nobody(None);
}

#[test]
fn an_ordinary_user_with_a_control_group_gets_what_it_can_do() {
    prepare();
    let layout = CgroupLayout::detect().unwrap().writable();
    let own = layout.v2.expect("this machine has a version 2 hierarchy, with or without controllers");
    let group = own.join(format!("coditect-test-user-{}", std::process::id()));
    std::fs::create_dir(&group).unwrap();
    for controller in &layout.v2_controllers {
        std::fs::write(own.join("cgroup.subtree_control"), format!("+{}", controller.name())).unwrap();
    }
    // What a service manager hands over with a group (Documentation/admin-guide/cgroup-v2.rst, "Delegation").
    for name in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
        std::os::unix::fs::chown(group.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let outcome = std::panic::catch_unwind(|| run_as_nobody(Some(&group)));
    let _ = std::fs::remove_dir(group.join("coditect-serve"));
    // Refused while a sandbox's group is left in it.
    std::fs::remove_dir(&group).unwrap();
    outcome.unwrap();
}

fn run_as_nobody(group: Option<&Path>) {
    assert!(rustix::process::geteuid().is_root(), "these tests need root, to become an ordinary user");
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    // The build directory may lie where `nobody` cannot go.
    let copy = |from: &Path, name: &str| {
        let to = dir.path().join(name);
        std::fs::copy(from, &to).unwrap();
        to
    };
    copy(&testee(), "testee");
    let own = copy(&std::env::current_exe().unwrap(), "tests");
    let mut command = Command::new("/bin/sh");
    let id = NOBODY.to_string();
    let enter = r#"if [ -n "$1" ]; then echo $$ >"$1/cgroup.procs"; fi; shift; exec "$@""#;
    command.args(["-euc", enter, "sh"]).arg(group.unwrap_or(Path::new("")));
    command.args(["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"]).arg(own);
    command.args(["--exact", "it::unprivileged::as_an_ordinary_user", "--ignored", "--nocapture"]);
    command.env(DIR, dir.path());
    if group.is_some() {
        command.env(GROUP, "yes");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by an_ordinary_user_gets_the_same_sandbox, as nobody"]
fn as_an_ordinary_user() {
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy names its directory")]
    let dir = std::env::var(DIR).expect("started by an_ordinary_user_gets_the_same_sandbox");
    let dir = Path::new(&dir);
    assert_eq!(rustix::process::geteuid().as_raw(), NOBODY);
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy says what it was given")]
    let has_group = std::env::var(GROUP).is_ok();
    if has_group {
        prepare();
    }

    let found = probe::probe(dir, "/".as_ref());
    assert_eq!((found.mode, &found.fatal), (Mode::Unprivileged, &None));
    let missing: Vec<Feature> = found.not_enforced.iter().map(|(feature, _)| *feature).collect();
    assert!(missing.contains(&Feature::OwnIds), "{found:?}");
    assert!(found.enforced.contains(&Feature::Seccomp) && found.enforced.contains(&Feature::Landlock), "{found:?}");

    let layout = CgroupLayout::detect().unwrap().writable();
    assert_eq!(layout.v2.is_some(), has_group, "{layout:?}");
    assert_eq!(found.enforced.contains(&Feature::Freeze), has_group, "{found:?}");
    for (feature, controller) in [
        (Feature::CpuLimit, Controller::Cpu),
        (Feature::MemoryLimit, Controller::Memory),
        (Feature::PidsLimit, Controller::Pids),
    ] {
        assert_eq!(found.enforced.contains(&feature), layout.has(controller), "{found:?}");
        assert_eq!(missing.contains(&feature), !layout.has(controller), "{found:?}");
    }

    let launcher = Launcher::spawn(&dir.join("testee")).unwrap();
    let spec = spec_in(dir, WorkspaceId::from_bytes([9; 16]), "unprivileged", 1, Mode::Unprivileged);
    let record = launcher.launch(&spec).unwrap_or_else(|error| panic!("{error}"));
    let sandbox = Sandbox { spec, record };
    assert_eq!(sandbox.record.mode, Mode::Unprivileged);
    assert_eq!(sandbox.sh("id -u; id -un; pwd; hostname"), "1000\ndev\n/workspace\nwork-1");
    assert_eq!(sandbox.sh("grep CapEff /proc/self/status"), "CapEff:\t0000000000000000");
    assert_eq!(sandbox.sh("stat -c %u:%a /workspace /home/dev"), "1000:700\n1000:700");
    sandbox.sh("echo x >/workspace/f && echo x >/tmp/f && ! touch /usr/f 2>/dev/null && ! touch /etc/f 2>/dev/null && ! touch /f 2>/dev/null");
    assert_eq!(
        sandbox.sh("cut -d: -f1 /etc/passwd; ls /home; cat /etc/shadow; ls /sys"),
        "root\ndev\nnobody\ndev\ndevices"
    );
    assert_eq!(sandbox.sh(&format!("test -e {} && echo seen || echo hidden", dir.display())), "hidden");
    assert_eq!(sandbox.raw(&[libc::SYS_mount]), libc::EPERM);
    assert_eq!(sandbox.sh("python3 -c 'import pty; pty.spawn([\"true\"]); print(1)'"), "1");
    let on_disk = std::os::unix::fs::MetadataExt::uid(&sandbox.on_disk("f").metadata().unwrap());
    assert_eq!(on_disk, NOBODY);

    if layout.has(Controller::Pids) {
        let pids = control::usage(&sandbox.record).unwrap().pids.unwrap();
        let limits = Limits { pids: u32::try_from(pids).unwrap() + 2, ..sandbox.spec.limits.clone() };
        control::set_limits(&sandbox.record, &limits).unwrap();
        let refused = "for i in 1 2 3 4 5; do sleep 9 & done 2>/dev/null; wait";
        assert_ne!(sandbox.run(&["/bin/sh", "-c", refused]).0, 0);
        control::set_limits(&sandbox.record, &sandbox.spec.limits).unwrap();
    }
    if has_group {
        control::freeze(&sandbox.record).unwrap();
        control::thaw(&sandbox.record).unwrap();
        assert_eq!(sandbox.sh("echo alive"), "alive");
    }
    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    assert!(sandbox.record.is_alive().unwrap().is_none());
    assert_eq!(SandboxRecord::load(&sandbox.spec.run_dir).unwrap(), None);
}
