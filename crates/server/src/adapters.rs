//! What joins the parts in one process: control's hosts and the router's hosts are this machine's [`Host`], and the
//! router's authority is [`Control`].

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use coditect_api::grant::{Audience, Grant};
use coditect_api::workspace::PendingLimit;
use coditect_control::{Control, HostError, HostSandbox, HostStart, HostUsage};
use coditect_host::{ConnectError, Host, StartWorkspace};
use coditect_model::audit::files::FileReport;
use coditect_model::id::{HostId, LoginId, WorkspaceId};
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use coditect_router::{BoxedIo, GrantError, Route, RouteError};
use tokio::sync::{broadcast, mpsc};

/// This machine as all the hosts there are.
pub(crate) struct LocalHosts {
    host: Host,
    id: HostId,
}

impl LocalHosts {
    pub(crate) fn new(host: Host, id: HostId) -> Self {
        Self { host, id }
    }
}

fn host_error(error: coditect_host::HostError) -> HostError {
    use coditect_host::HostError as E;
    match error {
        E::Outdated { newest, .. } => HostError::Stale { seen: newest },
        E::Full => HostError::Unavailable(error.to_string()),
        E::Network(_) | E::Volume(_) | E::State(_) | E::Launch(_) | E::Agent(_) | E::Limits(_) | E::Stop(_) => {
            HostError::Failed(error.to_string())
        }
    }
}

#[async_trait]
impl coditect_control::Hosts for LocalHosts {
    async fn start(&self, start: HostStart) -> Result<(), HostError> {
        let start = StartWorkspace { workspace: start.workspace, generation: start.generation, limits: start.limits };
        self.host.start(start).await.map_err(host_error)
    }

    async fn set_limits(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
        limits: &Limits,
    ) -> Result<Vec<PendingLimit>, HostError> {
        self.host.set_limits(workspace, generation, limits).await.map_err(host_error)
    }

    async fn stop(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        self.host.stop(workspace, generation).await.map_err(host_error)
    }

    async fn delete(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        self.host.delete(workspace, generation).await.map_err(host_error)
    }

    async fn list(&self) -> Vec<HostSandbox> {
        let sandbox = |status: coditect_host::Status| HostSandbox {
            workspace: status.workspace,
            generation: status.generation,
            alive: true,
        };
        self.host.list().into_iter().map(sandbox).collect()
    }

    async fn usage(&self, workspace: WorkspaceId) -> Option<HostUsage> {
        self.host.usage(workspace)
    }

    fn exits(&self) -> broadcast::Receiver<WorkspaceId> {
        self.host.exits()
    }

    async fn end_reason(&self, workspace: WorkspaceId) -> Option<String> {
        self.host.end_reason(workspace)
    }

    fn file_reports(&self) -> Option<mpsc::Receiver<FileReport>> {
        self.host.file_reports()
    }

    fn host_id(&self) -> HostId {
        self.id
    }
}

fn connect_error(error: ConnectError) -> io::Error {
    let kind = match &error {
        ConnectError::Refused(_) => io::ErrorKind::ConnectionRefused,
        ConnectError::NotRunning | ConnectError::OtherGeneration => io::ErrorKind::NotConnected,
        ConnectError::Agent(source) => source.kind(),
    };
    io::Error::new(kind, error)
}

#[async_trait]
impl coditect_router::Hosts for LocalHosts {
    async fn connect_agent(&self, workspace: WorkspaceId, generation: Generation) -> io::Result<BoxedIo> {
        let stream = self.host.connect_agent(workspace, generation).await.map_err(connect_error)?;
        Ok(Box::new(stream))
    }

    async fn connect_port(&self, workspace: WorkspaceId, generation: Generation, port: u16) -> io::Result<BoxedIo> {
        let stream = self.host.connect_port(workspace, generation, port).await.map_err(connect_error)?;
        Ok(Box::new(stream))
    }
}

/// Control as the router's authority.
pub(crate) struct ControlAuthority {
    control: Arc<Control>,
}

impl ControlAuthority {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }
}

fn grant_error(error: coditect_control::GrantError) -> GrantError {
    use coditect_control::GrantError as E;
    match error {
        E::Invalid => GrantError::Invalid,
        E::Expired => GrantError::Expired,
        E::Ended => GrantError::Ended,
        E::Unavailable => GrantError::Unavailable,
    }
}

fn route(found: Result<coditect_control::RouteInfo, coditect_control::WakeError>) -> Result<Route, RouteError> {
    use coditect_control::WakeError as E;
    match found {
        Ok(route) => Ok(Route { host: route.host, generation: route.generation, state: route.state }),
        Err(E::NotFound) => Err(RouteError::NotFound),
        Err(E::Failed(reason)) => Err(RouteError::Failed(reason)),
        Err(E::Unavailable) => Err(RouteError::Unavailable),
    }
}

#[async_trait]
impl coditect_router::Authority for ControlAuthority {
    fn verify(&self, token: &str, audience: Audience) -> Result<Grant, GrantError> {
        self.control.verify_grant(token, audience).map_err(grant_error)
    }

    async fn renew(&self, grant: &Grant) -> Result<String, GrantError> {
        self.control.renew_app_grant(grant).await.map_err(grant_error)
    }

    async fn is_live(&self, grant: &Grant) -> bool {
        self.control.login_is_live(grant).await
    }

    fn revoked(&self) -> broadcast::Receiver<LoginId> {
        self.control.login_ended()
    }

    async fn route(&self, workspace: WorkspaceId) -> Result<Route, RouteError> {
        route(self.control.route(workspace).await)
    }

    async fn wake(&self, workspace: WorkspaceId) -> Result<Route, RouteError> {
        route(self.control.wake(workspace).await)
    }
}
