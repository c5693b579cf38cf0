//! Sessions: a user's ongoing use of one workspace, with the layout that every device restores.

use serde::{Deserialize, Serialize};

use crate::workspace::Workspace;

/// Largest layout in bytes of JSON.
pub const LAYOUT_MAX_BYTES: usize = 64 * 1024;

/// A session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// `ses_…`
    pub id: String,
    /// `ws_…`
    pub workspace_id: String,
    /// `usr_…`
    pub user_id: String,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Last use, milliseconds since the epoch, to the minute.
    pub last_seen_at: i64,
    /// What it was opened with last: `Firefox on Linux`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Counts the changes of `layout`; send it back in `PUT`.
    pub layout_version: u64,
    /// Open tabs, panes and terminals; written and read by the web app alone.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub layout: serde_json::Value,
}

/// `POST /api/v5/sessions`: opens the user's session on a workspace, or resumes the one there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// `ws_…`
    pub workspace_id: String,
    /// Starts the workspace if it is not running (the default).
    #[serde(default = "yes")]
    pub start: bool,
    /// When the tier allows no more open workspaces: closes those unused for longest. Their programs end, their files
    /// stay.
    #[serde(default)]
    pub take_over: bool,
    /// Closes this one (`ws_…`) instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
}

fn yes() -> bool {
    true
}

/// Answer to [`OpenSession`]: everything a client needs to talk to the workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenedSession {
    /// The session.
    pub session: Session,
    /// Its workspace.
    pub workspace: Workspace,
    /// Where the workspace is and the right to talk to it.
    pub access: Access,
}

/// Where a workspace is reached, and a short-lived grant for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Access {
    /// Path prefix of the agent's API on this origin: `/w/{label}`.
    pub path: String,
    /// Absolute address of the same, for programs.
    pub url: String,
    /// Origin of a port of the workspace, with `{port}` to be replaced:
    /// `http://{port}--{label}.coditect.localhost:8080`.
    pub port_origin: String,
    /// The host that runs it (`host_…`), when it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_id: Option<String>,
    /// Send as `Authorization: Bearer`, or as WebSocket subprotocol `grant.{grant}` beside `coditect.v1`.
    pub grant: String,
    /// When the grant expires, milliseconds since the epoch; ask for the next one before.
    pub grant_expires_at: i64,
}

/// `PUT /api/v5/sessions/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateSession {
    /// The layout version this one was made from; 412 when another device was faster.
    pub layout_version: u64,
    /// The new layout, at most [`LAYOUT_MAX_BYTES`].
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub layout: serde_json::Value,
}
