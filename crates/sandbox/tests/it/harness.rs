//! One installation per test: a data directory, a launcher, and sandboxes that are ended with it.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use coditect_model::id::WorkspaceId;
use coditect_sandbox::agent_config::AgentConfig;
use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::probe::Mode;
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{AGENT_SOCKET, IdRange, Identity, Limits, Network, SandboxSpec};
use coditect_sandbox::{control, fds, volume};

pub(crate) const MIB: u64 = 1 << 20;
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// Whatever is waited for comes within this also on a machine ten times slower than an ordinary one.
const PATIENCE: Duration = Duration::from_secs(120);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The program that stands for the agent.
pub(crate) fn testee() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sandbox-testee"))
}

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) launcher: Launcher,
    pub(crate) instance: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = rustix::process::geteuid().is_root();
        assert!(root, "sandboxes with ids and control groups of their own need root: run these tests as root");
        prepare();
        let dir = tempfile::tempdir().unwrap();
        let launcher = Launcher::spawn(&testee()).unwrap();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { dir, launcher, instance: format!("coditect-test-{}-{number}", std::process::id()) }
    }

    pub(crate) fn spec(&self) -> SandboxSpec {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 16];
        id[..4].copy_from_slice(&std::process::id().to_be_bytes());
        id[4..8].copy_from_slice(&number.to_be_bytes());
        let workspace_id = WorkspaceId::from_bytes(id);
        spec_in(self.dir.path(), workspace_id, &self.instance, number, Mode::Privileged)
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        self.sandbox_of(self.spec())
    }

    pub(crate) fn sandbox_of(&self, spec: SandboxSpec) -> Sandbox {
        let record = self.launcher.launch(&spec).unwrap_or_else(|error| panic!("{error}"));
        Sandbox { spec, record }
    }
}

/// What the server does at its start: on version 2 the own control group must be handed on before sandboxes are made.
pub(crate) fn prepare() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let warnings = control::prepare();
        assert!(!warnings.iter().any(|warning| warning.contains("control groups")), "{warnings:?}");
    });
}

pub(crate) fn spec_in(dir: &Path, workspace_id: WorkspaceId, instance: &str, number: u32, mode: Mode) -> SandboxSpec {
    let (volume, run_dir) = (dir.join(format!("volume-{number}")), dir.join(format!("run-{number}")));
    volume::create(&volume, mode).unwrap();
    std::fs::create_dir(&run_dir).unwrap();
    SandboxSpec {
        name: workspace_id.label(),
        instance: instance.to_owned(),
        // Far from what an installation on this machine hands out, and below the 4096th: older kernels (6.1 is one) take no
        // larger group for terminals when a prepared sandbox is bound.
        ids: IdRange::numbered(400 + std::process::id() % 36 * 100 + number % 100).unwrap(),
        base: PathBuf::from("/"),
        run_dir,
        hide: Vec::new(),
        network: Network::Isolated,
        limits: Limits { cpu_millis: 2000, memory_bytes: 512 * MIB, pids: 256, open_files: 4096, terminals: 8 },
        identity: Some(Identity {
            workspace_id,
            hostname: format!("work-{number}"),
            generation: 1,
            volume,
            agent: AgentConfig::new(workspace_id, 1, 8),
        }),
    }
}

/// Whose sandbox it is to be.
pub(crate) fn identity(spec: &SandboxSpec) -> &Identity {
    spec.identity.as_ref().unwrap()
}

pub(crate) struct Sandbox {
    pub(crate) spec: SandboxSpec,
    pub(crate) record: SandboxRecord,
}

impl Sandbox {
    /// Runs a program inside; its exit code and what it printed.
    pub(crate) fn run(&self, argv: &[&str]) -> (i32, String) {
        let mut socket = fds::connect_unix(&self.spec.run_dir, AGENT_SOCKET).unwrap();
        socket.set_read_timeout(Some(ANSWER_DEADLINE)).unwrap();
        socket.write_all(format!("{}\n", serde_json::to_string(argv).unwrap()).as_bytes()).unwrap();
        let mut text = Vec::new();
        socket.read_to_end(&mut text).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let (code, output) = text.split_once('\n').unwrap_or_else(|| panic!("no answer to {argv:?}: {text:?}"));
        (code.parse().unwrap(), output.to_owned())
    }

    /// Runs a shell script inside; what it printed. It must succeed.
    pub(crate) fn sh(&self, script: &str) -> String {
        let (code, output) = self.run(&["/bin/sh", "-euc", script]);
        assert_eq!(code, 0, "{script}\n{output}");
        output.trim_end().to_owned()
    }

    /// Makes one system call inside; its error number, 0 for none, 128 + signal if that killed it.
    pub(crate) fn raw(&self, numbers: &[i64]) -> i32 {
        let script = format!(
            "import ctypes; libc = ctypes.CDLL(None, use_errno=True); \
             result = libc.syscall(*[ctypes.c_long(number) for number in {numbers:?}]); \
             print(ctypes.get_errno() if result == -1 else 0)"
        );
        let (code, output) = self.run(&["python3", "-c", &script]);
        if code == 0 { output.trim().parse().unwrap() } else { code }
    }

    /// Path of a file of the workspace as the host sees it.
    pub(crate) fn on_disk(&self, path: &str) -> PathBuf {
        identity(&self.spec).volume.join("workspace").join(path)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Err(error) = control::stop(&self.record, Duration::ZERO) {
            assert!(std::thread::panicking(), "a sandbox cannot be ended: {error}");
        }
    }
}

/// Looks again and again until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not so within {} s: {what}", PATIENCE.as_secs());
        std::thread::yield_now();
    }
}
