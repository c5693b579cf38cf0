//! Search by name and by content, streamed as JSON lines.
//!
//! **Invariants**: one walking thread per search and few searches at once; a search whose client left stops at the next
//! file or block; what a pattern may cost is bounded before it runs.
//! **Not here**: paths and pools (`files`).

mod content;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod line;
mod names;
mod walk;

use axum::Router;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue};

/// Longest query, in bytes.
const QUERY_MAX_BYTES: usize = 2000;

/// The routes under `/v1/search`.
pub fn router() -> Router {
    Router::new().route("/v1/search/files", get(names::search)).route("/v1/search/content", get(content::search))
}

/// Headers of an answer in JSON lines.
fn lines_headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

fn check_query(query: &str) -> crate::error::Result<()> {
    if query.len() > QUERY_MAX_BYTES {
        let message = format!("the query is longer than {QUERY_MAX_BYTES} bytes");
        return Err(crate::error::Error::invalid_value("query", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
