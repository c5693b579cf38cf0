//! `/api/v5/invitations*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::error::ErrorBody;
use coditect_api::invitation::{CreateInvitation, Invitation};
use coditect_api::page::Page;
use coditect_model::id;
use http::StatusCode;

use super::answer::Answer;
use super::body::MaybeBody;
use super::query::PathId;
use crate::caller::Caller;
use crate::control::Control;

/// The open invitations of the caller's tenant. Its owners.
#[utoipa::path(get, path = "/api/v5/invitations", tag = "invitations",
    responses((status = 200, description = "All of them, in one page", body = Page<Invitation>),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_invitations(
    State(control): State<Arc<Control>>,
    caller: Caller,
) -> Answer<Json<Page<Invitation>>> {
    Ok(Json(Page { items: control.invitations(&caller).await?, next: None }))
}

/// Makes an invitation into the caller's tenant. Its owners. The code is shown this once.
#[utoipa::path(post, path = "/api/v5/invitations", tag = "invitations", request_body = CreateInvitation,
    responses((status = 201, description = "The invitation with its code", body = Invitation),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn create_invitation(
    State(control): State<Arc<Control>>,
    caller: Caller,
    MaybeBody(input): MaybeBody<CreateInvitation>,
) -> Answer<(StatusCode, Json<Invitation>)> {
    Ok((StatusCode::CREATED, Json(control.invite(&caller, input).await?)))
}

/// Withdraws an invitation: its code stops working. Owners of the tenant.
#[utoipa::path(delete, path = "/api/v5/invitations/{id}", tag = "invitations", params(("id" = String, Path)),
    responses((status = 204, description = "Withdrawn"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn withdraw_invitation(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathId(id): PathId<id::Invitation>,
) -> Answer<StatusCode> {
    control.withdraw_invitation(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
