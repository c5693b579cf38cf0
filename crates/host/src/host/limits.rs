//! Changing what a running workspace may use: everything the kernel, its volume, its network and its agent hold.
//!
//! **Invariants**: nothing is ended for a limit; what cannot hold yet is answered with a reason for the workspace's owner.

use std::io;

use coditect_api::agent::AgentLimits;
use coditect_api::workspace::PendingLimit;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use coditect_sandbox::record::SandboxRecord;
use tracing::{debug, warn};

use super::{Host, Inner, lock};
use crate::agent_client;
use crate::running::{HostError, Running};
use crate::volume::Resized;

impl Host {
    /// Changes the limits of a running workspace. Answers those that do not hold yet. Does nothing when it does not run.
    ///
    /// # Errors
    /// See [`HostError`]. Memory that is in use is no error: the limit is answered as one that does not hold yet.
    pub async fn set_limits(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
        limits: &Limits,
    ) -> Result<Vec<PendingLimit>, HostError> {
        let _turn = self.turn(workspace).await;
        self.fence(workspace, generation)?;
        let Some(entry) = lock(&self.inner.running).get(&workspace).cloned() else { return Ok(Vec::new()) };
        let (inner, wanted, running) = (self.inner.clone(), limits.clone(), entry.clone());
        // Taking memory back may take a while.
        let set = tokio::task::spawn_blocking(move || inner.apply_limits(workspace, &running, &wanted));
        let set = set.await.map_err(|error| HostError::Limits(io::Error::other(error)))?;
        let mut pending = set.map_err(HostError::Limits)?;
        let agent = AgentLimits { terminals_max: limits.terminals };
        if let Err(error) = agent_client::set_limits(&entry.run_dir, agent).await {
            let reason = format!("{error}; it is told again.");
            pending.push(PendingLimit { limit: "terminals".to_owned(), reason, retried: true });
        }
        self.inner.notices.set_limits(workspace, limits.memory_bytes, limits.pids);
        Ok(pending)
    }
}

impl Inner {
    /// Limits that the kernel holds, of a running workspace.
    fn apply_limits(
        &self,
        workspace: WorkspaceId,
        running: &Running,
        limits: &Limits,
    ) -> io::Result<Vec<PendingLimit>> {
        let unheld = coditect_sandbox::control::set_limits(&running.record, &limits.into())?;
        let mut pending: Vec<PendingLimit> = unheld
            .into_iter()
            .map(|unheld| PendingLimit { limit: unheld.limit.to_owned(), reason: unheld.reason, retried: unheld.retry })
            .collect();
        if let Err(error) = self.network.set_limits(&running.record, limits.network_kbit) {
            pending.push(PendingLimit { limit: "network_kbit".to_owned(), reason: error.to_string(), retried: true });
        }
        let mut size = |reason, retried| {
            pending.push(PendingLimit { limit: "storage_bytes".to_owned(), reason, retried });
        };
        match self.volumes.resize(&workspace.label(), limits) {
            Ok(Resized::Now) => {}
            Ok(Resized::AtNextStart(reason)) => size(reason, false),
            // The disk is short of space now, for one.
            Err(error) => size(error.to_string(), true),
        }
        self.limit_disk(workspace, &running.record, limits);
        Ok(pending)
    }

    /// Slows the disk down for a workspace, where the machine can.
    pub(super) fn limit_disk(&self, workspace: WorkspaceId, record: &SandboxRecord, limits: &Limits) {
        let Some(volume) = self.volumes.directory(&workspace.label()) else { return };
        match coditect_sandbox::control::set_disk_rate(record, &volume, limits.disk_bytes_per_second) {
            Ok(None) => {}
            Ok(Some(reason)) => debug!(%workspace, reason, "the disk is not slowed down for this workspace"),
            Err(error) => warn!(%workspace, %error, "the disk is not slowed down for this workspace"),
        }
    }
}
