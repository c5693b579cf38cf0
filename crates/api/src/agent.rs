//! What the agent tells about its workspace, and the events stream (`/v1/status`, `/v1/events`, `/v1/exec`).

use serde::{Deserialize, Serialize};

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentStatus {
    /// `ws_…`: which workspace this agent believes it serves; checked at adoption.
    pub workspace_id: String,
    /// Version of the agent binary.
    pub version: String,
    /// Seconds since the sandbox started.
    pub uptime_s: u64,
    /// Number of open terminals.
    pub terminals: u32,
    /// The user's home directory.
    pub home: String,
    /// The user's name in the sandbox.
    pub user: String,
}

/// `POST /host/limits`, from the host alone: limits that the agent itself holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentLimits {
    /// Terminals that may exist at once.
    pub terminals_max: u32,
}

/// `POST /host/notices`, from the host alone, and part of [`Event::Notices`]: what the workspace's user should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeKind {
    /// Programs were ended because the workspace reached its memory limit.
    OutOfMemory {
        /// The name that the first of them had given itself, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<String>,
        /// How many.
        count: u64,
        /// The limit, in bytes; absent when the whole machine was out of memory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit_bytes: Option<u64>,
    },
    /// A program could not start another: the workspace reached its limit on processes.
    ProcessLimit {
        /// The limit.
        limit: u32,
    },
}

/// Something that happened to the workspace from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// Counts the notices of this start of the workspace.
    pub id: u64,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub kind: NoticeKind,
}

/// A TCP port that something in the workspace listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Port {
    /// The port.
    pub port: u16,
    /// The listening process, when it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its command name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Client to agent on the events WebSocket (`GET /v1/events`), JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum EventsRequest {
    /// Replaces the set of directories watched for this client (not recursive; at most 512).
    Watch {
        /// Absolute paths.
        paths: Vec<String>,
    },
    /// Answered by [`Event::Pong`] with the same number.
    Ping {
        /// Anything.
        id: u64,
    },
}

/// Agent to client on the events WebSocket, JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Watched directories whose listing or files changed (coalesced over 50 ms). Read them again.
    Changed {
        /// The changes.
        changes: Vec<Change>,
    },
    /// More happened than could be told: read everything again.
    Overflow,
    /// Directories that could not be watched, with the reason; they are to be polled.
    WatchFailed {
        /// Absolute path.
        path: String,
        /// Why, for people.
        reason: String,
    },
    /// The listening ports, at connect and whenever they change.
    Ports {
        /// All of them, in order.
        ports: Vec<Port>,
    },
    /// The terminals, at connect and whenever one is made, renamed or ends.
    Terminals {
        /// All of them, oldest first.
        terminals: Vec<crate::terminal::Terminal>,
    },
    /// What happened to the workspace from outside, at connect (when there is anything) and whenever something does.
    Notices {
        /// The latest, oldest first.
        notices: Vec<Notice>,
    },
    /// Answer to a ping.
    Pong {
        /// The ping's number.
        id: u64,
    },
}

/// One change in a watched directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// Absolute path of the entry.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It appeared (made, or moved here).
    Created,
    /// Its content or metadata changed.
    Modified,
    /// It is gone (removed, or moved away).
    Removed,
}

/// First text frame of a client on `GET /v1/exec` (WebSocket): run a command without a terminal.
/// Then: binary frames are its standard input, an empty one ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// Program and arguments; no shell in between.
    pub argv: Vec<String>,
    /// Working directory; absent: `/workspace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Added to the environment.
    #[serde(default)]
    pub env: std::collections::BTreeMap<String, String>,
}

/// Agent to client on the exec WebSocket, JSON text. Output comes in binary frames whose first byte is 1 (standard
/// output) or 2 (standard error).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ExecEvent {
    /// It could not be started.
    Failed {
        /// Why.
        reason: String,
    },
    /// It ended; the last frame.
    Exit {
        /// Exit code; 128 + signal number when a signal ended it.
        code: i32,
    },
}
