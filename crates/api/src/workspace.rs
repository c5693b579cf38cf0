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
    /// The limits its owner's tier gives it.
    pub limits: WorkspaceLimits,
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
