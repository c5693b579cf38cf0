//! Licence tiers: named quota sets (R2). The table is data; operators edit it in the configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What one workspace of a tier may use. Every field is a hard limit, not advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// CPU time in thousandths of one core.
    pub cpu_millis: u32,
    /// Memory, page cache included, in bytes.
    pub memory_bytes: u64,
    /// Volume size in bytes.
    pub storage_bytes: u64,
    /// Sessions of one user that may be open at once.
    pub concurrent_sessions: u32,
    /// Processes and threads.
    #[serde(default = "default_pids")]
    pub pids: u32,
    /// Open files of one process (`RLIMIT_NOFILE`).
    #[serde(default = "default_open_files")]
    pub open_files: u64,
    /// Terminals of one workspace.
    #[serde(default = "default_terminals")]
    pub terminals: u32,
    /// Workspaces one user may own.
    #[serde(default = "default_workspaces")]
    pub workspaces: u32,
    /// Files and directories of the volume, where its kind can count them.
    #[serde(default = "default_inodes")]
    pub inodes: u64,
    /// Network traffic, each way, in thousands of bits per second.
    #[serde(default = "default_network_kbit")]
    pub network_kbit: u32,
    /// Reading and writing of the volume, each, in bytes per second, where the kernel can hold it.
    #[serde(default = "default_disk_bytes_per_second")]
    pub disk_bytes_per_second: u64,
}

fn default_pids() -> u32 {
    512
}
fn default_open_files() -> u64 {
    65_536
}
fn default_terminals() -> u32 {
    32
}
fn default_workspaces() -> u32 {
    20
}

fn default_inodes() -> u64 {
    2_000_000
}
fn default_network_kbit() -> u32 {
    50_000
}
fn default_disk_bytes_per_second() -> u64 {
    200 * MIB
}

/// All tiers of an installation, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TierTable(BTreeMap<String, Limits>);

/// Name of the tier that new users get.
pub const DEFAULT_TIER: &str = "free";
/// Name of the tier that the administrator who sets the installation up gets, where it exists.
pub const FIRST_ADMINISTRATOR_TIER: &str = "pro";

impl Default for TierTable {
    fn default() -> Self {
        let tier = |cpu_millis, memory_bytes, storage_bytes, concurrent_sessions| Limits {
            cpu_millis,
            memory_bytes,
            storage_bytes,
            concurrent_sessions,
            pids: default_pids(),
            open_files: default_open_files(),
            terminals: default_terminals(),
            workspaces: default_workspaces(),
            inodes: default_inodes(),
            network_kbit: default_network_kbit(),
            disk_bytes_per_second: default_disk_bytes_per_second(),
        };
        Self(BTreeMap::from([
            ("free".to_owned(), tier(200, 512 * MIB, 10 * GIB, 1)),
            ("starter".to_owned(), tier(500, GIB, 50 * GIB, 5)),
            ("pro".to_owned(), tier(1000, 2 * GIB, 100 * GIB, 10)),
        ]))
    }
}

impl TierTable {
    /// The limits of a tier, if it exists.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Limits> {
        self.0.get(name)
    }

    /// Every tier with its limits, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Limits)> {
        self.0.iter().map(|(name, limits)| (name.as_str(), limits))
    }

    /// Adds a tier, or replaces the one of that name.
    pub fn insert(&mut self, name: String, limits: Limits) {
        self.0.insert(name, limits);
    }

    /// Everything that makes this table unusable, in words an operator can act on.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.0.contains_key(DEFAULT_TIER) {
            problems.push(format!("tiers: the tier `{DEFAULT_TIER}` is missing; new users are given it"));
        }
        for (name, limits) in &self.0 {
            let mut must = |ok: bool, text: &str| {
                if !ok {
                    problems.push(format!("tiers.{name}: {text}"));
                }
            };
            must(limits.cpu_millis >= 10, "cpu_millis must be 10 or more");
            must(limits.memory_bytes >= 32 * MIB, "memory_bytes must be 33554432 (32 MiB) or more");
            must(limits.storage_bytes >= MIB, "storage_bytes must be 1048576 (1 MiB) or more");
            must(limits.concurrent_sessions >= 1, "concurrent_sessions must be 1 or more");
            must(limits.pids >= 16, "pids must be 16 or more");
            must(limits.open_files >= 64, "open_files must be 64 or more");
            must(limits.terminals >= 1, "terminals must be 1 or more");
            must(limits.workspaces >= 1, "workspaces must be 1 or more");
            must(limits.inodes >= 1000, "inodes must be 1000 or more");
            must(limits.network_kbit >= 64, "network_kbit must be 64 or more");
            must(limits.disk_bytes_per_second >= MIB, "disk_bytes_per_second must be 1048576 (1 MiB) or more");
        }
        problems
    }
}
