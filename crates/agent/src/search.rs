//! Placeholder of the module; see below.

/// Routes.
pub fn router() -> axum::Router {
    axum::Router::new()
}
