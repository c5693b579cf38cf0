//! The one error type of the agent's handlers, and how it becomes an [`ErrorBody`].

use axum::Json;
use axum::response::{IntoResponse, Response};
use coditect_api::error::{ErrorBody, ErrorDetail, ErrorKind};
use http::StatusCode;
use serde_json::{Map, Value};

/// What a handler answers when it does not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: what happened and what to do about it.
    pub message: String,
    /// More for programs.
    pub details: Map<String, Value>,
}

/// What handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without details.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Map::new() }
    }

    /// The same error with one more detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// A value that breaks a rule, with the field it stands in.
    pub fn invalid_value(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue, message).with("field", field)
    }

    /// A malformed request.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    /// Something that does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A defect of the agent.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
}

/// The request's id is filled in by the outermost layer (`routes`), which knows the header: handlers need not.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.clone().into_body(String::new()))).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Error {
    /// The wire form, for the request with this id.
    #[must_use]
    pub fn into_body(self, request_id: String) -> ErrorBody {
        ErrorBody { error: ErrorDetail { kind: self.kind, message: self.message, request_id, details: self.details } }
    }
}
