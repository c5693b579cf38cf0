//! What pid 1 of a sandbox is told when it starts: the one JSON argument of `coditect-agent agent`.
//!
//! **Invariants**: no secrets. Everything in the sandbox can read `/proc/1/cmdline`.

use coditect_model::id::WorkspaceId;
use serde::{Deserialize, Serialize};

use crate::spec::{HOME, SHELL, USER_NAME, WORKSPACE};

/// The agent's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Which workspace this is.
    pub workspace_id: WorkspaceId,
    /// Generation of the start command that made this sandbox.
    pub generation: u64,
    /// The user's name in the sandbox.
    pub user: String,
    /// The user's home directory.
    pub home: String,
    /// Where terminals begin and files are listed from.
    pub workspace: String,
    /// The user's shell.
    pub shell: String,
    /// Terminals that may exist at once.
    pub terminals_max: u32,
}

impl AgentConfig {
    /// The configuration for one start of one workspace, with the names every sandbox uses.
    #[must_use]
    pub fn new(workspace_id: WorkspaceId, generation: u64, terminals_max: u32) -> Self {
        Self {
            workspace_id,
            generation,
            user: USER_NAME.to_owned(),
            home: HOME.to_owned(),
            workspace: WORKSPACE.to_owned(),
            shell: SHELL.to_owned(),
            terminals_max,
        }
    }
}
