//! Control groups: where they are on this machine, and the groups of one sandbox.
//!
//! One picture for version 1, version 2 and hybrid machines: each controller is used where it is (version 2 first), and
//! freezing, killing and joining at birth use version 2 wherever it is mounted at all, because a tree without
//! controllers can still do these. A sandbox's groups are `<own group>/<instance>/<its name>`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub mod layout;
mod sandbox;

pub(crate) use sandbox::{Memory, remove_group};

/// A controller that Coditect uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// CPU time.
    Cpu,
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
    /// CPU accounting of version 1, where version 2 is not mounted.
    Cpuacct,
    /// Freezing of version 1, where version 2 is not mounted.
    Freezer,
    /// Reading from and writing to disks.
    Io,
}

impl Controller {
    /// The kernel's name for it in version 1, where it differs from [`Self::name`].
    #[must_use]
    pub const fn v1_name(self) -> &'static str {
        match self {
            Self::Io => "blkio",
            other => other.name(),
        }
    }

    /// The kernel's name for it in version 2.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpuacct => "cpuacct",
            Self::Freezer => "freezer",
            Self::Io => "io",
        }
    }
}

/// Where this process may make groups: its own group in every hierarchy that is of use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupLayout {
    /// Own group in the version 2 hierarchy.
    pub v2: Option<PathBuf>,
    /// Controllers that the version 2 group can hand on.
    pub v2_controllers: BTreeSet<Controller>,
    /// Own group in the version 1 hierarchies, for controllers that version 2 does not have.
    pub v1: BTreeMap<Controller, PathBuf>,
}

/// The groups of one sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroups {
    /// In the version 2 hierarchy.
    #[serde(default)]
    pub v2: Option<PathBuf>,
    /// Controllers that are on in the version 2 group.
    #[serde(default)]
    pub v2_controllers: BTreeSet<Controller>,
    /// In the version 1 hierarchies.
    #[serde(default)]
    pub v1: BTreeMap<Controller, PathBuf>,
}

/// What a sandbox ran into, counted since its groups were made. `None`: this machine does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Processes that the kernel ended because the memory limit was reached.
    pub oom_kills: Option<u64>,
    /// Processes and threads that were refused because the limit on their number was reached.
    pub refused_processes: Option<u64>,
}

/// Writes a control file. Unlike `std::fs::write` it neither creates nor truncates: a control file exists or the write
/// is a mistake.
pub(crate) fn write_control(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
}

/// Reads a control file that holds one number.
pub(crate) fn read_number(path: &Path) -> io::Result<u64> {
    let text = std::fs::read_to_string(path)?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {text:?}", path.display())))
}
