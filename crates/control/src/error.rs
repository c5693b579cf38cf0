//! Why a request was not done: a kind for programs, words for people, and the cause for the log.
//!
//! **Invariants**: what a client reads never holds the cause; what the log reads never holds what a client sent.

use std::fmt::Display;

use coditect_api::error::ErrorKind;
use coditect_store::StoreError;
use serde_json::{Map, Value};

/// A refusal or a failure on its way to the client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct AppError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
    /// For the log only.
    pub(crate) cause: Option<String>,
}

impl AppError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Map::new(), cause: None }
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    pub(crate) fn value(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue, message).with("field", field)
    }

    pub(crate) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unauthenticated, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, message)
    }

    /// Also the answer about things of other tenants: not allowed to know looks like not there.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("there is no such {what}, or it is not yours"))
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    pub(crate) fn rate_limited(retry_after_s: i64) -> Self {
        let unit = if retry_after_s == 1 { "second" } else { "seconds" };
        Self::new(ErrorKind::RateLimited, format!("too many attempts; try again in {retry_after_s} {unit}"))
            .with("retry_after_s", retry_after_s)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A defect of the platform. The cause goes to the log, the client gets the request id.
    pub(crate) fn internal(cause: impl Display) -> Self {
        let mut error = Self::new(
            ErrorKind::Internal,
            "something went wrong on our side; if it happens again, tell us the request id",
        );
        error.cause = Some(cause.to_string());
        error
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        if error.is_retryable() {
            let mut unavailable = Self::unavailable("the store is busy or not reachable; try again");
            unavailable.cause = Some(error.to_string());
            unavailable
        } else {
            Self::internal(error)
        }
    }
}
