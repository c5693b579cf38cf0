//! Workspaces, as control answers and accepts them.

use coditect_model::workspace::{Desired, State};
use serde::{Deserialize, Serialize};

/// A workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Workspace {
    /// `ws_…`
    pub id: String,
    /// The 26 characters behind the prefix: names the workspace's origins.
    pub label: String,
    /// What its owner calls it.
    pub name: String,
    /// `usr_…`
    pub owner_id: String,
    /// What was asked for: `running`, `stopped` or `deleted`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub desired: Desired,
    /// What is so: `starting`, `running`, `stopping`, `stopped`, `failed` or `deleting`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub state: State,
    /// Why it failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// When it last started, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// Use and limits, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its owner's tier.
    pub tier: String,
    /// The limits that tier gives it.
    pub limits: WorkspaceLimits,
    /// Limits of the tier that do not hold yet although it runs, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_limits: Vec<PendingLimit>,
}

/// A limit that was changed and does not hold yet in a running workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PendingLimit {
    /// Its name in the tier: `memory_bytes`.
    pub limit: String,
    /// Why not, and when it will, in words for its owner.
    pub reason: String,
    /// Whether it is tried again while the workspace runs; otherwise it holds from the next start.
    pub retried: bool,
}

/// What a running workspace uses now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// CPU time used so far, in milliseconds.
    pub cpu_ms: u64,
    /// CPU in thousandths of a core over the last sampling interval.
    pub cpu_millis: u32,
    /// Memory in bytes, page cache included.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes on the volume, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Programs that were ended since it started because it reached its memory limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Processes that were refused since it started because it reached its limit on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_processes: Option<u64>,
}

/// The limits in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkspaceLimits {
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// Bytes.
    pub memory_bytes: u64,
    /// Bytes.
    pub storage_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
}

/// `POST /api/v5/workspaces`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateWorkspace {
    /// 1 to 64 characters.
    pub name: String,
    /// Starts it at once (the default).
    #[serde(default = "yes")]
    pub start: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/v5/workspaces/{id}/start`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StartWorkspace {
    /// When the tier allows no more running workspaces: closes those unused for longest. Their programs end, their files
    /// stay.
    #[serde(default)]
    pub take_over: bool,
    /// Closes this one (`ws_…`) instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
}

/// `PATCH /api/v5/workspaces/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateWorkspace {
    /// New name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `POST /api/v5/workspaces/{id}/tickets`: asks for an address that signs the browser in on a workspace origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateTicket {
    /// A port of the workspace; absent for the workspace's files origin (downloads).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Path and query to open there; must start with one `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Answer to [`CreateTicket`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TicketUrl {
    /// Open it within 30 seconds; it works once.
    pub url: String,
}
