//! `/api/v5/sessions*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::error::ErrorBody;
use coditect_api::page::Page;
use coditect_api::session::{Access, OpenSession, OpenedSession, Session, UpdateSession};
use coditect_model::id::{self, WorkspaceId};
use http::StatusCode;

use super::answer::{Answer, opened};
use super::body::Body;
use super::device::Device;
use super::query::{Params, PathId, Wait};
use crate::app::session::to_api;
use crate::app::slots::TakeOver;
use crate::caller::Me;
use crate::control::Control;
use crate::error::AppError;

/// The caller's sessions.
#[utoipa::path(get, path = "/api/v5/sessions", tag = "sessions",
    responses((status = 200, description = "All of them, in one page", body = Page<Session>),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_sessions(State(control): State<Arc<Control>>, me: Me) -> Answer<Json<Page<Session>>> {
    let sessions = control.sessions(me).await?;
    let items = sessions.into_iter().map(|(record, layout)| to_api(me, &record, layout)).collect();
    Ok(Json(Page { items, next: None }))
}

/// Opens the caller's session on a workspace of theirs, or resumes the one there is; starts the workspace. 409 with a
/// list when as many are open as the tier allows; `take_over` or `close` makes room.
#[utoipa::path(post, path = "/api/v5/sessions", tag = "sessions", params(Wait), request_body = OpenSession,
    responses((status = 200, description = "The session, its workspace and the right to talk to it", body = OpenedSession),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn open_session(
    State(control): State<Arc<Control>>,
    me: Me,
    Device(device): Device,
    Params(wait): Params<Wait>,
    Body(input): Body<OpenSession>,
) -> Answer<Json<OpenedSession>> {
    let wait_ms = wait.checked()?;
    let workspace: WorkspaceId =
        input.workspace_id.parse().map_err(|_| AppError::value("workspace_id", "this is not a workspace id"))?;
    let take_over = TakeOver::parse(input.take_over, input.close.as_deref())?;
    let mut found = control.open_session(me, workspace, input.start, take_over, &device).await?;
    if wait_ms > 0 && input.start {
        let settled = control.settle(found.seen.workspace, wait_ms).await;
        found.seen.workspace = settled.ok_or_else(|| AppError::not_found("workspace"))?;
    }
    Ok(Json(opened(&control, me, found).await?))
}

/// A session.
#[utoipa::path(get, path = "/api/v5/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "The session", body = Session),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn get_session(
    State(control): State<Arc<Control>>,
    me: Me,
    PathId(id): PathId<id::Session>,
) -> Answer<Json<Session>> {
    let (record, layout) = control.session(me, id).await?;
    Ok(Json(to_api(me, &record, layout)))
}

/// Keeps a new layout. 412, with the present one, when another device was faster.
#[utoipa::path(put, path = "/api/v5/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    request_body = UpdateSession,
    responses((status = 200, description = "The session as it is now", body = Session),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn update_session(
    State(control): State<Arc<Control>>,
    me: Me,
    PathId(id): PathId<id::Session>,
    Body(input): Body<UpdateSession>,
) -> Answer<Json<Session>> {
    let (record, layout) = control.update_session(me, id, input).await?;
    Ok(Json(to_api(me, &record, layout)))
}

/// Closes a session, so that it no longer counts against the tier. Its workspace goes on; opening it again restores the
/// layout.
#[utoipa::path(delete, path = "/api/v5/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 204, description = "Closed"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn close_session(
    State(control): State<Arc<Control>>,
    me: Me,
    PathId(id): PathId<id::Session>,
) -> Answer<StatusCode> {
    control.close_session(me, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A fresh grant for the session's workspace. Ask before the one at hand expires.
#[utoipa::path(post, path = "/api/v5/sessions/{id}/grant", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, description = "Where the workspace is and the right to talk to it", body = Access),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn grant_session(
    State(control): State<Arc<Control>>,
    me: Me,
    PathId(id): PathId<id::Session>,
) -> Answer<Json<Access>> {
    let seen = control.use_session(me, id).await?;
    Ok(Json(control.access(me, &seen.workspace)?))
}
