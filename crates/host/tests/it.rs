//! A real host with real sandboxes and the real agent.
//!
//! Needs `target/test/coditect-agent` (`make rust-test` builds it) and fails without it.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use coditect_host::{
    ConnectError, Host, HostConfig, HostError, NetworkConfig, StartWorkspace, StorageConfig, StorageKind,
};
use coditect_model::id::WorkspaceId;
use coditect_model::tier::{Limits, TierTable};
use coditect_model::warm::Policy;
use coditect_model::workspace::Generation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[path = "it/bases.rs"]
mod bases;
#[path = "it/files.rs"]
mod files;
#[path = "it/inside.rs"]
mod inside;
#[path = "it/internet.rs"]
mod internet;
#[path = "it/limits.rs"]
mod limits;
#[path = "it/network.rs"]
mod network;
#[path = "it/storage.rs"]
mod storage;
#[path = "it/warm.rs"]
mod warm;

/// Whatever is waited for must come within this.
const DEADLINE: Duration = Duration::from_secs(120);

struct Machine {
    dir: tempfile::TempDir,
    instance: String,
    warm: Policy,
    storage: StorageKind,
}

impl Machine {
    fn new() -> Self {
        static NUMBER: AtomicU8 = AtomicU8::new(0);
        static PREPARED: std::sync::Once = std::sync::Once::new();
        // As the server does at its start.
        PREPARED.call_once(|| drop(coditect_sandbox::control::prepare()));
        let instance = format!("coditect-t{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        Self {
            dir: tempfile::Builder::new().prefix("coditect-host-test-").tempdir().unwrap(),
            instance,
            warm: Policy::OFF,
            storage: StorageKind::Directory,
        }
    }

    fn open(&self) -> Host {
        self.open_with(NetworkConfig { ready: 1, ..NetworkConfig::default() })
    }

    fn open_with(&self, network: NetworkConfig) -> Host {
        open_on(self.dir.path(), &self.instance, self.warm, network, self.storage)
    }

    fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// Ends and unmounts what a failed test has left.
    fn end_all(&self) {
        for status in Host::list_records(&self.run_dir()).unwrap_or_default() {
            kill(status.pid);
        }
        let started = std::time::Instant::now();
        while let Ok(mounted) = coditect_sandbox::storage::mounts::mounted_below(self.dir.path())
            && !mounted.is_empty()
            && started.elapsed() < DEADLINE / 10
        {
            for mounted in mounted {
                let _ = std::process::Command::new("umount").arg(&mounted.point).output();
            }
        }
    }

    /// Nothing of any sandbox may be left: no process, no mount, no run directory, no cgroup.
    fn assert_clean(&self) {
        assert!(Host::list_records(&self.run_dir()).unwrap().is_empty());
        assert_eq!(std::fs::read_dir(self.run_dir()).unwrap().count(), 0, "run directories are left");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&self.dir.path().display().to_string()), "mounts are left");
        let left = cgroups_below(Path::new("/sys/fs/cgroup"), &self.instance);
        assert!(left.is_empty(), "cgroups are left: {left:?}");
    }
}

impl Drop for Machine {
    /// The host has been dropped or closed by now: where no sandbox lives, nothing of its network is left. A test that
    /// failed must not leave its sandboxes, mounts and loop devices to the machine.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return self.end_all();
        }
        if !Host::list_records(&self.run_dir()).unwrap().is_empty() {
            return;
        }
        let began = std::time::Instant::now();
        while internet::output("nft", &["list", "tables"]).lines().any(|line| line.ends_with(&self.instance)) {
            assert!(began.elapsed() < DEADLINE, "the network of {} is left", self.instance);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn open_in(dir: &Path, instance: &str, warm: Policy, network: NetworkConfig) -> Host {
    open_on(dir, instance, warm, network, StorageKind::Directory)
}

fn open_on(dir: &Path, instance: &str, warm: Policy, network: NetworkConfig, kind: StorageKind) -> Host {
    let storage = StorageConfig { kind: Some(kind), ..StorageConfig::default() };
    open_storing(dir, &dir.join("host"), instance, warm, network, storage)
}

fn open_storing(
    dir: &Path,
    state_dir: &Path,
    instance: &str,
    warm: Policy,
    network: NetworkConfig,
    storage: StorageConfig,
) -> Host {
    let agent = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/test/coditect-agent");
    assert!(agent.exists(), "{} is missing: run `cargo xtask agent target/test/coditect-agent`", agent.display());
    Host::open(HostConfig {
        state_dir: state_dir.to_owned(),
        run_dir: dir.join("run"),
        base: "/".into(),
        agent_binary: agent,
        instance: instance.to_owned(),
        hide: vec![dir.to_owned()],
        warm,
        storage,
        network,
    })
    .unwrap()
}

fn cgroups_below(root: &Path, instance: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut stack = vec![root.to_owned()];
    while let Some(dir) = stack.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.path().parent().is_some_and(|parent| parent.ends_with(instance)) {
                    found.push(entry.path());
                }
                stack.push(entry.path());
            }
        }
    }
    found
}

fn limits() -> Limits {
    TierTable::default().get("pro").unwrap().clone()
}

fn workspace(seed: u8) -> WorkspaceId {
    let mut bytes = [seed; 16];
    bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    WorkspaceId::from_bytes(bytes)
}

fn start(workspace: WorkspaceId, generation: u64) -> StartWorkspace {
    StartWorkspace { workspace, generation: Generation(generation), limits: limits() }
}

/// Runs a shell command in a workspace through its agent's API; answers the whole HTTP answer of `/v1/status`-like calls.
async fn get(host: &Host, id: WorkspaceId, generation: u64, path: &str) -> String {
    let mut stream = host.connect_agent(id, Generation(generation)).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_starts_stops_and_keeps_its_volume() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(1);
    host.start(start(id, 1)).await.unwrap();
    host.start(start(id, 1)).await.unwrap();
    assert!(get(&host, id, 1, "/v1/status").await.contains(&id.to_string()));
    assert_eq!(host.list().len(), 1);
    assert!(host.usage(id).unwrap().memory_bytes > 0);
    let volume = machine.dir.path().join("host/volumes").join(id.label()).join("workspace");
    std::fs::write(volume.join("kept"), "kept").unwrap();
    host.stop(id, Generation(2)).await.unwrap();
    assert!(host.list().is_empty() && host.usage(id).is_none());
    machine.assert_clean();
    host.start(start(id, 3)).await.unwrap();
    assert!(get(&host, id, 3, "/v1/files/read?path=/workspace/kept").await.ends_with("kept"));
    host.delete(id, Generation(4)).await.unwrap();
    assert!(!volume.exists());
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_command_is_refused_and_changes_nothing() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(2);
    host.start(start(id, 5)).await.unwrap();
    assert!(matches!(host.stop(id, Generation(4)).await, Err(HostError::Outdated { newest: Generation(5), .. })));
    assert_eq!(host.list().len(), 1);
    assert!(matches!(host.connect_agent(id, Generation(4)).await, Err(ConnectError::OtherGeneration)));
    host.delete(id, Generation(6)).await.unwrap();
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_adopts_what_an_old_one_left_running() {
    let machine = Machine::new();
    let (kept, ended) = (workspace(3), workspace(4));
    let first = machine.open();
    first.start(start(kept, 1)).await.unwrap();
    first.start(start(ended, 1)).await.unwrap();
    let before = first.list().into_iter().find(|status| status.workspace == kept).unwrap();
    let victim = first.list().into_iter().find(|status| status.workspace == ended).unwrap();
    first.close().await;
    kill(victim.pid);
    until("the killed sandbox is gone", || Host::list_records(&machine.run_dir()).unwrap().len() == 1).await;

    let second = machine.open();
    let adopted = second.adopt().await.unwrap();
    assert_eq!(adopted, vec![before], "the same process, the same generation");
    assert!(get(&second, kept, 1, "/v1/status").await.contains(&kept.to_string()));
    // A range that is in use is not given out again.
    second.start(start(ended, 2)).await.unwrap();
    let ids = |id: WorkspaceId| {
        let pid = second.list().into_iter().find(|status| status.workspace == id).unwrap().pid;
        std::fs::read_to_string(format!("/proc/{pid}/uid_map")).unwrap()
    };
    assert_ne!(ids(kept), ids(ended));
    for (_, outcome) in second.stop_all().await {
        outcome.unwrap();
    }
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_the_host_does_not_know_is_neither_forgotten_nor_doubled() {
    let machine = Machine::new();
    let id = workspace(7);
    let first = machine.open();
    first.start(start(id, 1)).await.unwrap();
    let unknown = first.list()[0].pid;
    first.close().await;
    // A record that cannot be read now may be a living sandbox's: nobody may clear it away or use its ids again.
    let record = machine.run_dir().join(id.label()).join("sandbox.json");
    let aside = machine.dir.path().join("aside");
    std::fs::rename(&record, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &record).unwrap();
    let second = machine.open();
    second.adopt().await.unwrap_err();
    assert!(second.start(start(id, 2)).await.is_err());
    assert!(record.symlink_metadata().is_ok() && Path::new(&format!("/proc/{unknown}")).exists());
    std::fs::rename(&aside, &record).unwrap();
    // Not adopted, and started again: the old one ends first.
    second.start(start(id, 3)).await.unwrap();
    assert_eq!(second.list()[0].generation, Generation(3));
    assert_ne!(second.list()[0].pid, unknown);
    until("the old one is gone", || !Path::new(&format!("/proc/{unknown}/exe")).exists()).await;
    second.delete(id, Generation(4)).await.unwrap();
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_dies_is_told_of_and_cleared_away() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(5);
    let mut exits = host.exits();
    host.start(start(id, 1)).await.unwrap();
    kill(host.list()[0].pid);
    assert_eq!(tokio::time::timeout(DEADLINE, exits.recv()).await.unwrap().unwrap(), id);
    assert!(host.list().is_empty());
    machine.assert_clean();
    host.start(start(id, 2)).await.unwrap();
    // Started again while what is left of the dead one may still be cleared away.
    kill(host.list()[0].pid);
    until("it is dead", || Host::list_records(&machine.run_dir()).unwrap().is_empty()).await;
    host.start(start(id, 3)).await.unwrap();
    assert_eq!(host.list()[0].generation, Generation(3));
    assert!(get(&host, id, 3, "/v1/status").await.contains(&id.to_string()));
    host.delete(id, Generation(4)).await.unwrap();
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nothing_listens_is_refused() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(6);
    host.start(start(id, 1)).await.unwrap();
    assert!(matches!(host.connect_port(id, Generation(1), 3000).await, Err(ConnectError::Refused(3000))));
    host.delete(id, Generation(2)).await.unwrap();
    machine.assert_clean();
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
