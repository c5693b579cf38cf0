//! What every request and answer goes through: its id, its line in the log, the error body, the common headers.
//!
//! **Invariants**: a handler runs to its end even when the client has gone, so that what it wrote is followed up; a
//! panic becomes an answer.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use coditect_api::error::{ErrorBody, ErrorDetail, ErrorKind};
use coditect_model::id::RequestId;
use http::header::{CACHE_CONTROL, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use tracing::Instrument as _;

use crate::control::Control;
use crate::error::AppError;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl IntoResponse for AppError {
    /// The error on its way to [`envelope`], which knows the request's id and writes the body.
    fn into_response(self) -> Response {
        let mut response = status(self.kind).into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

fn status(kind: ErrorKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).expect("the table holds HTTP statuses only")
}

pub(super) async fn envelope(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    // The router in front has made an id, or this is the first to see the request. A foreign text is not an id.
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok()?.parse().ok());
    let id: RequestId = given.unwrap_or_else(|| RequestId::random(&*control.entropy));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("-", |path| path.as_str()).to_owned();
    // Behind the router its span already names the request; alone, this one does.
    let span = match given {
        Some(_) => tracing::info_span!("api", route),
        None => tracing::info_span!("api", request = %id, %method, route),
    };
    let began = Instant::now();
    let handled = tokio::spawn(next.run(request).instrument(span.clone())).await;
    let mut response = handled.unwrap_or_else(|error| AppError::internal(error).into_response());
    let failed = response.status().is_client_error() || response.status().is_server_error();
    if failed && response.extensions().get::<AsIs>().is_none() {
        response = error_response(response, id, &span);
    }
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(&id.to_string()).expect("an id is visible ASCII"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, us) = (response.status().as_u16(), began.elapsed().as_micros());
    span.in_scope(|| tracing::debug!(status, us, "answered"));
    response
}

/// Marks an answer whose status is part of what it says.
#[derive(Clone, Copy)]
struct AsIs;

/// Keeps the body of an answer although its status is not a success.
pub(super) fn as_is(mut response: Response) -> Response {
    response.extensions_mut().insert(AsIs);
    response
}

fn error_response(response: Response, id: RequestId, span: &tracing::Span) -> Response {
    let error = match response.extensions().get::<Arc<AppError>>() {
        Some(error) => AppError::clone(error),
        None => foreign(response.status()),
    };
    span.in_scope(|| match error.kind {
        ErrorKind::Internal => tracing::error!(cause = error.cause, "a request failed"),
        ErrorKind::Unavailable => tracing::warn!(cause = error.cause, "a request could not be done now"),
        _ => tracing::debug!(kind = ?error.kind, "a request was refused"),
    });
    let retry_after_s = error.details.get("retry_after_s").and_then(serde_json::Value::as_i64);
    let body = ErrorBody {
        error: ErrorDetail {
            kind: error.kind,
            message: error.message,
            request_id: id.to_string(),
            details: error.details,
        },
    };
    let mut answer = (status(error.kind), axum::Json(body)).into_response();
    // What the handler set stands (cookies that are cleared, the methods that are allowed).
    for (name, value) in response.headers() {
        if *name != http::header::CONTENT_TYPE && *name != http::header::CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    if let Some(seconds) = retry_after_s {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.kind == ErrorKind::Unauthenticated {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// An error that the framework answered without asking us.
fn foreign(status: StatusCode) -> AppError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => AppError::new(ErrorKind::PayloadTooLarge, "the body is too large"),
        StatusCode::METHOD_NOT_ALLOWED => {
            AppError::new(ErrorKind::MethodNotAllowed, "this address does not offer that method")
        }
        status if status.is_client_error() => AppError::request("the request cannot be understood"),
        status => AppError::internal(format!("a handler answered {status} without a reason")),
    }
}
