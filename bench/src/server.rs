//! A real server on a port and a data directory of its own, and a client of its API.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use coditect_api::auth::LoggedIn;
use coditect_api::session::OpenedSession;
use coditect_api::workspace::Workspace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// The server under measurement.
pub(crate) struct Server {
    child: Child,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    /// Its address for programs.
    pub base: String,
    data: TempDir,
}

impl Server {
    /// Starts the release binary that lies beside this one and waits until it is ready.
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with settings of its own.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("coditect");
        ensure!(binary.exists(), "{} is missing; run `make bench`", binary.display());
        let data = tempfile::Builder::new().prefix("coditect-bench-").tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut environment = vec![
            ("CODITECT_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("CODITECT_DATA_DIR".to_owned(), data.path().display().to_string()),
            ("CODITECT_LOG".to_owned(), "warn".to_owned()),
            // Benchmarks start more workspaces at once than a free user may.
            ("CODITECT_TIERS__PRO__WORKSPACES".to_owned(), "2000".to_owned()),
            ("CODITECT_TIERS__PRO__CONCURRENT_SESSIONS".to_owned(), "2000".to_owned()),
        ];
        environment.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let child = Command::new(&binary)
            .arg("serve")
            .envs(environment.clone())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("the server does not start")?;
        let server = Self { child, binary, environment, base: format!("http://127.0.0.1:{port}"), data };
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(answer) = reqwest::get(format!("{}/health/ready", server.base)).await
                && answer.status().is_success()
            {
                return Ok(server);
            }
            ensure!(Instant::now() < end, "the server is not ready after 20 s");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until a sandbox is prepared.
    pub(crate) async fn prepared(&self) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let waiting = std::fs::read_dir(self.data.path().join("run"))?.flatten().any(|entry| {
                // Its record is written a moment before its agent runs: the pause below is for that.
                entry.file_name().to_string_lossy().starts_with(".warm-") && entry.path().join("sandbox.json").exists()
            });
            tokio::time::sleep(Duration::from_millis(10)).await;
            if waiting {
                return Ok(());
            }
            ensure!(Instant::now() < end, "no sandbox is prepared after 20 s");
        }
    }

    /// Process id of the server.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes an account in the largest tier; answers a client that is logged in as it.
    pub(crate) async fn account(&self, email: &str) -> Result<Client> {
        let path = PathBuf::from(&self.environment[1].1).join("operator.token");
        let operator = Client::new(&self.base, std::fs::read_to_string(path)?.trim());
        let password = "benchmarks measure, they do not guess";
        let body = serde_json::json!({ "email": email, "name": "Bench", "password": password, "tier": "pro" });
        let _: serde_json::Value = operator.post("/api/v5/users", &body).await?;
        let body = serde_json::json!({ "email": email, "password": password });
        let login: LoggedIn = Client::new(&self.base, "").post("/api/v5/auth/login", &body).await?;
        Ok(Client::new(&self.base, &login.access_token.context("no access token")?))
    }

    /// Stops the server and everything it started.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait()?;
        let status = Command::new(&self.binary)
            .args(["serve", "--stop-all"])
            .envs(self.environment.clone())
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "workspaces could not be stopped");
        Ok(())
    }
}

/// A measurement that failed leaves nothing running either.
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// A client of the API.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// Address of the server.
    pub base: String,
    token: String,
}

impl Client {
    /// With this access token; empty for none.
    pub(crate) fn new(base: &str, token: &str) -> Self {
        Self { http: reqwest::Client::new(), base: base.to_owned(), token: token.to_owned() }
    }

    /// `GET`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// `POST` with a JSON body.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "POST {path}: {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Makes a workspace that does not run yet.
    pub(crate) async fn workspace(&self, name: &str) -> Result<Workspace> {
        self.post("/api/v5/workspaces", &serde_json::json!({ "name": name, "start": false })).await
    }

    /// Opens a session, which starts the workspace.
    pub(crate) async fn open(&self, workspace: &str) -> Result<OpenedSession> {
        self.post("/api/v5/sessions?wait_ms=20000", &serde_json::json!({ "workspace_id": workspace })).await
    }
}
