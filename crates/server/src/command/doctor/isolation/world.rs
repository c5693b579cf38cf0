//! A host of its own in a temporary directory, with two sandboxes: one that attacks and one that must not notice.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use coditect_api::agent::{Exec, ExecEvent};
use coditect_host::{Host, HostConfig, StartWorkspace};
use coditect_model::ambient::random_bytes;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::{DEFAULT_TIER, Limits};
use coditect_model::workspace::Generation;
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::mount::UnmountFlags;
use tokio_tungstenite::tungstenite::Message;

use crate::ambient::SystemEntropy;
use crate::config::Config;

/// What one program inside may take; it only guards against hanging.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long the neighbour may take to answer. It is a judgement, and a generous one: it is not left waiting.
const NEIGHBOUR_DEADLINE: Duration = Duration::from_secs(20);
/// How long the kernel may take to let go of what was made.
const GONE_DEADLINE: Duration = Duration::from_secs(20);
/// Output of one program that is kept, in bytes.
const OUTPUT_MAX_BYTES: usize = 1 << 20;
/// Input in one frame, in bytes.
const FRAME_BYTES: usize = 32 * 1024;
/// This program, inside.
const PROGRAM: &str = "/workspace/.doctor";
const KEEPSAKE: &str = "/workspace/keepsake";
const GENERATION: Generation = Generation(1);
/// Where a host mounts its pool of volumes, if it needs one.
const POOL: &str = "host/pool";

pub(super) struct World {
    pub(super) host: Host,
    pub(super) dir: PathBuf,
    pub(super) attacker: WorkspaceId,
    pub(super) victim: WorkspaceId,
    pub(super) limits: Limits,
    /// Stands in the victim's file and in the names of its things.
    pub(super) secret: String,
    instance: String,
}

impl World {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let bits: [u8; 6] = random_bytes(&SystemEntropy);
        let mark: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        // On the file system of the data directory, so that volumes are of the kind they are there.
        let parent = if config.data_dir.is_dir() { config.data_dir.clone() } else { std::env::temp_dir() };
        let dir = std::path::absolute(parent)?.join(format!("doctor-{mark}"));
        coditect_host::make_private_dir(&dir).with_context(|| dir.display().to_string())?;
        let instance = format!("coditect-d{mark}");
        let made = Host::open(HostConfig {
            state_dir: dir.join("host"),
            run_dir: dir.join("run"),
            base: config.base.clone(),
            agent_binary: config.agent_binary.clone(),
            instance: instance.clone(),
            network: config.network.clone(),
            hide: vec![config.data_dir.clone(), config.run_dir.clone(), dir.clone()],
            warm: coditect_model::warm::Policy::OFF,
            storage: config.storage.clone(),
        });
        let host = match made {
            Ok(host) => host,
            Err(error) => {
                let _ = rustix::mount::unmount(dir.join(POOL), UnmountFlags::NOFOLLOW);
                let _ = std::fs::remove_dir_all(&dir);
                return Err(error.into());
            }
        };
        let id = || WorkspaceId::random(&SystemEntropy);
        let secret = format!("secret-of-{mark}");
        Ok(Self { host, dir, attacker: id(), victim: id(), limits: limits(config), secret, instance })
    }

    /// What the host says about itself, beside what the probe says.
    pub(super) fn describe(&self, machine: &mut Vec<String>, not_enforced: &mut Vec<String>) {
        if let Ok(version) = coditect_sandbox::probe::landlock_version() {
            machine.push(format!("Landlock {version}"));
        }
        let storage = self.host.storage_report();
        machine.push(format!("volumes: {}", storage.kind.name()));
        not_enforced.extend(storage.warnings);
        let network = self.host.network().report();
        machine.extend(network.range.map(|range| format!("networks in {range}")));
        machine.extend(network.enforced.iter().cloned());
        not_enforced.extend(network.warnings.iter().cloned());
    }

    pub(super) async fn start(&self) -> Result<()> {
        let program = std::fs::read("/proc/self/exe").context("this program cannot be read")?;
        for workspace in [self.victim, self.attacker] {
            let start = StartWorkspace { workspace, generation: GENERATION, limits: self.limits.clone() };
            self.host.start(start).await?;
            let script = format!("cat > {PROGRAM} && chmod 755 {PROGRAM}");
            let (code, said) = self.exec(workspace, &["/bin/sh", "-c", &script], &program).await?;
            if code != 0 {
                bail!("this program cannot be put into a workspace: {said}");
            }
        }
        let script = format!("printf %s {} > {KEEPSAKE}", self.secret);
        let (code, said) = self.exec(self.victim, &["/bin/sh", "-c", &script], b"").await?;
        if code != 0 {
            bail!("the neighbour cannot keep a file: {said}");
        }
        Ok(())
    }

    /// Runs this program inside, as its hidden subcommand.
    pub(super) async fn run_inside(&self, workspace: WorkspaceId, words: &[&str]) -> Result<(i32, String)> {
        let argv: Vec<&str> = [PROGRAM, "inside"].into_iter().chain(words.iter().copied()).collect();
        self.exec(workspace, &argv, b"").await
    }

    /// Runs a program to its end: exit code, and what it wrote on both its outputs.
    pub(super) async fn exec(&self, workspace: WorkspaceId, argv: &[&str], input: &[u8]) -> Result<(i32, String)> {
        let running = async {
            let stream = self.host.connect_agent(workspace, GENERATION).await?;
            let (mut socket, _) = tokio_tungstenite::client_async("ws://agent/v1/exec", stream).await?;
            let argv = argv.iter().map(|&word| word.to_owned()).collect();
            let exec = Exec { argv, cwd: None, env: std::collections::BTreeMap::new() };
            socket.send(Message::text(serde_json::to_string(&exec)?)).await?;
            for chunk in input.chunks(FRAME_BYTES) {
                socket.send(Message::binary(chunk.to_vec())).await?;
            }
            socket.send(Message::binary(Vec::new())).await?;
            let mut printed = Vec::new();
            while let Some(message) = socket.next().await {
                match message? {
                    Message::Binary(bytes) => {
                        let room = OUTPUT_MAX_BYTES.saturating_sub(printed.len());
                        printed.extend(bytes.iter().skip(1).take(room));
                    }
                    Message::Text(text) => match serde_json::from_str(&text)? {
                        ExecEvent::Exit { code } => return Ok((code, String::from_utf8_lossy(&printed).into_owned())),
                        ExecEvent::Failed { reason } => bail!("{reason}"),
                    },
                    _ => {}
                }
            }
            // Whoever breaks off the attacker's own agent has broken off nobody else.
            Ok((-1, String::from_utf8_lossy(&printed).into_owned()))
        };
        // Whoever neither ends nor says anything is judged like one who ended without a report.
        let late = (-1, format!("not over within {} s", DEADLINE.as_secs()));
        tokio::time::timeout(DEADLINE, running).await.unwrap_or(Ok(late))
    }

    /// Whether the neighbour works on: its programs run, its file is as it was, and it can write. How long that took.
    pub(super) async fn victim_answers(&self) -> Option<Duration> {
        let began = Instant::now();
        let script = format!("cat {KEEPSAKE}; echo again > {KEEPSAKE}.2 && cat {KEEPSAKE}.2 && rm {KEEPSAKE}.2");
        let argv = ["/bin/sh", "-c", script.as_str()];
        let asking = self.exec(self.victim, &argv, b"");
        let (code, said) = tokio::time::timeout(NEIGHBOUR_DEADLINE, asking).await.ok()?.ok()?;
        (code == 0 && said == format!("{}again\n", self.secret)).then(|| began.elapsed())
    }

    /// The number of a sandbox's pid 1 on the machine.
    pub(super) fn pid(&self, workspace: WorkspaceId) -> Option<u32> {
        self.host.list().into_iter().find(|status| status.workspace == workspace).map(|status| status.pid)
    }

    /// A file of the victim's volume as the host sees it, if it does.
    pub(super) fn keepsake_on_host(&self) -> Option<PathBuf> {
        find(&self.dir.join("host"), &self.victim.label())
    }

    /// Ends and deletes both; answers what is left all the same.
    pub(super) async fn end(self) -> Vec<String> {
        let mut left = Vec::new();
        for workspace in [self.victim, self.attacker] {
            if let Err(error) = self.host.delete(workspace, Generation(2)).await {
                left.push(format!("{workspace}: {error}"));
            }
        }
        self.host.close().await;
        drop(self.host);
        let began = Instant::now();
        loop {
            // It was busy while removed volumes were freed in the background.
            let _ = rustix::mount::unmount(self.dir.join(POOL), UnmountFlags::NOFOLLOW);
            let mut remains = remains(&self.dir, &self.instance);
            if remains.is_empty() {
                match std::fs::remove_dir_all(&self.dir) {
                    Ok(()) => return left,
                    Err(error) => remains.push(format!("{}: {error}", self.dir.display())),
                }
            }
            if began.elapsed() > GONE_DEADLINE {
                left.extend(remains);
                return left;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Those of the default tier, but so small that the attacker reaches them soon, and with a whole core: what is looked at
/// is the neighbour.
fn limits(config: &Config) -> Limits {
    let mut limits = config.tiers.get(DEFAULT_TIER).cloned().unwrap_or_else(|| {
        let table = coditect_model::tier::TierTable::default();
        table.get(DEFAULT_TIER).cloned().expect("the built-in table has the built-in default tier")
    });
    limits.cpu_millis = 1000;
    limits.memory_bytes = 384 << 20;
    limits.pids = 200;
    limits.open_files = 2048;
    limits.terminals = 8;
    limits.storage_bytes = 1 << 30;
    limits.inodes = 20_000;
    limits
}

/// What still exists of an installation: mounts, control groups, run directories.
fn remains(dir: &Path, instance: &str) -> Vec<String> {
    let mut found = Vec::new();
    let below = format!("{}/", dir.display());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    found.extend(mounts.lines().filter(|line| line.contains(&below)).map(|line| format!("mount {line}")));
    for entry in std::fs::read_dir(dir.join("run")).into_iter().flatten().flatten() {
        found.push(format!("run directory {}", entry.path().display()));
    }
    for device in std::fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let file = std::fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if file.starts_with(&below) {
            found.push(format!("loop device {} of {}", device.path().display(), file.trim()));
        }
    }
    let mut groups = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(group) = groups.pop() {
        if group.parent().is_some_and(|parent| parent.ends_with(instance)) {
            found.push(format!("control group {}", group.display()));
        }
        let entries = std::fs::read_dir(&group).into_iter().flatten().flatten();
        groups.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    found
}

fn find(root: &Path, label: &str) -> Option<PathBuf> {
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.ends_with("workspace/keepsake") && path.components().any(|part| part.as_os_str() == label) {
                return Some(path);
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(path);
            }
        }
    }
    None
}

/// A file of the host that holds the secret, which nobody inside may read although its mode would let them.
pub(super) fn lay_out(path: &Path, secret: &str) -> Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(secret.as_bytes())?;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    Ok(())
}
