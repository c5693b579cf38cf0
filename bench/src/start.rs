//! How long from "start" to the first command's end: our host alone, our API, and public sandbox tools.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use coditect_host::{Host, HostConfig, StartWorkspace};
use coditect_model::ambient::Entropy;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::{Limits, TierTable};
use coditect_model::warm::Policy;
use coditect_model::workspace::Generation;

use crate::channel;
use crate::report::Question;
use crate::server::{Client, Server};
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
    let host = host(dir.path(), "cold", Policy::OFF)?;
    let warm_host = host_that_prepares(dir.path()).await?;
    let cold_server = Server::start_with(&[("CODITECT_WARM__MAX", "0")]).await?;
    let limits = TierTable::default().get("pro").context("the tier pro")?.clone();
    let (client, cold_client) = (server.account("start@bench.test").await?, cold_server.account("c@bench.test").await?);
    let (existing, cold_existing) = (client.workspace("existing").await?, cold_client.workspace("existing").await?);

    let mut shell = OciShell::open(dir.path())?;
    let crun = bundle(dir.path(), "crun")?;
    let runc = bundle(dir.path(), "runc")?;
    let mut times: [Vec<Duration>; 11] = Default::default();
    for round in 0..rounds {
        times[0].push(process("bwrap", &bubblewrap(), &["true"]).await?);
        times[1].push(shell.run(&format!("crun run --bundle {crun} cb-crun-{round}")).await?);
        times[2].push(shell.run(&format!("runc run --bundle {runc} cb-runc-{round}")).await?);

        let [answered, ended] = on_host(&host, &limits).await?;
        times[3].push(answered);
        times[4].push(ended);
        prepared(&warm_host).await?;
        let [answered, ended] = on_host(&warm_host, &limits).await?;
        times[5].push(answered);
        times[6].push(ended);

        let [opened, ended] = over_api(&cold_client, &cold_existing.id).await?;
        times[7].push(opened);
        times[8].push(ended);
        server.prepared().await?;
        let [opened, ended] = over_api(&client, &existing.id).await?;
        times[9].push(opened);
        times[10].push(ended);
    }
    let report = warm_host.warm_report();
    ensure!(report.missed == 0, "a start that was to be prepared was cold: {report:?}");
    host.close().await;
    warm_host.close().await;
    cold_server.stop()?;
    let names = [
        "bubblewrap",
        "crun",
        "runc",
        "Coditect host: agent answers (new volume, cold)",
        "Coditect host: `true` has ended (new volume, cold)",
        "Coditect host: agent answers (new volume, prepared)",
        "Coditect host: `true` has ended (new volume, prepared)",
        "Coditect API: session open, workspace runs (cold)",
        "Coditect API: `true` has ended, through the router (cold)",
        "Coditect API: session open, workspace runs (prepared)",
        "Coditect API: `true` has ended, through the router (prepared)",
    ];
    for (name, durations) in names.into_iter().zip(times) {
        question.durations(name, &Samples::new(durations));
    }
    question.note("bubblewrap, crun and runc run `true` as the sandbox's only process, with namespaces but without an agent, and are timed from spawn to exit. crun and runc are started by a waiting shell in a mount namespace that shows cgroup version 1 alone, because crun refuses hybrid hierarchies. \"Cold\" makes the sandbox then; \"prepared\" takes one that was made before, and waits until there is one before the time counts.");
    Ok(question)
}

pub(crate) fn host(dir: &Path, name: &str, warm: Policy) -> Result<Host> {
    Ok(Host::open(HostConfig {
        state_dir: dir.join(name),
        run_dir: dir.join(format!("run-{name}")),
        base: "/".into(),
        agent_binary: std::env::current_exe()?.with_file_name("coditect-agent"),
        instance: format!("coditect-bench-{name}"),
        hide: vec![dir.to_owned()],
        warm,
        storage: coditect_host::StorageConfig::default(),
        network: coditect_host::NetworkConfig::default(),
    })?)
}

async fn host_that_prepares(dir: &Path) -> Result<Host> {
    let host = host(dir, "warm", Policy::default())?;
    host.adopt().await?;
    host.keep_warm();
    Ok(host)
}

async fn prepared(host: &Host) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while host.warm_report().ready == 0 {
        ensure!(Instant::now() < end, "no sandbox is prepared after 20 s: {:?}", host.warm_report());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// A new workspace's start: until its agent answers, and until its first command has ended.
async fn on_host(host: &Host, limits: &Limits) -> Result<[Duration; 2]> {
    let workspace = WorkspaceId::random(&Random);
    let generation = Generation(1);
    let start = Instant::now();
    host.start(StartWorkspace { workspace, generation, limits: limits.clone() }).await?;
    let answered = start.elapsed();
    let stream = host.connect_agent(workspace, generation).await?;
    channel::run_true(channel::open(Box::new(stream), "agent", "/v1/exec", "").await?).await?;
    let ended = start.elapsed();
    host.delete(workspace, generation).await?;
    Ok([answered, ended])
}

/// An existing workspace's opening: until the session's answer, and until its first command has ended.
async fn over_api(client: &Client, workspace: &str) -> Result<[Duration; 2]> {
    let start = Instant::now();
    let opened = client.open(workspace).await?;
    let answered = start.elapsed();
    let path = format!("{}/v1/exec", opened.access.path);
    channel::run_true(channel::open_tcp(&client.base, &path, &opened.access.grant).await?).await?;
    let ended = start.elapsed();
    let stop = format!("/api/v5/workspaces/{workspace}/stop?wait_ms=10000");
    let _: serde_json::Value = client.post(&stop, &serde_json::json!({})).await?;
    Ok([answered, ended])
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
        // What the servers have mounted by now is theirs to unmount: a copy here would keep it.
        let hide = format!(
            "umount /sys/fs/cgroup/unified 2>/dev/null; \
             for point in $(grep -o ' [^ ]*coditect-bench-[^ ]*' /proc/mounts); do umount --lazy $point 2>/dev/null; done; \
             mount --bind / {} && exec sh",
            rootfs.display()
        );
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
