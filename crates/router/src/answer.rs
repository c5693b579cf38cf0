//! Answers the router makes itself: the one error body, redirects, and the words in them.

use axum::body::Body;
use coditect_api::error::{ErrorBody, ErrorDetail, ErrorKind};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::authority::{GrantError, RouteError};
use crate::relay::RelayError;

/// Policy of everything that is not meant to be shown as a document.
pub(crate) const INERT_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// A request that is not answered with success, in words for its sender.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
    /// Heading of the page that a person sees instead.
    pub(crate) title: Option<&'static str>,
    /// That page loads again after this many seconds.
    pub(crate) retry_s: Option<u32>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Map::new(), title: None, retry_s: None }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn titled(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    pub(crate) fn retried(mut self, seconds: u32) -> Self {
        self.retry_s = Some(seconds);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status()).expect("every error kind has a status in 400..=599")
    }

    /// The JSON answer.
    pub(crate) fn respond(self, request_id: &str) -> Response<Body> {
        let status = self.status();
        let retry = self.kind == ErrorKind::Unavailable;
        let body = ErrorBody {
            error: ErrorDetail {
                kind: self.kind,
                message: self.message,
                request_id: request_id.to_owned(),
                details: self.details,
            },
        };
        let json = serde_json::to_vec(&body).expect("an error body is strings and a map of JSON values");
        let mut answer = Response::new(Body::from(json));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, INERT_POLICY);
        if retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// A redirect nobody keeps. `location` is made by the router: visible ASCII.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Response<Body> {
    let mut answer = empty(status);
    match HeaderValue::from_str(location) {
        Ok(location) => {
            answer.headers_mut().insert(header::LOCATION, location);
            // The address may hold a ticket: whoever is asked next learns the origin at most.
            answer.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
        }
        Err(_) => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

/// What to tell somebody whose token is not taken.
pub(crate) fn unauthenticated(error: GrantError) -> Failure {
    match error {
        GrantError::Invalid => Failure::new(ErrorKind::Unauthenticated, "The grant is not valid. Ask for a new one."),
        GrantError::Expired => Failure::new(ErrorKind::Unauthenticated, "The grant has expired. Ask for a new one."),
        GrantError::Ended => Failure::new(ErrorKind::Unauthenticated, "The login has ended. Log in again."),
        GrantError::Unavailable => {
            Failure::new(ErrorKind::Unavailable, "Logins cannot be checked at the moment. Try again.")
        }
    }
}

/// What to tell somebody whose workspace cannot be found.
pub(crate) fn no_route(error: RouteError) -> Failure {
    match error {
        RouteError::NotFound => {
            Failure::new(ErrorKind::NotFound, "This workspace does not exist.").titled("No such workspace")
        }
        RouteError::Failed(reason) => {
            Failure::new(ErrorKind::Unavailable, format!("The workspace could not be started: {reason}"))
                .titled("The workspace did not start")
        }
        RouteError::Unavailable => {
            Failure::new(ErrorKind::Unavailable, "The workspace cannot be looked up at the moment. Try again.")
                .retried(2)
        }
    }
}

/// What to tell somebody whose upstream failed.
pub(crate) fn relay_failed(error: RelayError) -> Failure {
    tracing::debug!(error = &error as &dyn std::error::Error, "a relay failed");
    match error {
        RelayError::Timeout => Failure::new(ErrorKind::Timeout, "The workspace did not answer in time."),
        RelayError::Upstream(_) => {
            Failure::new(ErrorKind::BadGateway, "The workspace broke off, or its answer could not be understood.")
        }
        RelayError::Protocol => {
            Failure::new(ErrorKind::BadGateway, "The workspace changed to a protocol that was not asked for.")
        }
    }
}
