//! The table of running sandboxes, and why commands about them fail.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use coditect_model::id::WorkspaceId;
use coditect_model::workspace::Generation;
use coditect_sandbox::record::SandboxRecord;

use crate::agent_client::AgentError;

/// Why a host did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A newer command for this workspace has been seen.
    #[error("the command is outdated: generation {got:?}, the newest seen is {newest:?}")]
    Outdated {
        /// Of the command.
        got: Generation,
        /// The newest.
        newest: Generation,
    },
    /// All ranges of user ids are in use.
    #[error("this host has no room for another workspace")]
    Full,
    /// The volume's directory.
    #[error("the volume cannot be made ready: {0}")]
    Volume(#[source] io::Error),
    /// No network for it.
    #[error("no network can be made for the workspace: {0}")]
    Network(#[source] io::Error),
    /// The host's own state.
    #[error("the host's state cannot be written: {0}")]
    State(#[source] io::Error),
    /// The sandbox.
    #[error("{0}")]
    Launch(#[from] coditect_sandbox::launcher::LaunchError),
    /// It runs, but its agent does not answer.
    #[error("the workspace started, but {0}")]
    Agent(String),
    /// Its control groups.
    #[error("the workspace's limits cannot be changed: {0}")]
    Limits(#[source] io::Error),
    /// It could not be ended.
    #[error("the workspace cannot be stopped: {0}")]
    Stop(String),
}

impl From<AgentError> for HostError {
    fn from(error: AgentError) -> Self {
        Self::Agent(error.to_string())
    }
}

/// A sandbox that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) record: Arc<SandboxRecord>,
    pub(crate) generation: Generation,
    pub(crate) run_dir: PathBuf,
}

/// Running sandboxes by workspace.
pub(crate) type Table = HashMap<WorkspaceId, Running>;
