//! `/health`, `/health/store`, `/health/ready`.

use serde::{Deserialize, Serialize};

/// Liveness: the process answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// Always `ok`.
    pub status: String,
    /// Version of the binary.
    pub version: String,
    /// Seconds since the process started.
    pub uptime_s: u64,
}

/// A round trip to the store: one write, one read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreHealth {
    /// `ok`.
    pub status: String,
    /// Which backend answers (`sqlite`, `memory`).
    pub backend: String,
    /// Duration of the round trip in microseconds.
    pub round_trip_us: u64,
}

/// Readiness: whether traffic should come here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Readiness {
    /// `ready`, `starting` or `stopping`.
    pub status: String,
    /// Each part and whether it is ready.
    pub parts: std::collections::BTreeMap<String, bool>,
}
