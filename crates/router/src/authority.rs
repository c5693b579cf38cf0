//! What the router asks of others: whose a token is, where a workspace runs, and a way into it.

use std::io;

use async_trait::async_trait;
use coditect_api::grant::{Audience, Grant};
use coditect_model::id::{HostId, LoginId, WorkspaceId};
use coditect_model::workspace::{Generation, State};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast;

/// A byte stream to an agent or to a port.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + ?Sized> Io for T {}

/// An [`Io`] of any make.
pub type BoxedIo = Box<dyn Io>;

/// Why a token gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Not signed by this installation, for another audience, or not a token at all.
    #[error("the token is not valid")]
    Invalid,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// The login it came from has ended, or the access it stands for was taken away.
    #[error("the login behind the token has ended")]
    Ended,
    /// It cannot be told now; trying again is right.
    #[error("logins cannot be checked at the moment")]
    Unavailable,
}

/// Where a workspace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The host that has it, when one does.
    pub host: Option<HostId>,
    /// The number of the owner's last wish: grants of another number are refused.
    pub generation: Generation,
    /// What is so.
    pub state: State,
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No such workspace.
    #[error("the workspace does not exist")]
    NotFound,
    /// It was to be started and could not be; the reason is for its owner.
    #[error("the workspace could not be started: {0}")]
    Failed(String),
    /// It cannot be told now; trying again is right.
    #[error("the workspace cannot be looked up at the moment")]
    Unavailable,
}

/// Control, as the router needs it.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// Checks signature, issuer, audience and time of a token. Offline and quick: it runs on every request.
    ///
    /// # Errors
    /// See [`GrantError`].
    fn verify(&self, token: &str, audience: Audience) -> Result<Grant, GrantError>;

    /// A fresh [`Audience::App`] token for the user, workspace and port of `grant` (a ticket or an older app token),
    /// with the workspace's present generation, after checking that login and access still hold.
    ///
    /// # Errors
    /// See [`GrantError`].
    async fn renew(&self, grant: &Grant) -> Result<String, GrantError>;

    /// Whether login and access behind `grant` still hold, whatever the grant's own expiry says. Asked for every
    /// request to a workspace and once a minute for every open connection: it should answer from memory.
    async fn is_live(&self, grant: &Grant) -> bool;

    /// Logins as they end. A receiver that lags asks again about everything it has open.
    fn revoked(&self) -> broadcast::Receiver<LoginId>;

    /// Where the workspace is now.
    ///
    /// # Errors
    /// See [`RouteError`].
    async fn route(&self, workspace: WorkspaceId) -> Result<Route, RouteError>;

    /// Asks for the workspace to run and waits until it does.
    ///
    /// # Errors
    /// See [`RouteError`].
    async fn wake(&self, workspace: WorkspaceId) -> Result<Route, RouteError>;
}

/// The hosts, as the router needs them.
#[async_trait]
pub trait Hosts: Send + Sync + 'static {
    /// Connects to the agent of a running workspace.
    ///
    /// # Errors
    /// Whatever stands in the way, a generation that has passed included.
    async fn connect_agent(&self, workspace: WorkspaceId, generation: Generation) -> io::Result<BoxedIo>;

    /// Connects to a TCP port inside a running workspace.
    ///
    /// # Errors
    /// `ConnectionRefused` when nothing listens there, `TimedOut` when nothing answers; else as for the agent.
    async fn connect_port(&self, workspace: WorkspaceId, generation: Generation, port: u16) -> io::Result<BoxedIo>;
}
