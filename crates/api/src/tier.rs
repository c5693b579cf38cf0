//! `GET /api/v5/tiers`.

use serde::{Deserialize, Serialize};

/// A licence tier: a named set of quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tier {
    /// Its name, as in `User::tier`.
    pub name: String,
    /// What a user of it may use.
    pub limits: Limits,
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
    /// Sessions of one user at once.
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
