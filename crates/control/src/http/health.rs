//! `/health*`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use coditect_api::error::ErrorBody;
use coditect_api::health::{Health, Readiness, StoreHealth};
use http::StatusCode;

use super::answer::Answer;
use super::authenticate::Client;
use crate::control::Control;
use crate::error::AppError;

/// Whether the process lives.
#[utoipa::path(get, path = "/health", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn health(State(control): State<Arc<Control>>) -> Json<Health> {
    let uptime_ms = control.clock.now().since_ms(control.started_at);
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: u64::try_from(uptime_ms / 1000).unwrap_or_default(),
    })
}

/// A round trip to the store: one read, one write.
#[utoipa::path(get, path = "/health/store", tag = "health", security(()),
    responses((status = 200, description = "It answers", body = StoreHealth),
              (status = "default", description = "It does not", body = ErrorBody)))]
pub(super) async fn store_health(
    State(control): State<Arc<Control>>,
    Client(address): Client,
) -> Answer<Json<StoreHealth>> {
    control.limiters.other.check(address, control.clock.now()).map_err(AppError::rate_limited)?;
    let began = Instant::now();
    control.probe_store().await?;
    Ok(Json(StoreHealth {
        status: "ok".to_owned(),
        backend: control.store.backend_name().to_owned(),
        round_trip_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    }))
}

/// Whether requests should come here.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses((status = 200, description = "They should", body = Readiness),
              (status = 503, description = "They should not, yet or any more", body = Readiness)))]
pub(super) async fn readiness(State(control): State<Arc<Control>>) -> Response {
    let stopping = control.stopping.load(Relaxed);
    let parts = BTreeMap::from([
        ("store".to_owned(), control.read_store().await.is_ok()),
        ("signing_keys".to_owned(), control.keyring.newest().is_some()),
        ("workspaces".to_owned(), control.reconciled.load(Relaxed)),
    ]);
    let ready = !stopping && parts.values().all(|ready| *ready);
    let word = if stopping {
        "stopping"
    } else if ready {
        "ready"
    } else {
        "starting"
    };
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    super::envelope::as_is((status, Json(Readiness { status: word.to_owned(), parts })).into_response())
}
