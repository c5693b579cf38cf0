//! Request bodies: JSON of bounded size and depth, or nothing where nothing is fine.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use coditect_api::error::ErrorKind;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::BODY_MAX_BYTES;
use crate::error::AppError;

/// Longest part of a parser's message that is answered, in characters: it may quote the client.
const MESSAGE_MAX_CHARS: usize = 200;

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

/// A JSON body, or the default for an empty one.
pub(super) struct MaybeBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let is_json = is_json(&request);
        let bytes = read(request, state).await?;
        if !is_json {
            return Err(AppError::new(
                ErrorKind::UnsupportedMediaType,
                "send the body as JSON, with `Content-Type: application/json`",
            ));
        }
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for MaybeBody<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let is_json = is_json(&request);
        let bytes = read(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(AppError::new(
                ErrorKind::UnsupportedMediaType,
                "send the body as JSON, with `Content-Type: application/json`",
            ));
        }
        parse(&bytes).map(Self)
    }
}

/// A form of another site can be sent without asking; JSON cannot. So the type is insisted on.
fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, AppError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(failed) if failed.status() == http::StatusCode::PAYLOAD_TOO_LARGE => {
            AppError::new(ErrorKind::PayloadTooLarge, format!("the body may have {BODY_MAX_BYTES} bytes"))
                .with("limit_bytes", BODY_MAX_BYTES)
        }
        _ => AppError::request("the body broke off"),
    })
}

pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AppError> {
    // The derived readers also take an array of the fields in order, which is nobody's intention.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(AppError::request("the body must be a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text: String = error.to_string().chars().filter(|c| !c.is_control()).take(MESSAGE_MAX_CHARS).collect();
        match error.classify() {
            Category::Data => AppError::request(format!("the body does not fit this request: {text}")),
            Category::Syntax | Category::Eof | Category::Io => {
                AppError::request(format!("the body is not JSON that can be read: {text}"))
            }
        }
    })
}
