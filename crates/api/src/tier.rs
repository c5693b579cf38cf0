//! `/api/v5/tiers*`.

use serde::{Deserialize, Serialize};

/// A licence tier: a named set of quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tier {
    /// Its name, as in `User::tier`.
    pub name: String,
    /// What a user of it may use.
    pub limits: Limits,
    /// Where these values come from.
    pub source: TierSource,
}

/// Where a tier's values come from. What was set over the API counts, and the configuration's values do not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TierSource {
    /// From the configuration (its file, or the built-in table).
    Configuration,
    /// The configuration has it, and an administrator has set it since. Removing it brings the configuration's back.
    Changed,
    /// Added by an administrator.
    Added,
}

/// `PUT /api/v5/tiers/{name}`: a tier's quotas as a whole. What is absent gets the platform's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetTier {
    /// Thousandths of a core, for each workspace.
    pub cpu_millis: u32,
    /// Bytes of memory, for each workspace.
    pub memory_bytes: u64,
    /// Bytes of volume, for each workspace.
    pub storage_bytes: u64,
    /// Workspaces of one user that may be open or running at once.
    pub concurrent_sessions: u32,
    /// Processes and threads, for each workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
    /// Open files of one process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Terminals of one workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminals: Option<u32>,
    /// Workspaces of one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<u32>,
    /// Files and directories of each workspace's volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
    /// Network traffic of each workspace, each way, in thousands of bits per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_kbit: Option<u32>,
    /// Reading and writing of each workspace's volume, in bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes_per_second: Option<u64>,
}

/// Quotas of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Limits {
    /// Thousandths of a core, for each workspace.
    pub cpu_millis: u32,
    /// Bytes of memory, for each workspace.
    pub memory_bytes: u64,
    /// Bytes of volume, for each workspace.
    pub storage_bytes: u64,
    /// Workspaces of one user that may be open or running at once.
    pub concurrent_sessions: u32,
    /// Processes and threads, for each workspace.
    pub pids: u32,
    /// Open files of one process.
    pub open_files: u64,
    /// Terminals of one workspace.
    pub terminals: u32,
    /// Workspaces of one user.
    pub workspaces: u32,
    /// Files and directories of each workspace's volume.
    pub inodes: u64,
    /// Network traffic of each workspace, each way, in thousands of bits per second.
    pub network_kbit: u32,
    /// Reading and writing of each workspace's volume, in bytes per second.
    pub disk_bytes_per_second: u64,
}

impl From<&coditect_model::tier::Limits> for Limits {
    fn from(limits: &coditect_model::tier::Limits) -> Self {
        Self {
            cpu_millis: limits.cpu_millis,
            memory_bytes: limits.memory_bytes,
            storage_bytes: limits.storage_bytes,
            concurrent_sessions: limits.concurrent_sessions,
            pids: limits.pids,
            open_files: limits.open_files,
            terminals: limits.terminals,
            workspaces: limits.workspaces,
            inodes: limits.inodes,
            network_kbit: limits.network_kbit,
            disk_bytes_per_second: limits.disk_bytes_per_second,
        }
    }
}

impl From<SetTier> for coditect_model::tier::Limits {
    fn from(set: SetTier) -> Self {
        let usual = Self::new(set.cpu_millis, set.memory_bytes, set.storage_bytes, set.concurrent_sessions);
        Self {
            pids: set.pids.unwrap_or(usual.pids),
            open_files: set.open_files.unwrap_or(usual.open_files),
            terminals: set.terminals.unwrap_or(usual.terminals),
            workspaces: set.workspaces.unwrap_or(usual.workspaces),
            inodes: set.inodes.unwrap_or(usual.inodes),
            network_kbit: set.network_kbit.unwrap_or(usual.network_kbit),
            disk_bytes_per_second: set.disk_bytes_per_second.unwrap_or(usual.disk_bytes_per_second),
            ..usual
        }
    }
}
