//! A workspace's life: what is wanted (spec), what is so (status), and the words for it.

use serde::{Deserialize, Serialize};

/// What the owner asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// A sandbox shall run.
    Running,
    /// No sandbox; the volume stays.
    Stopped,
    /// No sandbox, no volume, no record.
    Deleted,
}

/// What is so, as last seen by the reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The sandbox is being made.
    Starting,
    /// The agent answers.
    Running,
    /// Processes are being ended.
    Stopping,
    /// No sandbox exists.
    Stopped,
    /// Starting failed; the reason is beside it. Starting again tries again.
    Failed,
    /// Being removed with its volume.
    Deleting,
}

/// Numbers every command to a host: a host refuses one that is older than what it has seen (fencing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
