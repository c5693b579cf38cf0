//! One error body for every answer that is not a success, and the one table from its kind to an HTTP status.

use serde::{Deserialize, Serialize};

/// What went wrong, as a closed set that programs may match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is malformed: not JSON, a wrong type, an unknown field, a bad parameter.
    InvalidRequest,
    /// The request is well-formed, but a value breaks a rule; `details` names the field.
    InvalidValue,
    /// No valid credentials.
    Unauthenticated,
    /// Valid credentials without the right to this.
    Forbidden,
    /// Does not exist, or is not yours to know of.
    NotFound,
    /// The method is not offered here.
    MethodNotAllowed,
    /// The state has changed or does not allow this; read again and decide.
    Conflict,
    /// `If-Match` names an older version than there is.
    PreconditionFailed,
    /// The body is larger than the limit named in the message.
    PayloadTooLarge,
    /// The request's address and headers together are larger than the limit named in the message.
    HeadTooLarge,
    /// The content type is not supported here.
    UnsupportedMediaType,
    /// The byte range lies outside the file.
    RangeNotSatisfiable,
    /// Too many requests; `details.retry_after_s` says when to try again.
    RateLimited,
    /// A limit of the tier is reached; the message names it.
    LimitExceeded,
    /// The volume is full.
    StorageFull,
    /// The request reached a host that does not serve this name.
    MisdirectedRequest,
    /// A part of the platform is not available now; trying again is right.
    Unavailable,
    /// The workspace did not answer, or nothing listens on the port.
    BadGateway,
    /// It took longer than the deadline.
    Timeout,
    /// A defect of the platform; the request id finds it in the log.
    Internal,
}

impl ErrorKind {
    /// The HTTP status this kind travels with.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict | Self::LimitExceeded => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::RangeNotSatisfiable => 416,
            Self::MisdirectedRequest => 421,
            Self::InvalidValue => 422,
            Self::RateLimited => 429,
            Self::HeadTooLarge => 431,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::StorageFull => 507,
        }
    }

    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub const fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::BadGateway | Self::Timeout)
    }

    /// The exit code of the command line for an answer of this kind (documented in `coditect help exit-codes`).
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::InvalidRequest
            | Self::InvalidValue
            | Self::MethodNotAllowed
            | Self::UnsupportedMediaType
            | Self::PayloadTooLarge
            | Self::HeadTooLarge
            | Self::RangeNotSatisfiable
            | Self::MisdirectedRequest => 2,
            Self::Unauthenticated | Self::Forbidden => 3,
            Self::NotFound => 4,
            Self::Conflict | Self::PreconditionFailed => 5,
            Self::RateLimited | Self::LimitExceeded | Self::StorageFull => 6,
            Self::Unavailable | Self::BadGateway | Self::Timeout => 7,
            Self::Internal => 1,
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// The one member of [`ErrorBody`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorDetail {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: what happened and what to do about it.
    pub message: String,
    /// Finds the request in the log (`req_…`).
    pub request_id: String,
    /// More for programs, such as `field`, `retry_after_s`, `limit`, `current_version`.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub details: serde_json::Map<String, serde_json::Value>,
}
