//! Versions of the root file system: added, chosen, taken at the next start, removed.

use std::path::{Path, PathBuf};
use std::process::Command;

use coditect_host::{BaseError, Bases, MACHINE};
use coditect_model::warm::Policy;
use coditect_model::workspace::Generation;

use super::inside::sh;
use super::{Machine, start, workspace};

/// Programs of a small base.
const PROGRAMS: [&str; 3] = ["bash", "cat", "ls"];

/// A root file system with a shell, what it needs, and a version to tell it by.
fn tree(dir: &Path, version: &str) -> PathBuf {
    let root = dir.join(format!("tree-{version}"));
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/base-version"), version).unwrap();
    for name in ["bin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), root.join(name)).unwrap();
    }
    for program in PROGRAMS {
        let program = format!("/usr/bin/{program}");
        let needs = Command::new("ldd").arg(&program).output().unwrap();
        let needs = String::from_utf8(needs.stdout).unwrap();
        let libraries = needs.split_ascii_whitespace().filter(|word| word.starts_with('/'));
        for file in libraries.chain([program.as_str()]) {
            let inside = file.strip_prefix("/usr").unwrap_or(file);
            let copy = root.join("usr").join(inside.trim_start_matches('/'));
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::copy(file, copy).unwrap();
        }
    }
    root
}

#[tokio::test]
async fn a_base_reaches_a_workspace_at_its_next_start_and_files_stay() {
    let mut machine = Machine::new();
    machine.warm = Policy { max: 1, ..Policy::default() };
    let bases = Bases::below(&machine.dir.path().join("host"), Path::new("/"));
    let host = machine.open();
    host.keep_warm();
    let (first, second) = (tree(machine.dir.path(), "v1"), tree(machine.dir.path(), "v2"));
    let archive = machine.dir.path().join("v2.tar.gz");
    let packed = Command::new("tar").args(["-czf"]).arg(&archive).arg("-C").arg(&second).arg(".").status().unwrap();
    assert!(packed.success());
    bases.add("v1", &first).unwrap();
    bases.add("v2", &archive).unwrap();
    bases.set_default("v1").unwrap();

    let workspace = workspace(90);
    host.start(start(workspace, 1)).await.unwrap();
    assert_eq!(sh(&host, workspace, 1, "cat /etc/base-version").await, "v1");
    sh(&host, workspace, 1, "echo kept > /workspace/file; echo 'own=1' >> /home/dev/.profile").await;

    bases.set_default("v2").unwrap();
    assert_eq!(sh(&host, workspace, 1, "cat /etc/base-version").await, "v1", "what runs keeps its base");
    let listed = bases.list(&machine.run_dir()).unwrap();
    let shown: Vec<_> = listed.iter().map(|base| (base.name.as_str(), base.is_default, base.used_by.len())).collect();
    assert_eq!(shown, [(MACHINE, false, 0), ("v1", false, 1), ("v2", true, 0)]);
    let refused = bases.remove("v1", &machine.run_dir()).unwrap_err();
    assert!(matches!(&refused, BaseError::InUse { workspaces, .. } if *workspaces == [workspace.label()]), "{refused}");

    host.stop(workspace, Generation(2)).await.unwrap();
    host.start(start(workspace, 3)).await.unwrap();
    let seen = sh(&host, workspace, 3, "cat /etc/base-version /workspace/file; ls /usr/bin").await;
    assert_eq!(seen, "v2kept\nbash\ncat\nls");
    assert!(sh(&host, workspace, 3, "cat /home/dev/.profile").await.ends_with("own=1"));
    bases.remove("v1", &machine.run_dir()).unwrap();

    bases.set_default(MACHINE).unwrap();
    host.stop(workspace, Generation(4)).await.unwrap();
    host.start(start(workspace, 5)).await.unwrap();
    assert_eq!(
        sh(&host, workspace, 5, "cat /workspace/file; test -e /etc/base-version || echo gone").await,
        "kept\ngone"
    );
    host.delete(workspace, Generation(6)).await.unwrap();
    host.close().await;
    drop(host);
    machine.assert_clean();
}
