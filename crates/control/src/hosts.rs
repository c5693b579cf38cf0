//! What the control plane asks of the machines that run workspaces.
//!
//! **Invariants**: every command carries a generation; a host refuses one that is older than what it has seen.

use coditect_api::workspace::PendingLimit;
use coditect_model::audit::files::FileReport;
use coditect_model::id::{HostId, WorkspaceId};
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use tokio::sync::{broadcast, mpsc};

/// A wish for a running sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostStart {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// The number of the wish.
    pub generation: Generation,
    /// What it may use.
    pub limits: Limits,
}

/// A sandbox as its host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostSandbox {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// The generation it was started for.
    pub generation: Generation,
    /// Whether its first process lives.
    pub alive: bool,
}

/// What a running workspace uses now.
pub type HostUsage = coditect_api::workspace::Usage;

/// Why a host did not do what it was told. The text reaches the workspace's owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The command is older than one it has already seen.
    #[error("the host has already seen generation {} of this workspace", .seen.0)]
    Stale {
        /// The newest it has seen.
        seen: Generation,
    },
    /// It tried and could not, for a reason that asking again will not remove.
    #[error("{0}")]
    Failed(String),
    /// It cannot now; asking again is right.
    #[error("the host is not available: {0}")]
    Unavailable(String),
}

/// The hosts of an installation, as one.
#[async_trait::async_trait]
pub trait Hosts: Send + Sync + 'static {
    /// Makes the workspace's volume if need be and starts its sandbox. Done when its agent answers. Idempotent.
    async fn start(&self, start: HostStart) -> Result<(), HostError>;
    /// Gives a running sandbox other limits. Answers those that do not hold yet. Nothing when it does not run.
    /// `generation` is the sandbox's own. Idempotent.
    async fn set_limits(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
        limits: &Limits,
    ) -> Result<Vec<PendingLimit>, HostError>;
    /// Ends the sandbox, if there is one. Done when no process of it is left. Idempotent.
    async fn stop(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError>;
    /// Ends the sandbox and removes the volume. Idempotent.
    async fn delete(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError>;
    /// Every sandbox there is.
    async fn list(&self) -> Vec<HostSandbox>;
    /// What a running workspace uses; none when it does not run.
    async fn usage(&self, workspace: WorkspaceId) -> Option<HostUsage>;
    /// Tells of every sandbox that ended without being told to.
    fn exits(&self) -> broadcast::Receiver<WorkspaceId>;
    /// Why the host itself ended a sandbox that nobody had told it to end, if it did; in words for its user.
    async fn end_reason(&self, _workspace: WorkspaceId) -> Option<String> {
        None
    }
    /// What happens to files in running workspaces, for the audit log. Given out once; bounded: hosts that cannot
    /// deliver count on. None from hosts that do not watch.
    fn file_reports(&self) -> Option<mpsc::Receiver<FileReport>> {
        None
    }
    /// The host that runs this installation's workspaces.
    fn host_id(&self) -> HostId;
}
