//! Sessions, one per user and workspace, and the layout that every device restores.

use coditect_model::ambient::Timestamp;
use coditect_model::id::{SessionId, TenantId, UserId, WorkspaceId};
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// Sessions of one user that are looked at. Their number is bounded by the user's workspaces.
const SESSIONS_MAX: usize = 2000;

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub(crate) id: SessionId,
    pub(crate) workspace: WorkspaceId,
    pub(crate) created_at: Timestamp,
    /// To the minute: a session in use must not write with every request.
    pub(crate) last_seen_at: Timestamp,
    /// What it was opened with last, in a word or two.
    #[serde(default)]
    pub(crate) device: Option<String>,
}
record!(SessionRecord, 1, "session");

/// A layout. Kept apart from the session, and when that is closed: reopening restores it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LayoutRecord {
    pub(crate) version: u64,
    pub(crate) layout: serde_json::Value,
}
record!(LayoutRecord, 1, "layout");

/// The session of one user on one workspace.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SessionPlace {
    pub(crate) session: SessionId,
}
record!(SessionPlace, 1, "index entry of a session");

pub(crate) async fn get(
    txn: &Txn,
    tenant: TenantId,
    user: UserId,
    session: SessionId,
) -> Result<Option<SessionRecord>, AppError> {
    super::get(txn, &keys::user_session(tenant, user, session)).await
}

pub(crate) async fn of_workspace(
    txn: &Txn,
    tenant: TenantId,
    user: UserId,
    workspace: WorkspaceId,
) -> Result<Option<SessionRecord>, AppError> {
    match super::get::<SessionPlace>(txn, &keys::session_of(tenant, user, workspace)).await? {
        Some(place) => get(txn, tenant, user, place.session).await,
        None => Ok(None),
    }
}

pub(crate) async fn of_user(txn: &Txn, tenant: TenantId, user: UserId) -> Result<Vec<SessionRecord>, AppError> {
    super::list(txn, keys::user_sessions(tenant, user), SESSIONS_MAX).await
}

pub(crate) fn put(txn: &Txn, tenant: TenantId, user: UserId, record: &SessionRecord) {
    super::put(txn, &keys::user_session(tenant, user, record.id), record);
    super::put(txn, &keys::session_of(tenant, user, record.workspace), &SessionPlace { session: record.id });
}

/// Closes a session; its layout stays.
pub(crate) fn clear(txn: &Txn, tenant: TenantId, user: UserId, record: &SessionRecord) {
    txn.clear(&keys::user_session(tenant, user, record.id));
    txn.clear(&keys::session_of(tenant, user, record.workspace));
}

/// Closes a user's session on a workspace that goes away, and forgets its layout.
pub(crate) async fn clear_workspace(
    txn: &Txn,
    tenant: TenantId,
    user: UserId,
    workspace: WorkspaceId,
) -> Result<(), AppError> {
    if let Some(session) = of_workspace(txn, tenant, user, workspace).await? {
        clear(txn, tenant, user, &session);
    }
    txn.clear(&keys::layout(tenant, user, workspace));
    Ok(())
}

pub(crate) async fn layout(
    txn: &Txn,
    tenant: TenantId,
    user: UserId,
    workspace: WorkspaceId,
) -> Result<LayoutRecord, AppError> {
    let record = super::get(txn, &keys::layout(tenant, user, workspace)).await?;
    Ok(record.unwrap_or_else(|| LayoutRecord { version: 0, layout: serde_json::json!({}) }))
}

pub(crate) fn put_layout(txn: &Txn, tenant: TenantId, user: UserId, workspace: WorkspaceId, record: &LayoutRecord) {
    super::put(txn, &keys::layout(tenant, user, workspace), record);
}
