//! What a sandbox shall be: everything the launcher needs to know to make one.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use coditect_model::id::WorkspaceId;
use serde::{Deserialize, Serialize};

use crate::agent_config::AgentConfig;

/// The user's id and group id inside every sandbox, and the owner of every volume on disk.
pub const USER_ID: u32 = 1000;
/// The user's name inside every sandbox.
pub const USER_NAME: &str = "dev";
/// The user's home directory inside every sandbox.
pub const HOME: &str = "/home/dev";
/// Where the volume's `workspace/` appears.
pub const WORKSPACE: &str = "/workspace";
/// The user's shell.
pub const SHELL: &str = "/bin/bash";
/// Ids in one workspace's range.
pub const IDS_PER_WORKSPACE: u32 = 65_536;
/// First of all the host ids that ranges are cut from: above the ranges that distributions hand to users
/// (`/etc/subuid`) and systemd hands to containers (up to 0x6fff_ffff), below the ids that mean "no change".
pub const FIRST_HOST_ID: u32 = 0x7000_0000;
/// Workspaces of one machine that can have a range of their own at the same time.
pub const ID_RANGES_MAX: u32 = (0xffff_0000 - FIRST_HOST_ID) / IDS_PER_WORKSPACE;
/// Terminals of one sandbox beyond those the agent opens: tmux, script, expect.
pub const SPARE_TERMINALS: u32 = 128;
/// File in the run directory that records the sandbox.
pub const RECORD_FILE: &str = "sandbox.json";
/// The agent's socket (HTTP) in the run directory; the agent has it as file descriptor [`AGENT_FD`].
pub const AGENT_SOCKET: &str = "agent.sock";
/// The agent's port-opening socket in the run directory; the agent has it as file descriptor [`PORTS_FD`].
pub const PORTS_SOCKET: &str = "ports.sock";
/// The agent's standard error in the run directory, emptied at every launch.
pub const AGENT_LOG: &str = "agent.log";
/// Descriptor of the agent's listening HTTP socket.
pub const AGENT_FD: i32 = 3;
/// Descriptor of the agent's listening port-opening socket.
pub const PORTS_FD: i32 = 4;
/// Descriptor on which the agent of a sandbox without identity waits for one (see [`crate::unbound`]).
pub const IDENTITY_FD: i32 = 5;

/// What a sandbox is made of, and, unless it is made to wait for one, whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSpec {
    /// The sandbox's own name: letters, digits, hyphens and underscores. It names the control groups, is never used again,
    /// and says nothing about a tenant.
    pub name: String,
    /// Name of the control group above those of this installation's workspaces; unique per data directory.
    pub instance: String,
    /// Host ids of this workspace. Not looked at in unprivileged mode, where only the caller's own id can be mapped.
    pub ids: IdRange,
    /// Directory whose `usr`, `opt` and `etc` the sandbox sees, read-only: `/`, or an unpacked base.
    pub base: PathBuf,
    /// Directory of this sandbox's record, sockets and log. Exists, is private to the caller, one per sandbox.
    pub run_dir: PathBuf,
    /// Absolute paths (directories) of the base that must not be seen although they lie below `usr` or `opt`, such as a
    /// data directory in `/opt`. Others are not visible anyway.
    #[serde(default)]
    pub hide: Vec<PathBuf>,
    /// Where its network comes from.
    #[serde(default)]
    pub network: Network,
    /// What it may use.
    pub limits: Limits,
    /// Whose it is. `None`: its agent waits until [`crate::launcher::Launcher::bind`] says so (privileged mode only).
    pub identity: Option<Identity>,
}

/// What makes a sandbox one workspace's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Name of the machine inside: letters, digits and hyphens, at most 63.
    pub hostname: String,
    /// Number of the command that asks for this sandbox.
    pub generation: u64,
    /// The volume: a directory that holds `workspace/` and `home/` (see [`crate::volume::create`]).
    pub volume: PathBuf,
    /// What its pid 1 is told.
    pub agent: AgentConfig,
}

/// Where a sandbox's network comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// A namespace is made with the sandbox: loopback only.
    #[default]
    Isolated,
    /// A namespace that was made ready before, whose descriptor comes with the launch
    /// ([`crate::launcher::Launcher::launch_in`]). It belongs to the machine's own user namespace, so nobody inside may
    /// change it, not even somebody who became root there.
    Given {
        /// The sandbox's address in it.
        address: Ipv4Addr,
        /// Who answers its questions for names.
        nameserver: Ipv4Addr,
    },
}

/// Consecutive host ids; inside the sandbox they are 0, 1, 2…
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// Host id of the sandbox's 0.
    pub first_host_id: u32,
    /// How many; at least [`USER_ID`] + 1.
    pub count: u32,
}

impl IdRange {
    /// The range with this number, if it is below [`ID_RANGES_MAX`]. Volumes hold no host ids, so a number may be given
    /// to another workspace once its sandbox is gone.
    #[must_use]
    pub fn numbered(number: u32) -> Option<Self> {
        (number < ID_RANGES_MAX)
            .then(|| Self { first_host_id: FIRST_HOST_ID + number * IDS_PER_WORKSPACE, count: IDS_PER_WORKSPACE })
    }

    /// The number that [`Self::numbered`] gives this range for; `None` for any other.
    #[must_use]
    pub fn number(self) -> Option<u32> {
        let number = self.first_host_id.checked_sub(FIRST_HOST_ID)? / IDS_PER_WORKSPACE;
        (Self::numbered(number) == Some(self)).then_some(number)
    }
}

/// Hard limits of one sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time in thousandths of one core.
    pub cpu_millis: u32,
    /// Memory in bytes, page cache and private file systems included.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Open files of one process.
    pub open_files: u64,
    /// Terminals. The agent counts them; the kernel's bound on pseudo-terminals is set above it.
    pub terminals: u32,
}

impl From<&coditect_model::tier::Limits> for Limits {
    fn from(tier: &coditect_model::tier::Limits) -> Self {
        Self {
            cpu_millis: tier.cpu_millis,
            memory_bytes: tier.memory_bytes,
            pids: tier.pids,
            open_files: tier.open_files,
            terminals: tier.terminals,
        }
    }
}

/// Why a specification was refused before anything was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("the sandbox specification is not usable: {0}")]
pub struct SpecError(pub String);

fn must(ok: bool, text: &str) -> Result<(), SpecError> {
    if ok { Ok(()) } else { Err(SpecError(text.to_owned())) }
}

impl SandboxSpec {
    /// Checks everything that can be checked without touching the system.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), SpecError> {
        for (name, what) in [(&self.name, "name"), (&self.instance, "instance")] {
            let ok = (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
            must(ok, &format!("`{what}` must be 1 to 64 letters, digits, hyphens and underscores"))?;
        }
        for (path, name) in [(&self.base, "base"), (&self.run_dir, "run_dir")] {
            must(path.is_absolute(), &format!("`{name}` must be an absolute path"))?;
        }
        must(self.hide.iter().all(|path| path.is_absolute()), "`hide` must hold absolute paths")?;
        must(self.ids.count > USER_ID, "`ids.count` must be greater than 1000, the user's id inside")?;
        must(self.ids.first_host_id.checked_add(self.ids.count).is_some(), "`ids` must end below 4294967296")?;
        must(self.ids.first_host_id >= IDS_PER_WORKSPACE, "`ids` must not contain the machine's own users")?;
        self.limits.validate()?;
        self.identity.as_ref().map_or(Ok(()), Identity::validate)
    }
}

impl Limits {
    pub(crate) fn validate(&self) -> Result<(), SpecError> {
        must(self.cpu_millis >= 10, "`limits.cpu_millis` must be 10 or more")?;
        must(self.memory_bytes >= 16 << 20, "`limits.memory_bytes` must be 16 MiB or more")?;
        must(self.pids >= 4, "`limits.pids` must be 4 or more")?;
        must(self.open_files >= 64, "`limits.open_files` must be 64 or more")
    }
}

impl Identity {
    pub(crate) fn validate(&self) -> Result<(), SpecError> {
        let host_ok = !self.hostname.starts_with('-')
            && (1..=63).contains(&self.hostname.len())
            && self.hostname.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        must(host_ok, "`hostname` must be 1 to 63 letters, digits and hyphens and not begin with a hyphen")?;
        must(self.volume.is_absolute(), "`volume` must be an absolute path")?;
        must(self.agent.workspace_id == self.workspace_id, "`agent.workspace_id` must be the workspace's own")?;
        must(self.agent.generation == self.generation, "`agent.generation` must be the generation of the command")
    }
}
