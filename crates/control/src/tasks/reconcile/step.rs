//! One look at one workspace, and the one action that follows from it.

use coditect_model::audit::Action as Audited;
use coditect_model::id::WorkspaceId;
use coditect_model::reconcile::{Action, Snapshot, plan};
use coditect_model::tier::Limits;
use coditect_model::workspace::{Desired, Generation, State};

use crate::app::workspace::with_tier;
use crate::control::Control;
use crate::error::AppError;
use crate::hosts::{HostError, HostSandbox, HostStart};
use crate::records::session;
use crate::records::workspace::{self, AppliedLimits, StatusRecord, Workspace};

/// Attempts to start on a host that is not available before the start is called failed.
const START_ATTEMPTS_MAX: u32 = 6;

/// What comes after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Done,
    /// Look again at once: the wish has changed under it.
    Again,
    /// Look again after a while: something did not work.
    Retry,
}

pub(super) async fn step(control: &Control, id: WorkspaceId, attempt: u32) -> Next {
    match act(control, id, attempt).await {
        Ok(next) => next,
        Err(error) => {
            tracing::warn!(workspace = %id, %error, cause = error.cause, "a workspace could not be reconciled");
            Next::Retry
        }
    }
}

async fn act(control: &Control, id: WorkspaceId, attempt: u32) -> Result<Next, AppError> {
    let seen = control
        .store
        .transact("reconcile: read", |txn| async move {
            match workspace::get_anywhere(&txn, id).await? {
                Some(workspace) => with_tier(&txn, &control.config, workspace).await.map(Some),
                None => Ok(None),
            }
        })
        .await?;
    let sandbox = control.hosts.list().await.into_iter().find(|sandbox| sandbox.workspace == id && sandbox.alive);
    let Some(seen) = seen else {
        return stop_stray(control, id, sandbox).await;
    };
    let (workspace, generation) = (&seen.workspace, seen.workspace.record.generation);
    control.board.wish(workspace);
    let action = plan(snapshot(workspace, sandbox, &seen.limits));
    tracing::debug!(workspace = %id, ?action, ?generation, "reconcile");
    match action {
        Action::Nothing => settle(control, workspace).await,
        Action::Start => {
            let started =
                control.hosts.start(HostStart { workspace: id, generation, limits: seen.limits.clone() }).await;
            after_start(control, workspace, started, seen.limits, attempt).await
        }
        Action::Stop => match control.hosts.stop(id, generation).await {
            Ok(()) => report(control, workspace, stopped(workspace, None)).await,
            Err(error) => refused(control, workspace, error, "stop").await,
        },
        Action::Delete => match control.hosts.delete(id, generation).await {
            Ok(()) => remove(control, workspace).await,
            Err(error) => refused(control, workspace, error, "delete").await,
        },
        Action::SetLimits => {
            let sandbox = sandbox.map_or(generation, |sandbox| sandbox.generation);
            set_limits(control, workspace, sandbox, seen.limits).await
        }
        Action::Record(State::Running) => {
            let sandbox = sandbox.map_or(generation, |sandbox| sandbox.generation);
            let status = running(control, workspace, sandbox);
            let differ = AppliedLimits::differ(status.applied.as_ref(), &seen.limits);
            let next = report(control, workspace, status).await?;
            Ok(if differ { Next::Again } else { next })
        }
        Action::Record(State::Failed) => {
            let status =
                StatusRecord { state: State::Failed, sandbox: None, applied: None, ..workspace.status.clone() };
            report(control, workspace, status).await
        }
        Action::Record(State::Stopped | State::Starting | State::Stopping | State::Deleting) => {
            report(control, workspace, stopped(workspace, None)).await
        }
        Action::RecordEnded => record_ended(control, workspace).await,
    }
}

fn snapshot(workspace: &Workspace, sandbox: Option<HostSandbox>, limits: &Limits) -> Snapshot {
    let (record, status) = (&workspace.record, &workspace.status);
    // A report about an older wish says nothing about this one: what ran then was stopped since, or runs still.
    let outdated = status.state == State::Running && status.observed < record.generation;
    // A living sandbox that the status does not name has to be written down, or grants would be fenced off.
    let unnamed = sandbox.is_some_and(|sandbox| status.sandbox != Some(sandbox.generation));
    Snapshot {
        desired: record.desired,
        generation: record.generation,
        recorded: if outdated || (unnamed && status.state == State::Running) { State::Starting } else { status.state },
        failed_generation: status.failed,
        sandbox_alive: sandbox.is_some(),
        limits_differ: AppliedLimits::differ(status.applied.as_ref(), limits),
    }
}

fn running(control: &Control, workspace: &Workspace, sandbox: Generation) -> StatusRecord {
    let status = &workspace.status;
    let same = status.state == State::Running && status.sandbox == Some(sandbox);
    StatusRecord {
        state: State::Running,
        observed: workspace.record.generation,
        sandbox: Some(sandbox),
        failed: None,
        reason: None,
        started_at: if same { status.started_at } else { Some(control.clock.now()) },
        applied: if same { status.applied.clone() } else { None },
    }
}

fn stopped(workspace: &Workspace, reason: Option<&str>) -> StatusRecord {
    StatusRecord {
        state: State::Stopped,
        observed: workspace.record.generation,
        sandbox: None,
        failed: None,
        reason: reason.map(str::to_owned),
        started_at: workspace.status.started_at,
        applied: None,
    }
}

/// Gives a running workspace the limits of now. What cannot be given now is written down with the reason, and tried
/// again at every round where that may help.
async fn set_limits(
    control: &Control,
    workspace: &Workspace,
    sandbox: Generation,
    limits: Limits,
) -> Result<Next, AppError> {
    let id = workspace.record.id;
    let pending = match control.hosts.set_limits(id, sandbox, &limits).await {
        Ok(pending) => pending,
        Err(error) => return refused(control, workspace, error, "set limits").await,
    };
    let applied = Some(AppliedLimits { limits, pending });
    if workspace.status.applied == applied {
        return Ok(Next::Done);
    }
    let pending: Vec<&str> = applied.iter().flat_map(|applied| &applied.pending).map(|limit| &*limit.limit).collect();
    tracing::info!(workspace = %id, pending = pending.join(", "), "limits changed while it runs");
    report(control, workspace, StatusRecord { applied, ..workspace.status.clone() }).await
}

async fn after_start(
    control: &Control,
    workspace: &Workspace,
    started: Result<(), HostError>,
    limits: Limits,
    attempt: u32,
) -> Result<Next, AppError> {
    let record = &workspace.record;
    let reason = match started {
        Ok(()) => {
            tracing::info!(workspace = %record.id, generation = record.generation.0, "workspace runs");
            let applied = Some(AppliedLimits { limits, pending: Vec::new() });
            let status = StatusRecord { applied, ..running(control, workspace, record.generation) };
            return report(control, workspace, status).await;
        }
        Err(HostError::Stale { seen }) => return overtake(control, workspace, seen).await,
        Err(HostError::Unavailable(reason)) if attempt + 1 < START_ATTEMPTS_MAX => {
            tracing::warn!(workspace = %record.id, reason, attempt, "the host cannot start it now");
            return Ok(Next::Retry);
        }
        Err(HostError::Unavailable(reason) | HostError::Failed(reason)) => reason,
    };
    tracing::warn!(workspace = %record.id, reason, "a workspace could not be started");
    let failed = StatusRecord {
        state: State::Failed,
        observed: record.generation,
        sandbox: None,
        failed: Some(record.generation),
        reason: Some(reason.chars().take(1000).collect()),
        started_at: workspace.status.started_at,
        applied: None,
    };
    report(control, workspace, failed).await
}

async fn refused(
    control: &Control,
    workspace: &Workspace,
    error: HostError,
    command: &'static str,
) -> Result<Next, AppError> {
    if let HostError::Stale { seen } = error {
        return overtake(control, workspace, seen).await;
    }
    tracing::warn!(workspace = %workspace.record.id, %error, command, "the host did not do what it was told");
    Ok(Next::Retry)
}

/// The host has seen a newer command than the store remembers (it was restored from a backup): the wish is numbered
/// anew, above that.
async fn overtake(control: &Control, workspace: &Workspace, seen: Generation) -> Result<Next, AppError> {
    let (id, tenant, old) = (workspace.record.id, workspace.record.tenant, workspace.record.generation);
    tracing::warn!(workspace = %id, ours = old.0, seen = seen.0, "the host is ahead of the store");
    control
        .store
        .transact("reconcile: overtake", |txn| async move {
            if let Some(mut present) = workspace::get(&txn, tenant, id).await?
                && present.record.generation == old
            {
                present.record.generation = old.max(seen).next();
                workspace::put(&txn, &present.record);
            }
            Ok::<_, AppError>(())
        })
        .await?;
    Ok(Next::Again)
}

/// Tells the requests that wait, then writes the status.
async fn report(control: &Control, workspace: &Workspace, status: StatusRecord) -> Result<Next, AppError> {
    let record = &workspace.record;
    control.board.status(record, &status);
    let (status, stamp) = (&status, control.stamp_platform());
    let changed = control
        .store
        .transact("reconcile: status", |txn| async move {
            let Some(present) = workspace::get(&txn, record.tenant, record.id).await? else { return Ok(true) };
            let changed = present.record.generation != record.generation;
            if status.failed.is_some() && present.status.failed != status.failed {
                let reason = status.reason.as_deref().unwrap_or("the host did not say why");
                let entry = stamp.entry(Audited::WorkspaceFailed).on(record.id).with("reason", reason);
                stamp.write(&txn, record.tenant, &entry);
            }
            workspace::put_status(&txn, &Workspace { record: present.record, status: status.clone() });
            Ok::<_, AppError>(changed)
        })
        .await?;
    Ok(if changed { Next::Again } else { Next::Done })
}

/// Nothing to do. A workspace at rest leaves the list of work.
async fn settle(control: &Control, workspace: &Workspace) -> Result<Next, AppError> {
    if workspace.record.desired == Desired::Stopped {
        let reason = workspace.status.reason.as_deref();
        return report(control, workspace, stopped(workspace, reason)).await;
    }
    control.board.status(&workspace.record, &workspace.status);
    Ok(Next::Done)
}

/// It ran, was not told to end, and is gone.
async fn record_ended(control: &Control, workspace: &Workspace) -> Result<Next, AppError> {
    const REASON: &str =
        "it ended by itself: the machine restarted, or its first process was killed. Start it to go on.";
    let (old, stamp) = (workspace.record.generation, control.stamp_platform());
    let record = &workspace.record;
    let reason = control.hosts.end_reason(record.id).await.unwrap_or_else(|| REASON.to_owned());
    let reason = reason.as_str();
    let present = control
        .store
        .transact("reconcile: ended", |txn| async move {
            let Some(mut present) = workspace::get(&txn, record.tenant, record.id).await? else { return Ok(None) };
            if present.record.generation != old {
                return Ok(None);
            }
            present.record.desired = Desired::Stopped;
            present.record.generation = old.next();
            present.status = stopped(&present, Some(reason));
            workspace::put(&txn, &present.record);
            workspace::put_status(&txn, &present);
            stamp.write(&txn, record.tenant, &stamp.entry(Audited::WorkspaceEnded).on(record.id));
            Ok::<_, AppError>(Some(present))
        })
        .await?;
    let Some(present) = present else { return Ok(Next::Again) };
    tracing::info!(workspace = %record.id, "a workspace ended by itself");
    control.board.status(&present.record, &present.status);
    Ok(Next::Done)
}

async fn remove(control: &Control, workspace: &Workspace) -> Result<Next, AppError> {
    let (record, stamp) = (&workspace.record, control.stamp_platform());
    control
        .store
        .transact("reconcile: delete", |txn| async move {
            // An earlier attempt may have been committed after all.
            if workspace::get(&txn, record.tenant, record.id).await?.is_some() {
                stamp.write(&txn, record.tenant, &stamp.entry(Audited::WorkspaceRemoved).on(record.id));
            }
            workspace::clear(&txn, record);
            session::clear_workspace(&txn, record.tenant, record.owner, record.id).await
        })
        .await?;
    tracing::info!(workspace = %record.id, "workspace deleted");
    control.board.remove(record.id);
    control.live.forget(record.id);
    Ok(Next::Done)
}

/// A sandbox of no workspace we know: nobody can reach it, so it is ended. Its volume stays for an operator to look at.
async fn stop_stray(control: &Control, id: WorkspaceId, sandbox: Option<HostSandbox>) -> Result<Next, AppError> {
    control.board.remove(id);
    if let Some(sandbox) = sandbox {
        tracing::warn!(workspace = %id, "a sandbox belongs to no workspace; it is stopped, its volume stays");
        if let Err(error) = control.hosts.stop(id, sandbox.generation.next()).await {
            tracing::warn!(workspace = %id, %error, "the stray sandbox could not be stopped");
            return Ok(Next::Retry);
        }
    }
    Ok(Next::Done)
}
