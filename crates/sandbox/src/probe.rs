//! What this machine lets Coditect enforce, found out by trying.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cgroup::{CgroupLayout, Controller};

mod attempt;

/// How sandboxes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By root: each workspace has host ids of its own.
    Privileged,
    /// By an ordinary user: every workspace has that user's id on the host.
    Unprivileged,
}

impl Mode {
    /// The mode in which this process makes sandboxes: privileged if it is root and may do what root does.
    #[must_use]
    pub fn of_this_process() -> Self {
        use rustix::thread::{CapabilitySet, capabilities};
        let needed = CapabilitySet::SYS_ADMIN
            | CapabilitySet::SETUID
            | CapabilitySet::SETGID
            | CapabilitySet::CHOWN
            | CapabilitySet::DAC_OVERRIDE;
        let has = capabilities(None).is_ok_and(|sets| sets.effective.contains(needed));
        if rustix::process::geteuid().is_root() && has { Self::Privileged } else { Self::Unprivileged }
    }
}

/// Something that keeps workspaces apart or within their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// User, mount, pid, ipc, uts, network and cgroup namespaces.
    Namespaces,
    /// Host ids of its own for each workspace.
    OwnIds,
    /// Volumes seen through a mapped mount; without it their files are given to the workspace's ids.
    MappedVolumes,
    /// CPU limit.
    CpuLimit,
    /// Memory limit.
    MemoryLimit,
    /// Limit on the number of processes.
    PidsLimit,
    /// Freezing.
    Freeze,
    /// System-call filter.
    Seccomp,
    /// Landlock.
    Landlock,
}

impl Feature {
    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::OwnIds => "a range of user ids for each workspace",
            Self::MappedVolumes => "id-mapped volumes",
            Self::CpuLimit => "CPU limits",
            Self::MemoryLimit => "memory limits",
            Self::PidsLimit => "process limits",
            Self::Freeze => "freezing",
            Self::Seccomp => "system-call filter",
            Self::Landlock => "Landlock",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How sandboxes will be made.
    pub mode: Mode,
    /// Where control groups are.
    pub cgroup: CgroupLayout,
    /// What holds.
    pub enforced: Vec<Feature>,
    /// What does not, and why, in words an operator can act on.
    pub not_enforced: Vec<(Feature, String)>,
    /// Set when sandboxes cannot be made at all: the reason, and what to do. `serve` must refuse.
    pub fatal: Option<String>,
}

/// The version of Landlock's interface: from 4 on it also knows the network, from 6 on signals and abstract sockets.
///
/// # Errors
/// This kernel has none.
pub fn landlock_version() -> std::io::Result<u32> {
    crate::sys::landlock_version()
}

/// Whether something (NTP, the hypervisor's driver) keeps the machine's clock.
///
/// # Errors
/// The kernel does not say.
pub fn clock_is_kept() -> std::io::Result<bool> {
    crate::sys::clock_is_kept()
}

/// Tries everything that sandboxes need, in a child process that leaves nothing behind. `data_dir` is where volumes
/// will lie, `base` the directory whose `usr` and `etc` sandboxes will see.
#[must_use]
pub fn probe(data_dir: &Path, base: &Path) -> Capabilities {
    let mode = Mode::of_this_process();
    let mut found = Capabilities {
        mode,
        cgroup: CgroupLayout::detect().unwrap_or_default().writable(),
        enforced: Vec::new(),
        not_enforced: Vec::new(),
        fatal: None,
    };
    if let Some(missing) = ["usr", "etc"].iter().find(|name| !base.join(name).is_dir()) {
        let base = base.display();
        found.fatal = Some(format!("the base directory {base} has no `{missing}`: point `base` at a root file system"));
        return found;
    }
    let tried = attempt::sandbox(mode, data_dir);
    if let Err(reason) = tried.namespaces {
        found.fatal = Some(reason.clone());
        found.not_enforced.push((Feature::Namespaces, reason));
        return found;
    }
    found.enforced.push(Feature::Namespaces);
    let mut note = |feature, result: Result<(), String>| match result {
        Ok(()) => found.enforced.push(feature),
        Err(reason) => found.not_enforced.push((feature, reason)),
    };
    match mode {
        Mode::Privileged => {
            note(Feature::OwnIds, Ok(()));
            note(Feature::MappedVolumes, tried.mapped_volumes);
        }
        Mode::Unprivileged => {
            let reason = "not started as root: all workspaces share this user's id on the host";
            note(Feature::OwnIds, Err(reason.to_owned()));
        }
    }
    for (feature, controller) in [
        (Feature::CpuLimit, Controller::Cpu),
        (Feature::MemoryLimit, Controller::Memory),
        (Feature::PidsLimit, Controller::Pids),
    ] {
        let reason = match mode {
            Mode::Privileged => format!("no writable control group with the `{}` controller", controller.name()),
            Mode::Unprivileged => format!(
                "no control group with the `{}` controller was delegated to this user (systemd: Delegate=yes)",
                controller.name()
            ),
        };
        note(feature, if found.cgroup.has(controller) { Ok(()) } else { Err(reason) });
    }
    let freezes = found.cgroup.v2.is_some() || found.cgroup.v1.contains_key(&Controller::Freezer);
    note(Feature::Freeze, if freezes { Ok(()) } else { Err("no writable control group that can freeze".to_owned()) });
    note(Feature::Seccomp, tried.seccomp);
    note(Feature::Landlock, tried.landlock);
    found
}
