//! Licence tiers: named quota sets (R2). The table is data: the configuration gives the first values, administrators
//! change them while the server runs.

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

/// Longest name of a tier, in characters.
pub const NAME_MAX_CHARS: usize = 32;
/// Largest number of bytes that a tier may name: exact as a number of JavaScript too.
const BYTES_MAX: u64 = 1 << 50;
/// Largest CPU share: a thousand cores.
const CPU_MILLIS_MAX: u32 = 1_000_000;

/// What is wrong with a tier's name, if anything.
#[must_use]
pub fn name_problem(name: &str) -> Option<String> {
    let ok = (1..=NAME_MAX_CHARS).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-');
    let text = || format!("a tier's name has 1 to {NAME_MAX_CHARS} lower-case letters, digits and hyphens");
    (!ok).then(text)
}

impl Limits {
    /// The four quotas that make a tier, and the platform's defaults for everything else.
    #[must_use]
    pub fn new(cpu_millis: u32, memory_bytes: u64, storage_bytes: u64, concurrent_sessions: u32) -> Self {
        Self {
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
        }
    }

    /// Every field whose value cannot be used, and the rule it breaks.
    pub fn problems(&self) -> impl Iterator<Item = (&'static str, String)> {
        let number = |field, value: u64, least: u64, most: u64| {
            let ok = (least..=most).contains(&value);
            (!ok).then(|| (field, format!("must be a number from {least} to {most}")))
        };
        let small = |field, value: u32, least: u32| number(field, value.into(), least.into(), u32::MAX.into());
        let bytes = |field, value, least| number(field, value, least, BYTES_MAX);
        [
            number("cpu_millis", self.cpu_millis.into(), 10, CPU_MILLIS_MAX.into()),
            bytes("memory_bytes", self.memory_bytes, 32 * MIB),
            bytes("storage_bytes", self.storage_bytes, MIB),
            small("concurrent_sessions", self.concurrent_sessions, 1),
            small("pids", self.pids, 16),
            number("open_files", self.open_files, 64, 1 << 30),
            number("terminals", self.terminals.into(), 1, 1000),
            small("workspaces", self.workspaces, 1),
            number("inodes", self.inodes, 1000, 1 << 32),
            small("network_kbit", self.network_kbit, 64),
            bytes("disk_bytes_per_second", self.disk_bytes_per_second, MIB),
        ]
        .into_iter()
        .flatten()
    }
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
        Self(BTreeMap::from([
            ("free".to_owned(), Limits::new(200, 512 * MIB, 10 * GIB, 1)),
            ("starter".to_owned(), Limits::new(500, GIB, 50 * GIB, 5)),
            ("pro".to_owned(), Limits::new(1000, 2 * GIB, 100 * GIB, 10)),
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
            problems.extend(name_problem(name).map(|text| format!("tiers.{name}: {text}")));
            problems.extend(limits.problems().map(|(field, text)| format!("tiers.{name}: {field} {text}")));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_is_usable_and_what_is_not_is_named() {
        let mut table = TierTable::default();
        assert_eq!(table.problems(), Vec::<String>::new());
        let mut limits = table.get("free").unwrap().clone();
        (limits.cpu_millis, limits.memory_bytes) = (1, u64::MAX);
        table.insert("Odd name".to_owned(), limits);
        let text = table.problems().join("\n");
        for word in ["lower-case", "cpu_millis", "memory_bytes"] {
            assert!(text.contains(word), "{text}");
        }
        assert_eq!(table.problems().len(), 3);
    }
}
