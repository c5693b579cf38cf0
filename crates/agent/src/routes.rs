//! All routes of the agent, and what every answer has in common: the request's id, and one body for every error.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router, body};
use coditect_api::agent::AgentStatus;
use coditect_api::error::ErrorKind;
use coditect_model::id::RequestId;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::agent::Agent;
use crate::ambient::KernelEntropy;
use crate::error::Error;
use crate::{events, exec, files, notices, search, terminals};

/// Largest JSON body, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// Longest explanation taken over from the HTTP library, in bytes.
const EXPLANATION_MAX_BYTES: usize = 4096;
/// Longest request id taken over from the router, in bytes.
const REQUEST_ID_MAX_BYTES: usize = 64;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The agent as a service.
pub fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        // The router forwards nothing below /host: these are the host's own.
        .route("/host/shutdown", post(shutdown))
        .merge(notices::router())
        .merge(terminals::router())
        .merge(exec::router())
        .merge(events::router())
        .with_state(agent)
        .merge(files::router())
        .merge(search::router())
        .fallback(async || Error::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Error::new(ErrorKind::MethodNotAllowed, "This method is not offered here.")
        })
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn(finish))
}

async fn status(State(agent): State<Arc<Agent>>) -> Json<AgentStatus> {
    Json(agent.status())
}

async fn shutdown(State(agent): State<Arc<Agent>>) -> StatusCode {
    agent.stop();
    StatusCode::ACCEPTED
}

async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let mut response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        response = with_body(response, &id).await;
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn request_id(request: &Request) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given
        .filter(|id| (1..=REQUEST_ID_MAX_BYTES).contains(&id.len()) && id.bytes().all(plain))
        .map_or_else(|| RequestId::random(&KernelEntropy).to_string(), str::to_owned)
}

/// Gives an error answer its body: the handler's own error, or what the HTTP library said.
async fn with_body(mut response: Response, id: &str) -> Response {
    let (error, mut headers) = match response.extensions_mut().remove::<Error>() {
        Some(error) => (error, response.into_parts().0.headers),
        None => {
            let (parts, body) = response.into_parts();
            let text = body::to_bytes(body, EXPLANATION_MAX_BYTES).await.unwrap_or_default();
            (Error::new(kind(parts.status), String::from_utf8_lossy(&text)), parts.headers)
        }
    };
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, Json(error.into_body(id.to_owned()))).into_response();
    for name in [http::header::CONTENT_TYPE, http::header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    answer.headers_mut().extend(headers);
    answer
}

/// What the statuses that the HTTP library answers by itself stand for.
fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        404 => ErrorKind::NotFound,
        405 => ErrorKind::MethodNotAllowed,
        413 => ErrorKind::PayloadTooLarge,
        415 => ErrorKind::UnsupportedMediaType,
        status if status >= 500 => ErrorKind::Internal,
        // 422 is its word for JSON of the wrong shape, 426 for a request that should have been a WebSocket.
        _ => ErrorKind::InvalidRequest,
    }
}
