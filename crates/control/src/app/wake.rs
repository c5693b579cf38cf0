//! What the router asks about workspaces: where one is, and to have it running.

use coditect_api::error::ErrorKind;
use coditect_model::audit::Action;
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::{Desired, State};

use super::grant::RouteInfo;
use super::slots::TakeOver;
use crate::control::Control;
use crate::error::AppError;
use crate::records::workspace::{self, Workspace};

/// Why a workspace is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WakeError {
    /// No such workspace, or it is being deleted.
    #[error("the workspace does not exist")]
    NotFound,
    /// It was to be started and could not be.
    #[error("the workspace could not be started: {0}")]
    Failed(String),
    /// It cannot be told now, or it takes longer than a request may wait.
    #[error("the workspace is not available at the moment")]
    Unavailable,
}

impl Control {
    /// Where a workspace is. Of a running one from memory; a change in this process is seen at once.
    ///
    /// # Errors
    /// [`WakeError::NotFound`] and [`WakeError::Unavailable`].
    pub async fn route(&self, id: WorkspaceId) -> Result<RouteInfo, WakeError> {
        if let Some(seen) = self.board.get(id) {
            return self.route_of(&seen);
        }
        let found = self
            .store
            .transact("route", |txn| async move { workspace::get_anywhere(&txn, id).await })
            .await
            .map_err(|_: AppError| WakeError::Unavailable)?;
        self.route_of(&found.ok_or(WakeError::NotFound)?)
    }

    /// Wishes a workspace running, and waits until it is, or its start has failed. Not for a caller's word: the router
    /// has checked a grant before.
    ///
    /// # Errors
    /// See [`WakeError`].
    pub async fn wake(&self, id: WorkspaceId) -> Result<RouteInfo, WakeError> {
        let stamp = self.stamp_platform();
        let found = self
            .store
            .transact("wake", |txn| async move {
                let Some(mut found) = workspace::get_anywhere(&txn, id).await? else { return Ok(None) };
                if found.record.desired == Desired::Deleted {
                    return Ok(None);
                }
                self.board.overlay(&mut found);
                if self.wish_running_within_limit(&txn, &mut found, TakeOver::No, stamp).await?.is_some() {
                    let entry = stamp.entry(Action::WorkspaceStarted).on(id).with("for", "a request with a grant");
                    stamp.write(&txn, found.record.tenant, &entry);
                }
                Ok::<_, AppError>(Some(found))
            })
            .await
            .map_err(|error| match error.kind {
                ErrorKind::LimitExceeded => WakeError::Failed(error.message),
                _ => WakeError::Unavailable,
            })?
            .ok_or(WakeError::NotFound)?;
        self.wished(&found);
        let settled = self.settle(found, self.config.wake_timeout_ms).await.ok_or(WakeError::NotFound)?;
        match settled.state() {
            State::Running => self.route_of(&settled),
            State::Failed => {
                Err(WakeError::Failed(settled.status.reason.unwrap_or_else(|| "the host did not say why".to_owned())))
            }
            State::Deleting => Err(WakeError::NotFound),
            State::Starting | State::Stopping | State::Stopped => Err(WakeError::Unavailable),
        }
    }

    fn route_of(&self, workspace: &Workspace) -> Result<RouteInfo, WakeError> {
        let state = workspace.state();
        if state == State::Deleting {
            return Err(WakeError::NotFound);
        }
        Ok(RouteInfo {
            host: (state == State::Running).then(|| self.hosts.host_id()),
            generation: workspace.grant_generation(),
            state,
            reason: workspace.status.reason.clone(),
        })
    }
}
