//! Listening, serving connections, and stopping within a deadline.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coditect_model::ambient::{Clock, Entropy};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assets::{AppPolicy, Assets};
use crate::authority::{Authority, Hosts};
use crate::config::RouterConfig;
use crate::connection::{Census, ClientIo, Counted};
use crate::logins::Logins;
use crate::spent::Spent;

/// After an error of `accept` (no file descriptors left), wait this long before the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What is cut at the drain deadline goes away within this.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);
/// Said to a connection that is one too many.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// What the router is made of.
pub struct RouterParts {
    /// Names and limits.
    pub config: RouterConfig,
    /// Answers `/api`, `/health` and `/.well-known` of the control origin. Finds the peer's address as
    /// `ConnectInfo<SocketAddr>` and the request's id in the header `x-request-id`.
    pub control: axum::Router,
    /// The web app.
    pub assets: Arc<dyn Assets>,
    /// Tokens, logins and routes.
    pub authority: Arc<dyn Authority>,
    /// The ways into workspaces.
    pub hosts: Arc<dyn Hosts>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Request ids.
    pub entropy: Arc<dyn Entropy>,
}

/// How the serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections whose answers were not finished at the deadline.
    pub cut: usize,
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) config: RouterConfig,
    pub(crate) control: axum::Router,
    pub(crate) assets: Arc<dyn Assets>,
    pub(crate) app_policy: AppPolicy,
    pub(crate) authority: Arc<dyn Authority>,
    pub(crate) hosts: Arc<dyn Hosts>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) spent: Spent,
    /// Everything spawned, joined at the end.
    pub(crate) tasks: TaskTracker,
    /// Fires when no more requests are taken; tunnels end then.
    pub(crate) draining: CancellationToken,
    /// Fires at the drain deadline.
    kill: CancellationToken,
    census: Arc<Census>,
    cut: AtomicUsize,
}

/// Serves the listeners until `shutdown`, then finishes what is under way within the drain deadline.
///
/// Protocol changes (WebSockets) end at once: they have no end of their own, and their clients come back.
pub async fn serve(parts: RouterParts, listeners: Vec<TcpListener>, shutdown: CancellationToken) -> Drained {
    let RouterParts { config, control, assets, authority, hosts, clock, entropy } = parts;
    let shared = Arc::new(Shared {
        app_policy: AppPolicy::new(&config),
        config,
        control,
        assets,
        authority,
        hosts,
        clock,
        entropy,
        logins: Arc::default(),
        spent: Spent::default(),
        tasks: TaskTracker::new(),
        draining: shutdown.clone(),
        kill: CancellationToken::new(),
        census: Arc::default(),
        cut: AtomicUsize::new(0),
    });
    let tasks = &shared.tasks;
    tasks.spawn(Arc::clone(&shared.logins).follow(
        Arc::clone(&shared.authority),
        shared.authority.revoked(),
        shared.config.limits.recheck_interval,
        shutdown.clone(),
    ));
    for listener in listeners {
        tasks.spawn(Arc::clone(&shared).accept(listener));
    }
    shutdown.cancelled().await;
    tasks.close();
    if tokio::time::timeout(shared.config.limits.drain_timeout, tasks.wait()).await.is_err() {
        shared.kill.cancel();
        if tokio::time::timeout(CUT_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!(tasks = tasks.len(), "requests are still being answered; leaving them behind");
        }
    }
    Drained { cut: shared.cut.load(Ordering::Relaxed) }
}

impl Shared {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.draining.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let limits = &self.config.limits;
                    let counted =
                        self.census.admit(peer.ip(), limits.max_connections, limits.max_connections_per_address);
                    match counted {
                        Some(counted) => {
                            self.tasks.spawn(Arc::clone(&self).connection(stream, peer, counted));
                        }
                        None => {
                            tracing::debug!("a connection too many was turned away");
                            // Best effort: whoever floods us is not waited for.
                            drop(stream.try_write(TOO_MANY));
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: std::net::SocketAddr, counted: Counted) {
        let limits = &self.config.limits;
        let io = TokioIo::new(ClientIo::new(stream, limits.write_stall_timeout, counted));
        let shared = Arc::clone(&self);
        let service = service_fn(move |request| {
            let answering = Arc::clone(&shared).handle(peer, request);
            async move { Ok::<_, Infallible>(answering.await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            // The buffer also holds what follows a head; what is between the two is refused with words in `dispatch`.
            .max_buf_size(limits.max_header_bytes.max(8192) * 2)
            .max_headers(limits.max_headers)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let mut draining = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a client's connection ended early");
                    }
                    break;
                }
                () = self.draining.cancelled(), if !draining => {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.kill.cancelled() => {
                    self.cut.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }
}
