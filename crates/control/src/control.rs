//! The control plane as one value: what every handler and task shares, and what other crates call.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use coditect_model::ambient::{Clock, Entropy, Timestamp};
use coditect_model::id::{LoginId, WorkspaceId};
use coditect_store::Store;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::audit::AuditKey;
use crate::app::grant::Live;
use crate::board::Board;
use crate::config::{ConfigError, ControlConfig};
use crate::error::AppError;
use crate::hosts::Hosts;
use crate::keyring::Keyring;
use crate::password::Passwords;
use crate::rate::Limiter;
use crate::records::login;
use crate::revoked::Revoked;
use crate::secret;

/// Nudges that may wait for the reconciler. One that does not fit is found by its next round.
const NUDGES_MAX: usize = 4096;

/// A background task, to be spawned by the server under its name.
pub type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why the control plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The password hash cannot be computed with these parameters.
    #[error("password_cost cannot be used: {0}")]
    PasswordCost(String),
    /// The store does not answer, or holds what this program cannot read.
    #[error("the control plane cannot read its store: {0}")]
    Store(String),
}

impl From<AppError> for OpenError {
    fn from(error: AppError) -> Self {
        Self::Store(error.cause.unwrap_or(error.message))
    }
}

pub(crate) struct Limiters {
    pub(crate) login: Limiter,
    pub(crate) register: Limiter,
    pub(crate) other: Limiter,
}

/// The control plane.
pub struct Control {
    pub(crate) config: ControlConfig,
    pub(crate) store: Store,
    pub(crate) hosts: Arc<dyn Hosts>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) passwords: Passwords,
    pub(crate) keyring: Keyring,
    pub(crate) audit_key: AuditKey,
    pub(crate) audit_ids: AtomicU64,
    /// One verification of an audit log at a time.
    pub(crate) verifying: tokio::sync::Mutex<()>,
    pub(crate) revoked: Revoked,
    pub(crate) live: Live,
    pub(crate) board: Board,
    pub(crate) limiters: Limiters,
    pub(crate) operator: Option<secret::Hash>,
    /// The login that the operator's grants name; of this process alone.
    pub(crate) operator_login: LoginId,
    pub(crate) started_at: Timestamp,
    pub(crate) stopping: AtomicBool,
    /// Whether the reconciler has compared hosts and store once.
    pub(crate) reconciled: AtomicBool,
    nudges: mpsc::Sender<WorkspaceId>,
    nudged: Mutex<Option<mpsc::Receiver<WorkspaceId>>>,
}

impl Control {
    /// Opens the control plane over a store and the hosts.
    ///
    /// # Errors
    /// An unusable configuration, or a store that cannot be read.
    pub async fn open(
        config: ControlConfig,
        store: Store,
        hosts: Arc<dyn Hosts>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, OpenError> {
        config.check()?;
        let passwords = Passwords::new(config.password_cost, &*entropy).map_err(OpenError::PasswordCost)?;
        let audit_key = Self::load_audit_key(&store, &*entropy, clock.now()).await?;
        let limits = &config.rate_limits;
        let (nudges, nudged) = mpsc::channel(NUDGES_MAX);
        let control = Arc::new(Self {
            passwords,
            keyring: Keyring::new(&config.public_url),
            audit_key,
            audit_ids: AtomicU64::new(0),
            verifying: tokio::sync::Mutex::default(),
            revoked: Revoked::new(),
            live: Live::default(),
            board: Board::default(),
            limiters: Limiters {
                login: Limiter::new(limits.login_burst, limits.login_every_ms),
                register: Limiter::new(limits.register_burst, limits.register_every_ms),
                other: Limiter::new(limits.other_burst, limits.other_every_ms),
            },
            operator: config.operator_token.as_ref().map(|token| secret::hash(token.as_bytes())),
            operator_login: LoginId::random(&*entropy),
            started_at: clock.now(),
            stopping: AtomicBool::new(false),
            reconciled: AtomicBool::new(false),
            nudges,
            nudged: Mutex::new(Some(nudged)),
            config,
            store,
            hosts,
            clock,
            entropy,
        });
        control.load_signing_keys().await?;
        let ended = control.store.transact("load ended logins", |txn| async move { login::ended(&txn).await }).await?;
        for mark in ended {
            control.revoked.add(mark.login, mark.until);
        }
        Ok(control)
    }

    /// The HTTP API. Wants the peer's address as `axum::extract::ConnectInfo<SocketAddr>` with each request.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        crate::http::router(Arc::clone(self))
    }

    /// The background tasks with their names; each ends soon after `stop` is cancelled. To be asked for once.
    #[must_use]
    pub fn tasks(self: &Arc<Self>, stop: CancellationToken) -> Vec<(&'static str, TaskFuture)> {
        let mut tasks: Vec<(&'static str, TaskFuture)> = Vec::new();
        if let Some(nudged) = self.nudged.lock().expect("no code panics while it holds this lock").take() {
            let run = crate::tasks::reconcile::run(Arc::clone(self), nudged, stop.clone());
            tasks.push(("reconcile workspaces", Box::pin(run)));
        }
        if let Some(reports) = self.hosts.file_reports() {
            let run = crate::tasks::audit::take_reports(Arc::clone(self), reports, stop.clone());
            tasks.push(("file reports", Box::pin(run)));
        }
        tasks.push(("audit log", Box::pin(crate::tasks::audit::run(Arc::clone(self), stop.clone()))));
        tasks.push(("housekeeping", Box::pin(crate::tasks::housekeeping::run(Arc::clone(self), stop))));
        tasks
    }

    /// Replaces the token-signing key now; the present one verifies for as long as its tokens live.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn rotate_signing_key(&self) -> Result<(), OpenError> {
        Ok(self.replace_signing_key().await?)
    }

    /// Asks the reconciler to look at a workspace now.
    pub(crate) fn nudge(&self, id: WorkspaceId) {
        if self.nudges.try_send(id).is_err() {
            tracing::debug!(workspace = %id, "the reconciler is busy: it finds this workspace in its next round");
        }
    }

    /// Whether this token is the operator's.
    pub(crate) fn is_operator(&self, token: &str) -> bool {
        self.operator.as_ref().is_some_and(|stored| secret::matches(token.as_bytes(), stored))
    }

    /// The client's address: the peer's, or what a trusted proxy says in the last entry of `X-Forwarded-For` that is
    /// not a trusted proxy itself.
    pub(crate) fn client_address(&self, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
        let trusted = |address: &IpAddr| self.config.trusted_proxies.contains(&address.to_canonical());
        let mut client = peer.to_canonical();
        let mut hops = forwarded.unwrap_or_default().rsplit(',');
        while trusted(&client) {
            match hops.next().and_then(|hop| hop.trim().parse::<IpAddr>().ok()) {
                Some(next) => client = next.to_canonical(),
                None => break,
            }
        }
        client
    }
}
