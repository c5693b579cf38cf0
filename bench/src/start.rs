//! How long from "start" to the first command's end: our host alone, our API, and public sandbox tools.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use coditect_host::{Host, HostConfig, StartWorkspace};
use coditect_model::ambient::Entropy;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::TierTable;
use coditect_model::workspace::Generation;

use crate::channel;
use crate::report::Question;
use crate::server::Server;
use crate::stats::Samples;

struct Random;
impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "benchmarks need unpredictable names, not replay")]
        getrandom::fill(buffer).expect("the kernel's pool is initialised");
    }
}

/// Measures every subject `rounds` times, interleaved, so that drift of the machine touches all alike.
pub(crate) async fn measure(server: &Server, rounds: usize) -> Result<Question> {
    let mut question = Question::new("Sandbox start to the end of its first command (`true`)", "ms", "bubblewrap");
    let dir = tempfile::Builder::new().prefix("coditect-bench-host-").tempdir()?;
    let host = Host::open(HostConfig {
        state_dir: dir.path().join("host"),
        run_dir: dir.path().join("run"),
        base: "/".into(),
        agent_binary: std::env::current_exe()?.with_file_name("coditect-agent"),
        instance: "coditect-bench-host".to_owned(),
        hide: vec![dir.path().to_owned()],
        warm: coditect_model::warm::Policy::OFF,
        storage: coditect_host::StorageConfig::default(),
    })?;
    let limits = TierTable::default().get("pro").context("the tier pro")?.clone();
    let client = server.account("start@bench.test").await?;
    let existing = client.workspace("existing").await?;

    let mut shell = OciShell::open(dir.path())?;
    let crun = bundle(dir.path(), "crun")?;
    let runc = bundle(dir.path(), "runc")?;
    let mut times: [Vec<Duration>; 7] = Default::default();
    for round in 0..rounds {
        times[0].push(process("bwrap", &bubblewrap(), &["true"]).await?);
        times[1].push(shell.run(&format!("crun run --bundle {crun} cb-crun-{round}")).await?);
        times[2].push(shell.run(&format!("runc run --bundle {runc} cb-runc-{round}")).await?);

        let workspace = WorkspaceId::random(&Random);
        let generation = Generation(1);
        let start = Instant::now();
        host.start(StartWorkspace { workspace, generation, limits: limits.clone() }).await?;
        times[3].push(start.elapsed());
        let stream = host.connect_agent(workspace, generation).await?;
        channel::run_true(channel::open(Box::new(stream), "agent", "/v1/exec", "").await?).await?;
        times[4].push(start.elapsed());
        host.delete(workspace, generation).await?;

        let start = Instant::now();
        let opened = client.open(&existing.id).await?;
        times[5].push(start.elapsed());
        let path = format!("{}/v1/exec", opened.access.path);
        channel::run_true(channel::open_tcp(&client.base, &path, &opened.access.grant).await?).await?;
        times[6].push(start.elapsed());
        let stop = format!("/api/v5/workspaces/{}/stop?wait_ms=10000", existing.id);
        let _: serde_json::Value = client.post(&stop, &serde_json::json!({})).await?;
    }
    host.close().await;
    let names = [
        "bubblewrap",
        "crun",
        "runc",
        "Coditect host: agent answers (new volume, cold)",
        "Coditect host: `true` has ended (new volume, cold)",
        "Coditect API: session open, workspace runs",
        "Coditect API: `true` has ended, through the router",
    ];
    for (name, durations) in names.into_iter().zip(times) {
        question.durations(name, &Samples::new(durations));
    }
    question.note("bubblewrap, crun and runc run `true` as the sandbox's only process, with namespaces but without an agent, and are timed from spawn to exit. crun and runc are started by a waiting shell in a mount namespace that shows cgroup version 1 alone, because crun refuses hybrid hierarchies. No pool is used.");
    Ok(question)
}

/// A shell that starts OCI runtimes in a mount namespace of its own, with the machine's root once more as their root,
/// and without the version 2 hierarchy of a hybrid machine, which crun refuses to see beside version 1.
struct OciShell {
    _child: tokio::process::Child,
    input: tokio::process::ChildStdin,
    output: tokio::io::BufReader<tokio::process::ChildStdout>,
}

impl OciShell {
    fn open(dir: &Path) -> Result<Self> {
        let rootfs = dir.join("rootfs");
        std::fs::create_dir(&rootfs)?;
        let hide = format!("umount /sys/fs/cgroup/unified 2>/dev/null; mount --bind / {} && exec sh", rootfs.display());
        let mut child = tokio::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", &hide])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("a pipe")?;
        let output = tokio::io::BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { _child: child, input, output })
    }

    async fn run(&mut self, command: &str) -> Result<Duration> {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
        let start = Instant::now();
        self.input.write_all(format!("{command} >/dev/null </dev/null; echo $?\n").as_bytes()).await?;
        let mut answer = String::new();
        self.output.read_line(&mut answer).await?;
        ensure!(answer.trim() == "0", "`{command}` failed");
        Ok(start.elapsed())
    }
}

fn bubblewrap() -> Vec<&'static str> {
    "--unshare-all --die-with-parent --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp"
        .split(' ')
        .collect()
}

async fn process(program: &str, first: &[&str], rest: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    let status = tokio::process::Command::new(program)
        .args(first)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} is not installed; run scripts/setup bench"))?
        .wait_with_output()
        .await?;
    let elapsed = start.elapsed();
    ensure!(status.status.success(), "{program} failed: {}", String::from_utf8_lossy(&status.stderr));
    Ok(elapsed)
}

/// An OCI bundle that runs `true` over the machine's own root, read-only, in namespaces of its own.
fn bundle(dir: &Path, name: &str) -> Result<String> {
    let bundle = dir.join(name);
    std::fs::create_dir_all(&bundle)?;
    let namespaces: Vec<_> =
        ["pid", "ipc", "uts", "mount", "network"].iter().map(|kind| serde_json::json!({ "type": kind })).collect();
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["true"], "cwd": "/", "env": ["PATH=/usr/bin:/bin"],
                     "noNewPrivileges": true },
        "root": { "path": dir.join("rootfs"), "readonly": true },
        "hostname": "bench",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"] },
            { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"] },
        ],
        "linux": { "namespaces": namespaces },
    });
    std::fs::write(bundle.join("config.json"), serde_json::to_vec(&config)?)?;
    Ok(bundle.display().to_string())
}
