//! The same sandboxes for an ordinary user. Run as the user `nobody` by a copy of this test program.

use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use coditect_model::id::WorkspaceId;
use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::probe::{Feature, Mode};
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::{control, probe};

use super::harness::{Sandbox, spec_in, testee};

/// Set for the copy that runs as `nobody`: the directory it may write to and the stand-in program it can read.
const DIR: &str = "CODITECT_TEST_UNPRIVILEGED_DIR";
const NOBODY: u32 = 65_534;

#[test]
fn an_ordinary_user_gets_the_same_sandbox() {
    assert!(rustix::process::geteuid().is_root(), "these tests need root, to become an ordinary user");
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).unwrap();
    // The build directory may lie where `nobody` cannot go.
    let copy = |from: &std::path::Path, name: &str| {
        let to = dir.path().join(name);
        std::fs::copy(from, &to).unwrap();
        to
    };
    copy(&testee(), "testee");
    let own = copy(&std::env::current_exe().unwrap(), "tests");
    let output = Command::new(own)
        .args(["--exact", "it::unprivileged::as_an_ordinary_user", "--ignored", "--nocapture"])
        .env(DIR, dir.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by an_ordinary_user_gets_the_same_sandbox, as nobody"]
fn as_an_ordinary_user() {
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy names its directory")]
    let dir = std::env::var(DIR).expect("started by an_ordinary_user_gets_the_same_sandbox");
    let dir = std::path::Path::new(&dir);
    assert_eq!(rustix::process::geteuid().as_raw(), NOBODY);

    let found = probe::probe(dir, "/".as_ref());
    assert_eq!((found.mode, &found.fatal), (Mode::Unprivileged, &None));
    let missing: Vec<Feature> = found.not_enforced.iter().map(|(feature, _)| *feature).collect();
    assert!(missing.contains(&Feature::OwnIds), "{found:?}");
    assert!(found.enforced.contains(&Feature::Seccomp) && found.enforced.contains(&Feature::Landlock), "{found:?}");

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

    control::stop(&sandbox.record, Duration::ZERO).unwrap();
    assert!(sandbox.record.is_alive().unwrap().is_none());
    assert_eq!(SandboxRecord::load(&sandbox.spec.run_dir).unwrap(), None);
}
