//! `/.well-known/jwks.json`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::header::CACHE_CONTROL;

use crate::control::Control;

/// The public keys that verify the platform's tokens (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    responses((status = 200, description = "A JSON Web Key Set", body = Object)))]
pub(super) async fn jwks(
    State(control): State<Arc<Control>>,
) -> ([(http::HeaderName, &'static str); 1], Json<serde_json::Value>) {
    ([(CACHE_CONTROL, "public, max-age=60")], Json(control.keyring.jwks()))
}
