//! Volumes under real workspaces: full ones, lost hosts, a disk that runs out, and POSIX on every kind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coditect_host::{Host, NetworkConfig, StartWorkspace, StorageConfig, StorageKind};
use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_model::warm::Policy;
use coditect_model::workspace::Generation;

use super::inside::{run, sh};
use super::{DEADLINE, Machine, limits, open_storing, until, workspace};

const MIB: u64 = 1 << 20;
/// What a workspace does whose every acknowledged file is looked at later; see the file.
const WITNESS: &str = include_str!("storage/witness.py");
/// What POSIX promises beyond what pjdfstest looks at.
const POSIX: &str = include_str!("storage/posix.py");

fn sized(id: WorkspaceId, generation: u64, mib: u64) -> StartWorkspace {
    let limits = Limits { storage_bytes: mib * MIB, inodes: 200_000, ..limits() };
    StartWorkspace { workspace: id, generation: Generation(generation), limits }
}

/// As the other tests of hosts have it.
fn network() -> NetworkConfig {
    NetworkConfig { ready: 1, ..NetworkConfig::default() }
}

fn pool(mib: u64, reserve_mib: u64) -> StorageConfig {
    StorageConfig { kind: Some(StorageKind::Pool), reserve_bytes: Some(reserve_mib * MIB), pool_bytes: Some(mib * MIB) }
}

impl Machine {
    fn open_kept(&self, storage: StorageConfig) -> Host {
        self.open_at(&self.dir.path().join("host"), storage)
    }

    fn open_at(&self, state_dir: &Path, storage: StorageConfig) -> Host {
        open_storing(self.dir.path(), state_dir, &self.instance, Policy::OFF, network(), storage)
    }

    /// No image below this machine's directory may be attached to anything.
    async fn assert_let_go(&self) {
        self.assert_clean();
        for dir in ["host", "host/volumes", "host/pool"] {
            for entry in std::fs::read_dir(self.dir.path().join(dir)).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.extension().is_some_and(|end| end == "img" || end == "xfs") {
                    let free = || !coditect_sandbox::storage::loop_device::in_use(&path).unwrap();
                    until(&format!("{} is let go", path.display()), free).await;
                }
            }
        }
    }
}

/// Runs a Python program inside, as a file of its own.
async fn python(host: &Host, id: WorkspaceId, generation: u64, text: &str, arguments: &[&str]) -> (i64, String) {
    run(host, id, generation, &[&["python3", "-c", text], arguments].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_volume_loses_nothing_that_was_acknowledged_and_its_neighbour_nothing_at_all() {
    let machine = Machine::new();
    let host = machine.open_kept(pool(500, 16));
    let (full, neighbour) = (workspace(71), workspace(72));
    host.start(sized(full, 1, 96)).await.unwrap();
    host.start(sized(neighbour, 1, 160)).await.unwrap();
    // The neighbour writes small files and syncs each, all the while the other fills its bytes and then its inodes.
    let (witness, filler) = tokio::join!(python(&host, neighbour, 1, WITNESS, &["until-stopped"]), async {
        let bytes = python(&host, full, 1, WITNESS, &["fill-bytes"]).await;
        let inodes = python(&host, full, 1, WITNESS, &["fill-inodes"]).await;
        let volume = machine.dir.path().join("host/mounts").join(neighbour.label()).join("workspace");
        std::fs::write(volume.join("stop"), "").unwrap();
        (bytes, inodes)
    });
    let (bytes, inodes) = filler;
    assert!(bytes.0 == 0 && bytes.1.contains("No space left on device"), "{bytes:?}");
    assert!(inodes.0 == 0 && inodes.1.contains("No space left on device"), "{inodes:?}");
    assert_eq!(witness.0, 0, "{witness:?}");
    let used = host.usage(full).unwrap().storage_bytes.unwrap();
    assert!((60 * MIB..=96 * MIB).contains(&used), "{used}");
    // Killed as they are, and looked at by their next life.
    for id in [full, neighbour] {
        let pid = host.list().into_iter().find(|status| status.workspace == id).unwrap().pid;
        super::kill(pid);
    }
    until("both have ended", || host.list().is_empty()).await;
    host.close().await;
    let host = machine.open_kept(pool(500, 16));
    host.adopt().await.unwrap();
    for (id, mib) in [(full, 96), (neighbour, 160)] {
        host.start(sized(id, 2, mib)).await.unwrap();
        let (code, words) = python(&host, id, 2, WITNESS, &["verify"]).await;
        assert_eq!(code, 0, "{words}");
        println!("{words}");
        host.delete(id, Generation(3)).await.unwrap();
    }
    host.close().await;
    machine.assert_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_changes_its_size_while_it_is_in_use() {
    let machine = Machine::new();
    let host = machine.open_kept(pool(500, 16));
    let id = workspace(73);
    host.start(sized(id, 1, 64)).await.unwrap();
    let free = "stat -f -c %a /workspace";
    let blocks = async |generation| sh(&host, id, generation, free).await.parse::<u64>().unwrap();
    let before = blocks(1).await;
    // Smaller at once; larger at once where the kernel lets it, else when it starts again.
    assert_eq!(host.set_limits(id, Generation(1), &sized(id, 1, 32).limits).await.unwrap(), []);
    assert!(blocks(1).await + 7000 < before);
    let larger = sized(id, 2, 128);
    for pending in host.set_limits(id, Generation(1), &larger.limits).await.unwrap() {
        assert!(pending.limit == "storage_bytes" && pending.reason.contains("next start"), "{pending:?}");
        assert!(!pending.retried && blocks(1).await <= before);
    }
    host.stop(id, Generation(2)).await.unwrap();
    host.start(larger).await.unwrap();
    assert!(blocks(2).await > before + 14_000, "{} after {before}", blocks(2).await);
    host.delete(id, Generation(3)).await.unwrap();
    host.close().await;
    machine.assert_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_the_disks_last_space_is_stopped_and_the_others_work_on() {
    let machine = Machine::new();
    let host = machine.open_kept(pool(500, 160));
    let (greedy, neighbour) = (workspace(74), workspace(75));
    host.start(sized(greedy, 1, 400)).await.unwrap();
    host.start(sized(neighbour, 1, 64)).await.unwrap();
    sh(&host, neighbour, 1, "echo precious >kept; sync kept").await;
    // Space set aside before it was short: no later refusal reaches it.
    sh(&host, greedy, 1, "fallocate -l 340M aside").await;
    let mut exits = host.exits();
    let write = "(dd if=/dev/urandom of=aside bs=256k count=1350 conv=notrunc oflag=direct >/dev/null 2>&1 &)";
    sh(&host, greedy, 1, write).await;
    assert_eq!(tokio::time::timeout(DEADLINE, exits.recv()).await.unwrap().unwrap(), greedy);
    let reason = host.end_reason(greedy).unwrap();
    assert!(reason.contains("disk space"), "{reason}");
    assert!(host.storage_report().short_of_space);
    // The neighbour lives, reads and deletes; it cannot take more, and is told so cleanly.
    let words = sh(&host, neighbour, 1, "cat kept; echo more >more 2>/dev/null || echo refused; rm -f more; ls").await;
    assert_eq!(words, "precious\nrefused\nkept");
    let refused = host.start(sized(workspace(76), 1, 64)).await.unwrap_err().to_string();
    assert!(refused.contains("short of disk space"), "{refused}");
    // What the stopped one had is still there, and its owner may make room: by deleting it, here.
    host.delete(greedy, Generation(2)).await.unwrap();
    until("there is space again", || !host.storage_report().short_of_space).await;
    sh(&host, neighbour, 1, "echo more >more; sync more").await;
    host.start(sized(workspace(76), 2, 64)).await.unwrap();
    assert_eq!(host.end_reason(neighbour), None);
    for id in [neighbour, workspace(76)] {
        host.delete(id, Generation(3)).await.unwrap();
    }
    host.close().await;
    machine.assert_let_go().await;
}

/// Where the copy of this program that is to be killed has its host.
const DOOMED_DIR: &str = "CODITECT_TEST_DOOMED_STORAGE";
/// The installation's name for it.
const DOOMED_INSTANCE: &str = "CODITECT_TEST_DOOMED_STORAGE_INSTANCE";

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_while_it_makes_and_mounts_volumes_leaves_none_half() {
    for delay_ms in [0, 4, 9, 15, 22, 35, 60, 110] {
        let machine = Machine::new();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "storage::as_a_host_that_makes_volumes", "--ignored", "--nocapture"])
            .env(DOOMED_DIR, machine.dir.path())
            .env(DOOMED_INSTANCE, &machine.instance)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = machine.dir.path().join("begun");
        until("the host has begun", || begun.exists()).await;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let host = machine.open_kept(pool(400, 0));
        let found = tokio::time::timeout(DEADLINE, host.adopt()).await.unwrap().unwrap();
        for status in &found {
            sh(&host, status.workspace, status.generation.0, "echo here >here; sync here").await;
        }
        // Everything it ever began can be started, with all that was in it.
        for seed in 80..84 {
            let id = workspace_of(machine.dir.path(), seed);
            let generation = found.iter().find(|status| status.workspace == id).map_or(5, |status| status.generation.0);
            host.start(sized(id, generation, 32)).await.unwrap_or_else(|error| panic!("round {delay_ms}: {error}"));
            sh(&host, id, generation, "test -d /workspace -a -f ~/.bashrc; echo well >well; sync well").await;
            host.delete(id, Generation(9)).await.unwrap();
        }
        for (_, outcome) in host.stop_all().await {
            outcome.unwrap();
        }
        host.close().await;
        machine.assert_let_go().await;
    }
}

/// The same in the process that is killed and in the one that looks.
fn workspace_of(dir: &Path, seed: u8) -> WorkspaceId {
    let mut bytes = [seed; 16];
    let name = dir.as_os_str().as_encoded_bytes();
    bytes[..4].copy_from_slice(&name[name.len() - 4..]);
    WorkspaceId::from_bytes(bytes)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by a_host_killed_while_it_makes_and_mounts_volumes_leaves_none_half"]
async fn as_a_host_that_makes_volumes() {
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy names its directory")]
    let dir = PathBuf::from(std::env::var(DOOMED_DIR).unwrap());
    #[expect(clippy::disallowed_methods, reason = "how the test that starts this copy names its installation")]
    let instance = std::env::var(DOOMED_INSTANCE).unwrap();
    let host = open_storing(&dir, &dir.join("host"), &instance, Policy::OFF, network(), pool(400, 0));
    host.adopt().await.unwrap();
    std::fs::write(dir.join("begun"), "").unwrap();
    for generation in 1.. {
        for seed in 80..84 {
            let id = workspace_of(&dir, seed);
            host.start(sized(id, generation, 32)).await.unwrap();
            host.stop(id, Generation(generation)).await.unwrap();
        }
    }
}

/// pjdfstest as the workspace's user inside and as root outside, and what it does not look at, inside. `unlike` names, in
/// quotes, what the file system is known to do otherwise.
#[expect(clippy::print_stdout, reason = "how many cases passed")]
async fn is_posix(machine: &Machine, host: &Host, id: WorkspaceId, volume: &Path, unlike: &str) {
    let suite = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/pjdfstest");
    assert!(suite.exists(), "{} is missing: run `scripts/setup test`", suite.display());
    host.start(sized(id, 1, 256)).await.unwrap();
    assert!(volume.join("workspace").is_dir(), "{}", volume.display());
    std::fs::copy(&suite, volume.join("workspace/pjdfstest")).unwrap();
    let settings = |users: &str| {
        format!(
            "[features]\nposix_fallocate = {{}}\nrename_ctime = {{}}\nutimensat = {{}}\nutime_now = {{}}\n\
             [settings]\nnaptime = 0.01\nallow_remount = false\nexpected_failures = [{unlike}]\n\
             [dummy_auth]\nentries = [[\"nobody\", \"nogroup\"], {users}]\n"
        )
    };
    std::fs::write(volume.join("workspace/settings.toml"), settings("[\"dev\", \"dev\"]")).unwrap();
    let settings_file = volume.join("settings.toml");
    std::fs::write(&settings_file, settings("[\"daemon\", \"daemon\"]")).unwrap();
    let (code, words) = python(host, id, 1, POSIX, &[]).await;
    assert_eq!(code, 0, "{words}");
    assert_eq!(words.lines().last().unwrap_or_default(), "26 cases hold", "{words}");

    let script = "mkdir -p pjd && ./pjdfstest -c settings.toml -p pjd";
    let (code, words) = run(host, id, 1, &["/bin/sh", "-c", script]).await;
    let failed = |words: &str| words.lines().filter(|line| line.ends_with("FAILED")).collect::<Vec<_>>().join("\n");
    assert_eq!(code, 0, "inside: {}\n{words}", failed(&words));
    let inside = passed(&words);
    assert!(inside >= 150, "{words}");

    // Names of sockets must fit into 108 bytes, so the suite sees the volume by a short one.
    let outside = volume.join("pjd");
    std::fs::create_dir(&outside).unwrap();
    let short = tempfile::Builder::new().prefix("cp").tempdir().unwrap();
    let bound = Command::new("mount").arg("--bind").args([&outside, short.path()]).status().unwrap();
    let arguments = ["-c".as_ref(), settings_file.as_os_str(), "-p".as_ref(), short.path().as_os_str()];
    let output = Command::new(&suite).args(arguments).output();
    let unbound = Command::new("umount").arg(short.path()).status().unwrap();
    assert!(bound.success() && unbound.success());
    let output = output.unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "outside: {}\n{words}", failed(&words));
    assert!(passed(&words) >= 370, "{words}");
    println!("pjdfstest passed {inside} as the user inside, {} as root", passed(&words));
    host.delete(id, Generation(2)).await.unwrap();
    host.close().await;
    machine.assert_clean();
}

/// How many cases passed, of the last line `Summary: 0 failed, 15 skipped, 383 passed, …`.
fn passed(words: &str) -> u32 {
    let summary = words.lines().rfind(|line| line.starts_with("Summary:")).unwrap_or_else(|| panic!("{words}"));
    let count = summary.split(", ").find_map(|part| part.strip_suffix(" passed")).unwrap();
    assert!(summary.contains(" 0 failed"), "{words}");
    count.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_in_the_pool_is_posix() {
    let machine = Machine::new();
    let host = machine.open_kept(pool(500, 16));
    let id = workspace(77);
    is_posix(&machine, &host, id, &machine.dir.path().join("host/mounts").join(id.label()), "").await;
    machine.assert_let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_in_a_plain_directory_is_posix() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(78);
    is_posix(&machine, &host, id, &machine.dir.path().join("host/volumes").join(id.label()), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_on_btrfs_is_posix() {
    let disk = Disk::made("btrfs", &["mkfs.btrfs", "-q"], &["-t", "btrfs"]);
    let machine = Machine::new();
    let storage = StorageConfig { reserve_bytes: Some(16 * MIB), ..StorageConfig::default() };
    let host = machine.open_at(&disk.host(), storage);
    assert_eq!(host.storage_report().kind, StorageKind::Subvolume);
    let id = workspace(79);
    // Directories of btrfs do not count what links to them.
    let unlike = "\"rename::updates_link_parent\"";
    is_posix(&machine, &host, id, &disk.host().join("volumes").join(id.label()), unlike).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_under_a_project_quota_is_posix_where_the_kernel_has_them() {
    let mkfs = ["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota"];
    let disk = Disk::made("ext4", &mkfs, &["-t", "ext4", "-o", "prjquota"]);
    if !coditect_sandbox::storage::project::enforced(&disk.dir.path().join("mounted")).unwrap_or(false) {
        eprintln!(
            "NOT RUN: a_volume_under_a_project_quota_is_posix_where_the_kernel_has_them: this kernel was built without \
             project quotas"
        );
        return;
    }
    let machine = Machine::new();
    let storage =
        StorageConfig { kind: Some(StorageKind::Project), reserve_bytes: Some(16 * MIB), ..StorageConfig::default() };
    let host = machine.open_at(&disk.host(), storage);
    let id = workspace(90);
    is_posix(&machine, &host, id, &disk.host().join("volumes").join(id.label()), "").await;
}

/// A disk of its own, made for a test.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn made(name: &str, mkfs: &[&str], mount: &[&str]) -> Self {
        let disk = Self { dir: tempfile::Builder::new().prefix("coditect-host-disk-").tempdir().unwrap() };
        let (image, point) = (disk.dir.path().join(name), disk.dir.path().join("mounted"));
        std::fs::File::create(&image).unwrap().set_len(700 * MIB).unwrap();
        std::fs::create_dir(&point).unwrap();
        assert!(Command::new(mkfs[0]).args(&mkfs[1..]).arg(&image).output().unwrap().status.success());
        // A kernel that cannot is noticed by whoever looks at what is mounted.
        let _ = Command::new("mount").args(mount).args(["-o", "loop"]).arg(&image).arg(&point).output().unwrap();
        disk
    }

    fn host(&self) -> PathBuf {
        self.dir.path().join("mounted/host")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A failed test must not leave its disk behind.
        let _ = Command::new("umount").arg(self.dir.path().join("mounted")).output();
    }
}
