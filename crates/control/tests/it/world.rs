//! One installation per test, and people in it.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use coditect_control::{Control, ControlConfig, PasswordCost};
use coditect_model::ambient::{Clock, Entropy, Timestamp};
use coditect_model::id::WorkspaceId;
use coditect_store::{FaultPlan, Store};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::hosts::TestHosts;

pub(crate) const ORIGIN: &str = "http://coditect.localhost:8080";
pub(crate) const ALIAS: &str = "http://localhost:8080";
pub(crate) const OPERATOR: &str = "cdop_0123456789abcdef0123456789abcdef";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Relaxed))
    }
}

impl TestClock {
    pub(crate) fn advance_s(&self, s: i64) {
        self.0.fetch_add(s * 1000, Relaxed);
    }
}

/// Random-looking bytes from a seed: `splitmix64`.
pub(crate) struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct World {
    pub(crate) control: Arc<Control>,
    pub(crate) router: Router,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) entropy: Arc<TestEntropy>,
    pub(crate) hosts: Arc<TestHosts>,
    pub(crate) store: Store,
    pub(crate) config: ControlConfig,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self
    }

    /// Checks the kind of an error and that it has the one body.
    #[track_caller]
    pub(crate) fn error(self, kind: &str) -> Self {
        assert_eq!(self.body["error"]["kind"], kind, "{} {:#}", self.status, self.body);
        assert!(!self.body["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(self.body["error"]["request_id"].as_str().unwrap(), self.headers["x-request-id"]);
        self
    }

    pub(crate) fn text(&self, pointer: &str) -> String {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{pointer} in {:#}", self.body))
            .to_owned()
    }
}

/// A person with their tokens.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A configuration whose hashes cost next to nothing and whose addresses may ask as often as they like.
pub(crate) fn config() -> ControlConfig {
    let mut config = ControlConfig::new(ORIGIN, "coditect.localhost:8080");
    config.alias_origins = vec![ALIAS.to_owned()];
    config.password_cost = PasswordCost { memory_kib: 8, passes: 1, concurrency: 2 };
    config.operator_token = Some(OPERATOR.to_owned());
    config.rate_limits.login_burst = 10_000;
    config.rate_limits.register_burst = 10_000;
    config.rate_limits.other_burst = 10_000;
    config
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of the test that runs on this thread: every one has a thread, and its tasks, to itself.
struct ThreadLog;

impl std::io::Write for ThreadLog {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything this test has logged, at every level.
pub(crate) fn logged() -> String {
    LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
}

fn logging() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_global_default(subscriber.with_writer(|| ThreadLog).finish()).unwrap();
    });
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(config(), None).await
    }

    pub(crate) async fn with(config: ControlConfig, faults: Option<FaultPlan>) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_790_000_000_000)));
        let store = Store::memory(clock.clone());
        let store = match faults {
            Some(plan) => store.faulty(plan),
            None => store,
        };
        let entropy = Arc::new(TestEntropy(AtomicU64::new(0x00c0_d17e_c700)));
        Self::over(config, store, clock, entropy, Arc::new(TestHosts::new())).await
    }

    /// Another installation: other keys, other ids.
    pub(crate) async fn seeded(config: ControlConfig, seed: u64) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_790_000_000_000)));
        let entropy = Arc::new(TestEntropy(AtomicU64::new(seed)));
        let store = Store::memory(clock.clone());
        Self::over(config, store, clock, entropy, Arc::new(TestHosts::new())).await
    }

    pub(crate) async fn over(
        config: ControlConfig,
        store: Store,
        clock: Arc<TestClock>,
        entropy: Arc<TestEntropy>,
        hosts: Arc<TestHosts>,
    ) -> Self {
        logging();
        let control =
            Control::open(config.clone(), store.clone(), hosts.clone(), clock.clone(), entropy.clone()).await.unwrap();
        let stop = CancellationToken::new();
        for (_, task) in control.tasks(stop.clone()) {
            tokio::spawn(task);
        }
        Self { router: control.router(), control, clock, entropy, hosts, store, config, stop }
    }

    /// The process ends and starts again over the same store and hosts.
    pub(crate) async fn restart(&self) -> Self {
        self.stop.cancel();
        Self::over(
            self.config.clone(),
            self.store.clone(),
            self.clock.clone(),
            self.entropy.clone(),
            self.hosts.clone(),
        )
        .await
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        let peer: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) };
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A request of a program.
    pub(crate) async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Body::from(value.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, token, None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, path, token, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, token, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, token, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call(Method::DELETE, path, token, None).await
    }

    /// Registers `{name}@example.com` with whatever else `more` says.
    pub(crate) async fn register_with(&self, name: &str, more: Value) -> Reply {
        let mut body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "name": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/api/v5/auth/register", "", body).await
    }

    pub(crate) async fn register(&self, name: &str) -> Person {
        person(&self.register_with(name, json!({})).await.expect(201))
    }

    pub(crate) async fn try_log_in(&self, email: &str, password: &str) -> Reply {
        self.post("/api/v5/auth/login", "", json!({ "email": email, "password": password })).await
    }

    pub(crate) async fn log_in(&self, email: &str) -> Person {
        person(&self.try_log_in(email, PASSWORD).await.expect(200))
    }

    /// An administrator by the link of the first start.
    pub(crate) async fn admin(&self) -> Person {
        let link = self.control.setup_link().await.unwrap();
        let token = link.split_once("#token=").unwrap().1;
        person(&self.register_with("admin", json!({ "setup_token": token })).await.expect(201))
    }

    /// A member of somebody's tenant.
    pub(crate) async fn member_of(&self, owner: &Person, name: &str) -> Person {
        let code = self.post("/api/v5/invitations", &owner.access, json!({})).await.expect(201).text("/code");
        person(&self.register_with(name, json!({ "invitation": code })).await.expect(201))
    }

    /// A running workspace.
    pub(crate) async fn workspace(&self, owner: &Person, name: &str) -> WorkspaceId {
        let reply =
            self.post("/api/v5/workspaces?wait_ms=10000", &owner.access, json!({ "name": name })).await.expect(201);
        assert_eq!(reply.body["state"], "running", "{:#}", reply.body);
        reply.text("/id").parse().unwrap()
    }

    /// Waits until a workspace is in a state, as its owner sees it.
    pub(crate) async fn until(&self, token: &str, id: WorkspaceId, state: &str) -> Value {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let reply = self.get(&format!("/api/v5/workspaces/{id}"), token).await;
            if reply.body["state"] == state || (state == "gone" && reply.status == StatusCode::NOT_FOUND) {
                return reply.body;
            }
            assert!(tokio::time::Instant::now() < deadline, "waited for {state}: {:#}", reply.body);
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn person(reply: &Reply) -> Person {
    Person {
        email: reply.text("/user/email"),
        id: reply.text("/user/id"),
        tenant: reply.text("/user/tenant_id"),
        access: reply.text("/access_token"),
        refresh: reply.text("/refresh_token"),
    }
}
