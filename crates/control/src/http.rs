//! The HTTP API: reads requests, calls `app`, writes answers. One file for each resource.
//!
//! **Invariants**: every route is in the OpenAPI document, because both come from the same registration; every answer
//! that is not a success has the one error body; nothing a client sent is logged.

mod answer;
mod audit;
mod auth;
mod authenticate;
mod body;
mod cookies;
mod device;
mod document;
mod enter;
mod envelope;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod invitation;
mod origin;
mod query;
mod session;
mod tier;
mod user;
mod well_known;
mod workspace;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::control::Control;
use crate::error::AppError;
use coditect_api::error::ErrorKind;

pub use document::openapi;

/// Largest request body in bytes.
const BODY_MAX_BYTES: usize = 256 * 1024;

/// Every route with its documentation.
fn routes() -> OpenApiRouter<Arc<Control>> {
    OpenApiRouter::new()
        .routes(routes!(auth::register))
        .routes(routes!(auth::log_in))
        .routes(routes!(auth::log_out))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::validate))
        .routes(routes!(auth::me))
        .routes(routes!(auth::claim_admin))
        .routes(routes!(auth::change_password))
        .routes(routes!(session::list_sessions, session::open_session))
        .routes(routes!(session::get_session, session::update_session, session::close_session))
        .routes(routes!(session::grant_session))
        .routes(routes!(workspace::list_workspaces, workspace::create_workspace))
        .routes(routes!(workspace::get_workspace, workspace::rename_workspace, workspace::delete_workspace))
        .routes(routes!(workspace::start_workspace))
        .routes(routes!(workspace::stop_workspace))
        .routes(routes!(workspace::ticket_workspace))
        .routes(routes!(workspace::grant_workspace))
        .routes(routes!(user::list_users, user::create_user))
        .routes(routes!(user::get_user, user::update_user))
        .routes(routes!(user::reset_password))
        .routes(routes!(invitation::list_invitations, invitation::create_invitation))
        .routes(routes!(invitation::withdraw_invitation))
        .routes(routes!(audit::list_audit))
        .routes(routes!(audit::verify_audit))
        .routes(routes!(audit::export_audit))
        .routes(routes!(tier::list_tiers))
        .routes(routes!(tier::set_tier, tier::remove_tier))
        .routes(routes!(enter::enter))
        .routes(routes!(well_known::jwks))
        .routes(routes!(health::health))
        .routes(routes!(health::store_health))
        .routes(routes!(health::readiness))
        .routes(routes!(document::openapi_document))
}

/// The router over a control plane.
pub(crate) fn router(control: Arc<Control>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(async || {
            AppError::new(
                ErrorKind::NotFound,
                "there is nothing at this address; the API is described at /api/v5/openapi.json",
            )
        })
        .method_not_allowed_fallback(async || {
            AppError::new(ErrorKind::MethodNotAllowed, "this address does not offer that method")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&control), envelope::envelope))
        .with_state(control)
}
