//! A router with everything around it, and a client that says exactly the bytes it is told to.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use coditect_api::grant::{AccessLevel, Audience, Grant};
use coditect_model::ambient::{Clock, Entropy, Timestamp};
use coditect_model::id::{LoginId, UserId, WorkspaceId};
use coditect_model::workspace::{Generation, State};
use coditect_router::{
    Asset, Assets, Authority, BoxedIo, Drained, GrantError, Hosts, Limits, Route, RouteError, RouterConfig,
    RouterParts, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing in these tests takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const ORIGIN: &str = "http://coditect.localhost:8080";
pub(crate) const CONTROL: &str = "coditect.localhost:8080";
pub(crate) const ALIAS: &str = "localhost:8080";
pub(crate) const COOKIE: &str = "__Host-coditect_app";
/// Seconds an app token of the test authority lives.
pub(crate) const APP_LIFE_S: i64 = 1000;

#[derive(Default)]
pub(crate) struct TestClock(AtomicI64);
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst) * 1000)
    }
}
impl TestClock {
    pub(crate) fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct Counter(AtomicU64);
impl Entropy for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
        let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let start = buffer.len() - number.len();
        buffer[start..].copy_from_slice(&number);
    }
}

/// Control, as a table.
pub(crate) struct Table {
    pub(crate) clock: Arc<TestClock>,
    tokens: Mutex<HashMap<String, Grant>>,
    ended: Mutex<HashSet<String>>,
    pub(crate) routes: Mutex<HashMap<WorkspaceId, Route>>,
    pub(crate) wakes: AtomicU64,
    numbers: AtomicU64,
    news: broadcast::Sender<LoginId>,
}

impl Table {
    pub(crate) fn issue(&self, mut grant: Grant) -> String {
        let number = self.numbers.fetch_add(1, Ordering::SeqCst);
        let token = format!("tok.{number}-_{:?}", grant.aud).to_lowercase();
        grant.jti = token.clone();
        self.tokens.lock().unwrap().insert(token.clone(), grant);
        token
    }

    /// Ends a login, with or without telling the router at once.
    pub(crate) fn end(&self, login: LoginId, tell: bool) {
        self.ended.lock().unwrap().insert(login.to_string());
        if tell {
            self.news.send(login).unwrap();
        }
    }

    pub(crate) fn set_state(&self, workspace: WorkspaceId, state: State, generation: u64) {
        let route = Route { host: None, generation: Generation(generation), state };
        self.routes.lock().unwrap().insert(workspace, route);
    }
}

#[async_trait]
impl Authority for Table {
    fn verify(&self, token: &str, audience: Audience) -> Result<Grant, GrantError> {
        let grant = self.tokens.lock().unwrap().get(token).cloned().ok_or(GrantError::Invalid)?;
        if grant.aud != audience {
            return Err(GrantError::Invalid);
        }
        if grant.exp <= self.clock.now().as_secs() { Err(GrantError::Expired) } else { Ok(grant) }
    }

    async fn renew(&self, grant: &Grant) -> Result<String, GrantError> {
        if !self.is_live(grant).await {
            return Err(GrantError::Ended);
        }
        let now = self.clock.now().as_secs();
        let workspace: WorkspaceId = grant.workspace.parse().unwrap();
        let generation = self.routes.lock().unwrap()[&workspace].generation.0;
        Ok(self.issue(Grant { aud: Audience::App, iat: now, exp: now + APP_LIFE_S, generation, ..grant.clone() }))
    }

    async fn is_live(&self, grant: &Grant) -> bool {
        !self.ended.lock().unwrap().contains(&grant.login)
    }

    fn revoked(&self) -> broadcast::Receiver<LoginId> {
        self.news.subscribe()
    }

    async fn route(&self, workspace: WorkspaceId) -> Result<Route, RouteError> {
        self.routes.lock().unwrap().get(&workspace).copied().ok_or(RouteError::NotFound)
    }

    async fn wake(&self, workspace: WorkspaceId) -> Result<Route, RouteError> {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        let mut routes = self.routes.lock().unwrap();
        let route = routes.get_mut(&workspace).ok_or(RouteError::NotFound)?;
        if route.state == State::Failed {
            return Err(RouteError::Failed("the <b>volume</b> is full".to_owned()));
        }
        *route = Route { state: State::Running, generation: route.generation.next(), ..*route };
        Ok(*route)
    }
}

/// Real sockets in place of sandboxes.
pub(crate) struct Sockets {
    pub(crate) agent: PathBuf,
    /// Port inside the workspace to real port.
    pub(crate) ports: Mutex<HashMap<u16, u16>>,
}

#[async_trait]
impl Hosts for Sockets {
    async fn connect_agent(&self, _: WorkspaceId, _: Generation) -> io::Result<BoxedIo> {
        Ok(Box::new(UnixStream::connect(&self.agent).await?))
    }

    async fn connect_port(&self, _: WorkspaceId, _: Generation, port: u16) -> io::Result<BoxedIo> {
        let real = self.ports.lock().unwrap().get(&port).copied();
        let real = real.ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(Box::new(TcpStream::connect(("127.0.0.1", real)).await?))
    }
}

struct WebApp;
impl Assets for WebApp {
    fn get(&self, path: &str) -> Option<Asset> {
        let (bytes, content_type): (&'static [u8], &'static str) = match path {
            "index.html" => (b"<!doctype html><title>Coditect</title>", "text/html; charset=utf-8"),
            "assets/app-1a2b.js" => (b"console.log('plain')", "text/javascript"),
            _ => return None,
        };
        Some(Asset {
            bytes: bytes.into(),
            content_type: content_type.into(),
            etag: "v1".into(),
            gzip: path.ends_with(".js").then(|| (&b"gzipped"[..]).into()),
        })
    }
}

/// A router and its surroundings.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) table: Arc<Table>,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) workspace: WorkspaceId,
    pub(crate) login: LoginId,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<Drained>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::with_control(crate::upstreams::control(), adjust).await
    }

    pub(crate) async fn with_control(control: axum::Router, adjust: impl FnOnce(&mut Limits)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let agent = folder.path().join("agent");
        crate::upstreams::agent(tokio::net::UnixListener::bind(&agent).unwrap());
        let clock = Arc::new(TestClock::default());
        clock.advance_s(1_000_000);
        let table = Arc::new(Table {
            clock: clock.clone(),
            tokens: Mutex::default(),
            ended: Mutex::default(),
            routes: Mutex::default(),
            wakes: AtomicU64::new(0),
            numbers: AtomicU64::new(0),
            news: broadcast::channel(16).0,
        });
        let sockets = Arc::new(Sockets { agent, ports: Mutex::default() });
        let aliases = [ALIAS.to_owned(), "127.0.0.1:8080".to_owned(), "[::1]:8080".to_owned()];
        let mut config = RouterConfig::new(ORIGIN, &aliases, CONTROL, true).unwrap();
        adjust(&mut config.limits);
        let shutdown = CancellationToken::new();
        let parts = RouterParts {
            config,
            control,
            assets: Arc::new(WebApp),
            authority: table.clone(),
            hosts: sockets.clone(),
            clock: clock.clone(),
            entropy: Arc::new(Counter::default()),
        };
        let serving = tokio::spawn(serve(parts, vec![listener], shutdown.clone()));
        let workspace = WorkspaceId::from_bytes([7; 16]);
        table.set_state(workspace, State::Running, 1);
        let login = LoginId::from_bytes([3; 16]);
        Self { address, table, sockets, clock, workspace, login, shutdown, serving, _folder: folder }
    }

    /// Claims for the world's workspace.
    pub(crate) fn claims(&self, aud: Audience, port: Option<u16>) -> Grant {
        let now = self.clock.now().as_secs();
        Grant {
            iss: ORIGIN.to_owned(),
            aud,
            sub: UserId::from_bytes([1; 16]).to_string(),
            tenant: "ten_x".to_owned(),
            login: self.login.to_string(),
            workspace: self.workspace.to_string(),
            access: AccessLevel::Write,
            port,
            generation: 1,
            jti: String::new(),
            iat: now,
            exp: now + APP_LIFE_S,
        }
    }

    /// A token for the world's workspace.
    pub(crate) fn token(&self, aud: Audience, port: Option<u16>) -> String {
        self.table.issue(self.claims(aud, port))
    }

    /// Host name of a place of the workspace.
    pub(crate) fn host(&self, place: &str) -> String {
        format!("{place}--{}.{CONTROL}", self.workspace.label())
    }

    /// Path of the agent's API.
    pub(crate) fn agent_path(&self, inner: &str) -> String {
        format!("/w/{}{inner}", self.workspace.label())
    }

    /// Serves `app` as a port of the workspace.
    pub(crate) async fn serve_port(&self, port: u16, app: axum::Router) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.sockets.ports.lock().unwrap().insert(port, listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, app).await });
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A request to a port with its cookie.
    pub(crate) fn visit(&self, port: u16, method: &str, path: &str) -> Ask {
        let cookie = format!("{COOKIE}={}", self.token(Audience::App, Some(port)));
        Ask::new(method, path).host(&self.host(&port.to_string())).header("Cookie", &cookie)
    }

    /// A request to the agent with a grant.
    pub(crate) fn call(&self, method: &str, inner: &str) -> Ask {
        let grant = self.token(Audience::Workspace, None);
        Ask::new(method, &self.agent_path(inner)).header("Authorization", &format!("Bearer {grant}"))
    }

    pub(crate) async fn send(&self, ask: &Ask) -> Answer {
        let raw = ask.bytes();
        self.send_raw(&raw).await
    }

    /// Sends bytes and reads until the router closes.
    pub(crate) async fn send_raw(&self, raw: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(raw).await.unwrap();
        Answer::parse(&read_to_end(&mut stream).await)
    }
}

pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await;
    if let Err(error) = read.expect("the router neither answered nor closed in time") {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{error}");
    }
    bytes
}

/// Reads until `text` has arrived.
pub(crate) async fn read_until(stream: &mut (impl tokio::io::AsyncRead + Unpin), text: &str) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "ended before {text:?}: {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap_or_else(|_| panic!("{text:?} did not arrive"))
}

/// Waits for something to become so.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// A request, byte for byte.
#[derive(Clone)]
pub(crate) struct Ask {
    head: String,
    host: String,
    headers: String,
    body: Vec<u8>,
    close: bool,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            head: format!("{method} {path} HTTP/1.1\r\n"),
            host: CONTROL.to_owned(),
            headers: String::new(),
            body: Vec::new(),
            close: true,
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        let length = body.len();
        self.header("Content-Length", &length.to_string())
    }

    /// As a browser asks for a page.
    pub(crate) fn navigating(self) -> Self {
        self.header("Accept", "text/html,*/*").header("Sec-Fetch-Mode", "navigate")
    }

    /// A WebSocket handshake.
    pub(crate) fn websocket(mut self) -> Self {
        self.close = false;
        self.header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let close = if self.close { "Connection: close\r\n" } else { "" };
        let mut bytes = format!("{}Host: {}\r\n{}{close}\r\n", self.head, self.host, self.headers).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
            body = dechunk(&body);
        }
        Self { status, headers, body }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The kind in the one error body.
    pub(crate) fn kind(&self) -> String {
        self.json()["error"]["kind"].as_str().unwrap().to_owned()
    }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        let start = end + 2;
        if bytes.len() < start + length {
            body.extend_from_slice(&bytes[start..]);
            break;
        }
        body.extend_from_slice(&bytes[start..start + length]);
        bytes = &bytes[start + length + 2..];
    }
    body
}
