//! One host with two sandboxes: a victim, who has a file, a shell that answers and a server; and its neighbour, the
//! attacker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coditect_api::agent::{Exec, ExecEvent};
use coditect_host::{Host, HostConfig, StartWorkspace};
use coditect_model::id::WorkspaceId;
use coditect_model::tier::{Limits, TierTable};
use coditect_model::workspace::Generation;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Whatever is waited for must come within this; the machine may be busy with other tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The victim's file, in its `/workspace`, and what stands in it.
const KEEPSAKE: &str = "keepsake";

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) host: Host,
    instance: String,
    pub(crate) victim: WorkspaceId,
    pub(crate) attacker: WorkspaceId,
    /// Stands in the victim's file.
    pub(crate) secret: String,
}

pub(crate) const GENERATION: Generation = Generation(1);

impl World {
    /// With limits that the attacker reaches soon.
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "sandboxes with ids of their own need root");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("coditect-attack-").tempdir().unwrap();
        let instance = format!("coditect-a{}-{number}", std::process::id());
        let host = open(dir.path(), &instance, agent());
        let id = |role: u8| {
            let mut bytes = [role; 16];
            bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
            bytes[4..8].copy_from_slice(&number.to_be_bytes());
            WorkspaceId::from_bytes(bytes)
        };
        let secret = format!("secret-of-{instance}");
        let world = Self { dir, host, instance, victim: id(1), attacker: id(2), secret };
        for workspace in [world.victim, world.attacker] {
            let start = StartWorkspace { workspace, generation: GENERATION, limits: limits() };
            world.host.start(start).await.unwrap();
        }
        world.sh(world.victim, &format!("printf %s {} > {KEEPSAKE}", world.secret)).await;
        world
    }

    pub(crate) async fn connect(&self, workspace: WorkspaceId) -> UnixStream {
        self.host.connect_agent(workspace, GENERATION).await.unwrap()
    }

    /// Runs a program to its end: exit code, and what it wrote on both its outputs.
    pub(crate) async fn exec(
        &self,
        workspace: WorkspaceId,
        argv: &[&str],
        env: &[(&str, &str)],
        stdin: &[u8],
    ) -> (i32, String) {
        let mut socket = websocket(self.connect(workspace).await, "/v1/exec").await;
        let text = |text: &&str| (*text).to_owned();
        let env: BTreeMap<String, String> = env.iter().map(|(name, value)| (text(name), text(value))).collect();
        let request = Exec { argv: argv.iter().map(text).collect(), cwd: None, env };
        socket.send(Message::text(serde_json::to_string(&request).unwrap())).await.unwrap();
        for frame in stdin.chunks(32 * 1024) {
            socket.send(Message::binary(frame.to_vec())).await.unwrap();
        }
        // The end of its input.
        socket.send(Message::binary(Vec::new())).await.unwrap();
        let mut output = Vec::new();
        let answer = async {
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Binary(bytes) => output.extend_from_slice(&bytes[1..]),
                    Message::Text(text) => match serde_json::from_str(&text).unwrap() {
                        ExecEvent::Exit { code } => return Some(code),
                        ExecEvent::Failed { reason } => panic!("{argv:?}: {reason}"),
                    },
                    _ => {}
                }
            }
            None
        };
        let code = tokio::time::timeout(DEADLINE, answer).await.unwrap_or_else(|_| panic!("{argv:?} does not end"));
        let output = String::from_utf8_lossy(&output).into_owned();
        (code.unwrap_or_else(|| panic!("{argv:?} was cut off: {output}")), output)
    }

    /// Runs a shell script that must succeed; what it printed.
    pub(crate) async fn sh(&self, workspace: WorkspaceId, script: &str) -> String {
        let (code, output) = self.exec(workspace, &["/bin/bash", "-euc", script], &[], b"").await;
        assert_eq!(code, 0, "{script}\n{output}");
        output.trim_end().to_owned()
    }

    /// The victim's programs run, its file is as it was and writable, its agent answers. How long all that took.
    pub(crate) async fn victim_works(&self) -> Duration {
        let began = Instant::now();
        let script = format!("cat {KEEPSAKE}; echo again > new && cat new && rm new; echo $((6 * 7))");
        assert_eq!(self.sh(self.victim, &script).await, format!("{}again\n42", self.secret));
        let status = self.get(self.victim, "/v1/status").await;
        assert!(status.contains(&self.victim.to_string()), "{status}");
        began.elapsed()
    }

    /// A whole HTTP answer of an agent.
    pub(crate) async fn get(&self, workspace: WorkspaceId, path: &str) -> String {
        let mut stream = self.connect(workspace).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        text
    }

    /// Where the victim's file lies on the host.
    pub(crate) fn keepsake_on_host(&self) -> PathBuf {
        find(&self.dir.path().join("host"), &self.victim.label(), KEEPSAKE)
            .unwrap_or_else(|| panic!("the victim's file is not below {}", self.dir.path().display()))
    }

    pub(crate) fn pid(&self, workspace: WorkspaceId) -> u32 {
        self.host.list().into_iter().find(|status| status.workspace == workspace).unwrap().pid
    }

    /// Another server takes over what runs.
    pub(crate) async fn reopen(&mut self) {
        self.host.close().await;
        self.host = open(self.dir.path(), &self.instance, agent());
        self.host.adopt().await.unwrap();
    }

    /// Deletes both and looks whether anything is left.
    pub(crate) async fn end(self) {
        self.end_after(Generation(2)).await;
    }

    /// The same when there were commands up to this one.
    pub(crate) async fn end_after(self, generation: Generation) {
        for workspace in [self.victim, self.attacker] {
            self.host.delete(workspace, generation).await.unwrap();
        }
        self.host.close().await;
        assert_clean(self.dir.path(), &self.instance);
    }
}

fn agent() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/test/coditect-agent")
}

pub(crate) fn open(dir: &Path, instance: &str, agent_binary: PathBuf) -> Host {
    assert!(
        agent_binary.exists(),
        "{} is missing: run `cargo xtask agent target/test/coditect-agent`",
        agent_binary.display()
    );
    Host::open(HostConfig {
        state_dir: dir.join("host"),
        run_dir: dir.join("run"),
        base: "/".into(),
        agent_binary,
        instance: instance.to_owned(),
        hide: vec![dir.to_owned()],
        warm: coditect_model::warm::Policy::OFF,
        storage: coditect_host::StorageConfig::default(),
        network: coditect_host::NetworkConfig::default(),
    })
    .unwrap()
}

pub(crate) fn limits() -> Limits {
    let mut limits = TierTable::default().get("pro").unwrap().clone();
    limits.memory_bytes = 384 << 20;
    limits.storage_bytes = 192 << 20;
    limits.inodes = 20_000;
    limits.pids = 200;
    limits.open_files = 2048;
    limits.terminals = 8;
    limits
}

/// No process, mount, run directory or control group of an installation is left.
pub(crate) fn assert_clean(dir: &Path, instance: &str) {
    assert!(Host::list_records(&dir.join("run")).unwrap().is_empty());
    let left: Vec<_> = std::fs::read_dir(dir.join("run")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "run directories are left: {left:?}");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let below = format!("{}/", dir.display());
    let left: Vec<&str> = mounts.lines().filter(|line| line.contains(&below)).collect();
    assert!(left.is_empty(), "mounts are left: {left:?}");
    let mut groups = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(group) = groups.pop() {
        assert!(
            !group.parent().is_some_and(|parent| parent.ends_with(instance)),
            "a control group is left: {}",
            group.display()
        );
        let below = std::fs::read_dir(&group).into_iter().flatten().flatten();
        groups
            .extend(below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
    }
}

/// A file of one workspace's volume, wherever below the host's state volumes are.
fn find(below: &Path, label: &str, name: &str) -> Option<PathBuf> {
    let mut directories = vec![below.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_name() == name && path.to_string_lossy().contains(label) {
                return Some(path);
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(path);
            }
        }
    }
    None
}

pub(crate) async fn websocket(stream: UnixStream, path: &str) -> WebSocketStream<UnixStream> {
    let connecting = tokio_tungstenite::client_async(format!("ws://agent{path}"), stream);
    tokio::time::timeout(DEADLINE, connecting).await.unwrap().unwrap().0
}
