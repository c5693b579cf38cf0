//! Whether a request that a browser signed with cookies was made by our own pages.
//!
//! Workspace origins are on the same *site*, so SameSite alone protects nothing: only the exact origin does.

use http::HeaderMap;
use http::header::ORIGIN;

use crate::config::ControlConfig;
use crate::error::AppError;

/// Refuses a request that does not say it comes from our own origin.
pub(super) fn check(config: &ControlConfig, headers: &HeaderMap) -> Result<(), AppError> {
    let refused = || {
        AppError::forbidden(
            "this request did not come from Coditect's own pages; programs send `Authorization: Bearer` instead of cookies",
        )
    };
    let mut origins = headers.get_all(ORIGIN).iter();
    let (Some(origin), None) = (origins.next(), origins.next()) else { return Err(refused()) };
    let ours = |known: &String| known.as_bytes() == origin.as_bytes();
    if !(ours(&config.public_url) || config.alias_origins.iter().any(ours)) {
        return Err(refused());
    }
    match headers.get("sec-fetch-site") {
        Some(site) if site != "same-origin" => Err(refused()),
        _ => Ok(()),
    }
}
