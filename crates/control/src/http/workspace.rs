//! `/api/v5/workspaces*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::error::ErrorBody;
use coditect_api::page::Page;
use coditect_api::session::Access;
use coditect_api::workspace::{CreateTicket, CreateWorkspace, StartWorkspace, TicketUrl, UpdateWorkspace, Workspace};
use coditect_model::id;
use http::StatusCode;

use super::answer::{Answer, page};
use super::body::{Body, MaybeBody};
use super::query::{ListParams, Params, PathId, Wait};
use crate::app::slots::TakeOver;
use crate::app::workspace::{Seen, WorkspaceList};
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;

/// The caller's workspaces; with `tenant` those of the tenant (its owners), with `all` everybody's (administrators).
#[utoipa::path(get, path = "/api/v5/workspaces", tag = "workspaces", params(ListParams),
    responses((status = 200, description = "A page", body = Page<Workspace>),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_workspaces(
    State(control): State<Arc<Control>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Answer<Json<Page<Workspace>>> {
    let (after, limit) = params.page()?;
    let list = match (params.all, params.tenant) {
        (true, _) => WorkspaceList::All,
        (false, true) => WorkspaceList::Tenant,
        (false, false) => WorkspaceList::Own,
    };
    let seen = control.workspaces(&caller, list, after, limit).await?;
    let items = futures_util::future::join_all(seen.iter().map(|seen| control.show(seen))).await;
    Ok(Json(page(items, limit, |workspace| workspace.id.clone())))
}

/// Makes a workspace, and starts it unless told not to.
#[utoipa::path(post, path = "/api/v5/workspaces", tag = "workspaces", params(Wait), request_body = CreateWorkspace,
    responses((status = 201, description = "The workspace as it is now", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn create_workspace(
    State(control): State<Arc<Control>>,
    me: Me,
    Params(wait): Params<Wait>,
    Body(input): Body<CreateWorkspace>,
) -> Answer<(StatusCode, Json<Workspace>)> {
    let wait_ms = wait.checked()?;
    let seen = control.create_workspace(me, &input.name, input.start).await?;
    Ok((StatusCode::CREATED, Json(settled(&control, seen, wait_ms).await?)))
}

/// A workspace, with what it uses when it runs.
#[utoipa::path(get, path = "/api/v5/workspaces/{id}", tag = "workspaces", params(("id" = String, Path)),
    responses((status = 200, description = "The workspace", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn get_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
) -> Answer<Json<Workspace>> {
    let seen = control.workspace(&caller, id).await?;
    Ok(Json(control.show(&seen).await))
}

/// Renames a workspace. Its owner only.
#[utoipa::path(patch, path = "/api/v5/workspaces/{id}", tag = "workspaces", params(("id" = String, Path)),
    request_body = UpdateWorkspace,
    responses((status = 200, description = "The workspace", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn rename_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
    Body(input): Body<UpdateWorkspace>,
) -> Answer<Json<Workspace>> {
    let seen = control.rename_workspace(&caller, id, input.name.as_deref()).await?;
    Ok(Json(control.show(&seen).await))
}

/// Deletes a workspace with everything in it. Its owner only. Goes on after the answer.
#[utoipa::path(delete, path = "/api/v5/workspaces/{id}", tag = "workspaces", params(("id" = String, Path)),
    responses((status = 202, description = "Being deleted", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn delete_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
) -> Answer<(StatusCode, Json<Workspace>)> {
    let seen = control.delete_workspace(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(control.show(&seen).await)))
}

/// Starts a workspace. Its owner or an administrator. 409 with a list when its owner has as many running as the tier
/// allows.
#[utoipa::path(post, path = "/api/v5/workspaces/{id}/start", tag = "workspaces", params(("id" = String, Path), Wait),
    request_body = StartWorkspace,
    responses((status = 200, description = "The workspace as it is now", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn start_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
    Params(wait): Params<Wait>,
    MaybeBody(input): MaybeBody<StartWorkspace>,
) -> Answer<Json<Workspace>> {
    let wait_ms = wait.checked()?;
    let take_over = TakeOver::parse(input.take_over, input.close.as_deref())?;
    let seen = control.start_workspace(&caller, id, take_over).await?;
    Ok(Json(settled(&control, seen, wait_ms).await?))
}

/// Stops a workspace: its processes end, its files stay. Its owner, an owner of the tenant, or an administrator.
#[utoipa::path(post, path = "/api/v5/workspaces/{id}/stop", tag = "workspaces", params(("id" = String, Path), Wait),
    responses((status = 200, description = "The workspace as it is now", body = Workspace),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn stop_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
    Params(wait): Params<Wait>,
) -> Answer<Json<Workspace>> {
    let wait_ms = wait.checked()?;
    let seen = control.stop_workspace(&caller, id).await?;
    Ok(Json(settled(&control, seen, wait_ms).await?))
}

/// An address that signs the browser in, once, on an origin of the workspace: of one of its ports, or for downloads.
#[utoipa::path(post, path = "/api/v5/workspaces/{id}/tickets", tag = "workspaces", params(("id" = String, Path)),
    request_body = CreateTicket,
    responses((status = 201, description = "The address", body = TicketUrl),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn ticket_workspace(
    State(control): State<Arc<Control>>,
    me: Me,
    PathId(id): PathId<id::Workspace>,
    Body(input): Body<CreateTicket>,
) -> Answer<(StatusCode, Json<TicketUrl>)> {
    let url = control.ticket(me, id, input.port, input.path.as_deref().unwrap_or("/")).await?;
    Ok((StatusCode::CREATED, Json(TicketUrl { url })))
}

/// A grant for a workspace outside of any session, for programs: its owner's, or the operator's on the machine.
#[utoipa::path(post, path = "/api/v5/workspaces/{id}/grant", tag = "workspaces", params(("id" = String, Path)),
    responses((status = 200, description = "Where the workspace is and the right to talk to it", body = Access),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn grant_workspace(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Workspace>,
) -> Answer<Json<Access>> {
    Ok(Json(control.grant_workspace(&caller, id).await?))
}

async fn settled(control: &Control, mut seen: Seen, wait_ms: u64) -> Answer<Workspace> {
    if wait_ms > 0 {
        let settled = control.settle(seen.workspace, wait_ms).await;
        seen.workspace = settled.ok_or_else(|| AppError::not_found("workspace"))?;
    }
    Ok(control.show(&seen).await)
}
