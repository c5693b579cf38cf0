//! `/api/v5/tiers*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use coditect_api::error::ErrorBody;
use coditect_api::page::Page;
use coditect_api::tier::{SetTier, Tier};
use http::StatusCode;

use super::answer::Answer;
use super::body::Body;
use super::query::PathName;
use crate::caller::Caller;
use crate::control::Control;

/// The licence tiers of this installation.
#[utoipa::path(get, path = "/api/v5/tiers", tag = "users",
    responses((status = 200, description = "All of them, in one page", body = Page<Tier>),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn list_tiers(State(control): State<Arc<Control>>, caller: Caller) -> Answer<Json<Page<Tier>>> {
    Ok(Json(Page { items: control.tiers(&caller).await?, next: None }))
}

/// Sets a tier's quotas, or adds a tier. Holds at once, also in running workspaces. Administrators.
#[utoipa::path(put, path = "/api/v5/tiers/{name}", tag = "users", params(("name" = String, Path)),
    request_body = SetTier,
    responses((status = 200, description = "The tier", body = Tier),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn set_tier(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathName(name): PathName,
    Body(input): Body<SetTier>,
) -> Answer<Json<Tier>> {
    Ok(Json(control.set_tier(&caller, &name, input).await?))
}

/// Takes back what was set: the configuration's values hold again, or a tier that it does not have is gone, if no user
/// has it. Administrators.
#[utoipa::path(delete, path = "/api/v5/tiers/{name}", tag = "users", params(("name" = String, Path)),
    responses((status = 204, description = "Taken back"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn remove_tier(
    State(control): State<Arc<Control>>,
    caller: Caller,
    PathName(name): PathName,
) -> Answer<StatusCode> {
    control.remove_tier(&caller, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
