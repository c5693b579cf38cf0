//! What a host reports about a workspace's files: operations of one kind in one directory, over a few seconds, as one.

use std::collections::BTreeMap;

use super::{Action, Actor, Entry, NAMES_MAX, clean};
use crate::ambient::Timestamp;
use crate::id::{AuditId, WorkspaceId};

/// Through what a file was changed, as far as can be told from the process that did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The agent: the editor, the file tree, the API.
    Api,
    /// A process that calls itself git.
    Git,
    /// Any other process: a shell in a terminal and whatever was started from one.
    Program,
}

impl Source {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Git => "git",
            Self::Program => "terminal",
        }
    }
}

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Whose files.
    pub workspace: WorkspaceId,
    /// What was done.
    pub action: Action,
    /// When the first of it was seen.
    pub since: Timestamp,
    /// When the last of it was seen.
    pub until: Timestamp,
    /// Through what; none where it is about the watching itself.
    pub source: Option<Source>,
    /// What the process called itself: a name that the tenant chose.
    pub process: Option<String>,
    /// The directory as the workspace's user sees it; none when it is several, or gone.
    pub directory: Option<String>,
    /// Some of the names, at most [`NAMES_MAX`].
    pub names: Vec<String>,
    /// How many operations.
    pub count: u64,
    /// What else there is to say.
    pub note: Option<&'static str>,
}

impl FileReport {
    /// The report as an entry of the log.
    #[must_use]
    pub fn entry(&self, id: AuditId) -> Entry {
        let actor = if self.source.is_some() { Actor::Workspace } else { Actor::Platform };
        let mut details = BTreeMap::new();
        if let Some(source) = self.source {
            details.insert("source".to_owned(), source.as_str().to_owned());
            details.insert("count".to_owned(), self.count.to_string());
        }
        if let Some(process) = &self.process {
            details.insert("process_claimed".to_owned(), clean(process));
        }
        if self.source.is_some() && self.since != self.until {
            details.insert("since_ms".to_owned(), self.since.0.to_string());
        }
        if let Some(note) = self.note {
            details.insert("note".to_owned(), note.to_owned());
        }
        let mut entry = Entry::new(id, self.until, self.action, actor).on(self.workspace);
        entry.subject = self.directory.as_deref().map(clean);
        entry.details = details;
        entry.names = self.names.iter().take(NAMES_MAX).map(|name| clean(name)).collect();
        entry
    }
}
