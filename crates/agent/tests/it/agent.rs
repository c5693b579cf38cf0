//! The agent under test: its process, HTTP and WebSocket requests to it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coditect_model::id::WorkspaceId;
use coditect_sandbox::agent_config::AgentConfig;
use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::probe::Mode;
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{IdRange, Identity, Limits, Network, SandboxSpec};
use coditect_sandbox::{control, volume};
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

/// Everything that is waited for happens within this time, or the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// A running agent; it ends with this value.
pub(crate) struct Agent {
    process: Process,
    dir: tempfile::TempDir,
    sockets: PathBuf,
    pub(crate) config: AgentConfig,
}

enum Process {
    /// An ordinary child of the test.
    Child(Child),
    /// Pid 1 of a real sandbox.
    Sandboxed { record: Box<SandboxRecord>, launcher: Launcher },
}

impl Agent {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sub = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (home, workspace) = (sub("home"), sub("workspace"));
        let profile = "PS1='$ '\nbind 'set enable-bracketed-paste off'\nunset HISTFILE PROMPT_COMMAND\n";
        std::fs::write(Path::new(&home).join(".bash_profile"), profile).unwrap();
        let mut config = AgentConfig::new(WorkspaceId::from_bytes([7; 16]), 1, 8);
        config.home = home;
        config.workspace = workspace;
        change(&mut config);
        let bind = |name: &str| OwnedFd::from(UnixListener::bind(dir.path().join(name)).unwrap());
        // The shell puts the sockets where the launcher would.
        let child = Command::new("/bin/sh")
            .args([
                "-c",
                "exec \"$@\" 3<&0 4<&1 0</dev/null 1>/dev/null",
                "sh",
                env!("CARGO_BIN_EXE_coditect-agent"),
                "agent",
            ])
            .arg(serde_json::to_string(&config).unwrap())
            .stdin(Stdio::from(bind("agent.sock")))
            .stdout(Stdio::from(bind("ports.sock")))
            .spawn()
            .unwrap();
        Self { process: Process::Child(child), sockets: dir.path().to_owned(), dir, config }
    }

    /// As pid 1 of a sandbox of its own.
    pub(crate) fn sandboxed() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "sandboxes need root: run these tests as root");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::tempdir().unwrap();
        let (volume, run_dir) = (dir.path().join("volume"), dir.path().join("run"));
        volume::create(&volume, Mode::Privileged).unwrap();
        std::fs::create_dir(&run_dir).unwrap();
        let mut id = [9; 16];
        id[..4].copy_from_slice(&std::process::id().to_be_bytes());
        id[4..8].copy_from_slice(&number.to_be_bytes());
        let workspace_id = WorkspaceId::from_bytes(id);
        let config = AgentConfig::new(workspace_id, 1, 8);
        // As the server does at its start.
        static PREPARED: std::sync::Once = std::sync::Once::new();
        PREPARED.call_once(|| drop(coditect_sandbox::control::prepare()));
        let launcher = Launcher::spawn(Path::new(env!("CARGO_BIN_EXE_coditect-agent"))).unwrap();
        let spec = SandboxSpec {
            name: workspace_id.label(),
            instance: format!("coditect-agent-test-{}", std::process::id()),
            // Far from what an installation on this machine hands out.
            ids: IdRange::numbered(15_000 + std::process::id() % 100 * 10 + number % 10).unwrap(),
            base: PathBuf::from("/"),
            run_dir: run_dir.clone(),
            hide: Vec::new(),
            network: Network::Isolated,
            limits: Limits { cpu_millis: 2000, memory_bytes: 512 << 20, pids: 256, open_files: 4096, terminals: 8 },
            identity: Some(Identity {
                workspace_id,
                hostname: "agent-test".to_owned(),
                generation: 1,
                volume,
                agent: config.clone(),
            }),
        };
        let record = launcher.launch(&spec).unwrap_or_else(|error| panic!("{error}"));
        Self { process: Process::Sandboxed { record: Box::new(record), launcher }, sockets: run_dir, dir, config }
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Child(child) => child.id(),
            Process::Sandboxed { record, .. } => record.pid,
        }
    }

    pub(crate) fn workspace(&self, name: &str) -> PathBuf {
        match &self.process {
            Process::Child(_) => Path::new(&self.config.workspace).join(name),
            Process::Sandboxed { .. } => self.dir.path().join("volume/workspace").join(name),
        }
    }

    pub(crate) fn ports_socket(&self) -> PathBuf {
        self.sockets.join("ports.sock")
    }

    /// Bytes of memory that are this process's own.
    pub(crate) fn private_memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid())).unwrap();
        let private = text.lines().filter(|line| line.starts_with("Private_"));
        private.map(|line| line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024).sum()
    }

    pub(crate) async fn exit_code(mut self) -> Option<i32> {
        let Process::Child(child) = &mut self.process else { panic!("a sandbox has no code") };
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            sleep(Duration::from_millis(5)).await;
        }
        panic!("the agent does not end");
    }

    /// Whether the sandbox lives.
    pub(crate) fn lives(&self) -> bool {
        let Process::Sandboxed { record, .. } = &self.process else { panic!("not a sandbox") };
        record.is_alive().unwrap().is_some()
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.sockets.join("agent.sock")).await.unwrap()
    }

    pub(crate) async fn raw(
        &self,
        request: http::Request<Full<bytes::Bytes>>,
    ) -> (http::response::Parts, bytes::Bytes) {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.connect().await)).await.unwrap();
        let connection = tokio::spawn(connection);
        let response = timeout(DEADLINE, sender.send_request(request)).await.unwrap().unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        (parts, body)
    }

    /// Status and body of a request with a JSON body.
    pub(crate) async fn request(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = http::Request::builder().method(method).uri(path).header("host", "agent");
        let bytes = if body.is_null() {
            bytes::Bytes::new()
        } else {
            request = request.header("content-type", "application/json");
            bytes::Bytes::from(body.to_string())
        };
        let (parts, body) = self.raw(request.body(Full::new(bytes)).unwrap()).await;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        (parts.status.as_u16(), body)
    }

    pub(crate) async fn web_socket(&self, path: &str) -> Socket {
        let mut request = format!("ws://agent{path}").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "coditect.v1".parse().unwrap());
        let (inner, response) = tokio_tungstenite::client_async(request, self.connect().await).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "coditect.v1");
        Socket { inner }
    }

    /// A new terminal's id.
    pub(crate) async fn terminal(&self) -> String {
        let (status, terminal) = self.request("POST", "/v1/terminals", serde_json::json!({})).await;
        assert_eq!(status, 201, "{terminal}");
        terminal["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        match &mut self.process {
            Process::Child(child) => {
                // Its terminals hang up with it.
                let _ = child.kill();
                let _ = child.wait();
            }
            Process::Sandboxed { record, launcher } => {
                assert!(launcher.helper_pid().is_some(), "the launcher has ended");
                control::stop(record, Duration::ZERO).unwrap();
            }
        }
    }
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// A WebSocket to the agent.
pub(crate) struct Socket {
    pub(crate) inner: WebSocketStream<UnixStream>,
}

impl Socket {
    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        timeout(DEADLINE, self.inner.send(message.into())).await.expect("the agent does not read").unwrap();
    }

    pub(crate) async fn send_json(&mut self, value: Value) {
        self.send(value.to_string()).await;
    }

    /// The next message but pings; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.next_in_time().await.expect("the agent says nothing")
    }

    /// The same; `None` when nothing comes in time.
    pub(crate) async fn next_in_time(&mut self) -> Option<Option<Message>> {
        loop {
            match timeout(DEADLINE, self.inner.next()).await.ok()? {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(Some(message)),
                Some(Err(_)) | None => return Some(None),
            }
        }
    }

    /// The code the agent closes the connection with.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Message::Close(frame)) => return frame.unwrap().code.into(),
                Some(_) => {}
                None => panic!("the connection ended without a close frame"),
            }
        }
    }
}
