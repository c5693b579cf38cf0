//! What a sandbox's processes cannot do even inside: resource limits, no capabilities, Landlock.

use std::os::fd::{AsFd as _, OwnedFd};

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::LaunchError;
use super::helper::Step as _;
use crate::spec::{HOME, WORKSPACE};

/// Memory one process may lock, in bytes: what ordinary programs (GnuPG, ssh-agent) ask for.
const LOCKED_MEMORY_MAX_BYTES: u64 = 8 << 20;
/// Signals and POSIX timers that the processes of one sandbox may have queued. The kernel counts those of all sandboxes
/// of a machine together as well: without this one sandbox could leave none for the others.
const QUEUED_SIGNALS_MAX: u64 = 2048;
/// The newest Landlock that was read and tried; older kernels enforce what they have.
const LANDLOCK_ABI: ABI = ABI::V6;

/// Limits of each process; those of all together are the control groups'. `open_files`: `None` leaves that limit as it is,
/// for whoever does not know it yet.
pub(super) fn limit(open_files: Option<u64>) -> Result<(), LaunchError> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    for (resource, value) in [
        // Not more than the launcher has: raising that needs a right that root may lack in a container.
        (Resource::Nofile, open_files.unwrap_or(most).min(most)),
        (Resource::Core, 0),
        (Resource::Memlock, LOCKED_MEMORY_MAX_BYTES),
        (Resource::Sigpending, QUEUED_SIGNALS_MAX),
        (Resource::Rtprio, 0),
        (Resource::Nice, 0),
    ] {
        let own = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let value = Some(value.min(own));
        setrlimit(resource, Rlimit { current: value, maximum: value }).step(|| format!("limiting {resource:?}"))?;
    }
    Ok(())
}

/// Gives up every capability, in every set, and the way to get any by exec.
pub(super) fn shed_capabilities() -> Result<(), LaunchError> {
    let step = || "shedding capabilities".to_owned();
    rustix::thread::clear_ambient_capability_set().step(step)?;
    let none = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .step(step)?;
    rustix::thread::set_no_new_privs(true).step(step)
}

/// A rule set made while paths can be opened, to be enforced later.
pub(crate) struct Landlock(RulesetCreated);

impl Landlock {
    /// Everything may be read and executed, as far as owners and modes allow; only the user's own places may be
    /// written to. `program`, if any, may be executed although it lies outside.
    pub(crate) fn prepare(program: Option<&OwnedFd>) -> Result<Self, LaunchError> {
        let all = AccessFs::from_all(LANDLOCK_ABI);
        let read = AccessFs::from_read(LANDLOCK_ABI);
        Self::make(program, all, read).map(Self).map_err(|error| LaunchError::Step {
            step: "preparing Landlock".to_owned(),
            reason: error.to_string(),
            errno: None,
        })
    }

    fn make(
        program: Option<&OwnedFd>,
        all: BitFlags<AccessFs>,
        read: BitFlags<AccessFs>,
    ) -> Result<RulesetCreated, RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(LANDLOCK_ABI))?
            .create()?;
        if let Some(program) = program {
            rules = rules.add_rule(PathBeneath::new(program.as_fd(), AccessFs::Execute | AccessFs::ReadFile))?;
        }
        let places = [WORKSPACE, HOME, "/tmp", "/var/tmp", "/run", "/dev", "/proc"];
        for (path, access) in std::iter::once(("/", read)).chain(places.map(|path| (path, all))) {
            // Built a moment ago by us; one that is missing would only be less that is allowed.
            if let Ok(path) = PathFd::new(path) {
                rules = rules.add_rule(PathBeneath::new(path, access))?;
            }
        }
        Ok(rules)
    }

    /// Puts this process and all its descendants under the rules, for good. Where the kernel has no Landlock this does
    /// nothing; the probe says so at start.
    pub(crate) fn enforce(self) -> Result<(), LaunchError> {
        self.0.restrict_self().map(|_| ()).map_err(|error| LaunchError::Step {
            step: "enforcing Landlock".to_owned(),
            reason: error.to_string(),
            errno: None,
        })
    }
}
