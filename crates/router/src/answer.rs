//! Answers the router makes itself: the one error body, redirects, and the words in them.

use axum::body::Body;
use coditect_api::error::{ErrorBody, ErrorDetail, ErrorKind};
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

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
