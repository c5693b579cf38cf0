//! The host's side of watching files: one watch for each running workspace, from when somebody takes the reports.

use std::sync::PoisonError;

use coditect_model::audit::files::FileReport;
use coditect_model::id::WorkspaceId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};

use super::{Host, Inner, lock};
use crate::file_watch::{self, REPORTS_MAX, Target};

/// A watch under way.
struct Watching {
    end: CancellationToken,
    done: JoinHandle<()>,
}

/// All watches, and where their reports go.
#[derive(Default)]
pub(super) struct FileWatches {
    /// None until somebody takes the reports: nothing is watched for nobody.
    reports: Option<mpsc::Sender<FileReport>>,
    watching: std::collections::HashMap<WorkspaceId, Watching>,
}

impl Host {
    /// What happens to files in running workspaces, for the audit log. Watching begins with this call, also of what runs
    /// already. Given out once.
    #[must_use]
    pub fn file_reports(&self) -> Option<mpsc::Receiver<FileReport>> {
        let (sender, receiver) = mpsc::channel(REPORTS_MAX);
        {
            let mut watches = lock(&self.inner.file_watches);
            if watches.reports.is_some() {
                return None;
            }
            watches.reports = Some(sender);
        }
        for status in self.list() {
            self.inner.watch_files(status.workspace, status.pid, true);
        }
        Some(receiver)
    }

    /// Ends every watch and hands over what they have counted; what happens to files from now on is not reported. Before
    /// the one who takes the reports goes.
    pub async fn end_file_reports(&self) {
        let watching: Vec<Watching> = {
            let mut watches = lock(&self.inner.file_watches);
            watches.reports = None;
            watches.watching.drain().map(|(_, watching)| watching).collect()
        };
        for watching in &watching {
            watching.end.cancel();
        }
        for watching in watching {
            // A watch that panicked has nothing to hand over.
            let _ = watching.done.await;
        }
    }
}

impl Inner {
    /// Watches a workspace's files until its sandbox has ended.
    pub(super) fn watch_files(&self, workspace: WorkspaceId, pid: u32, adopted: bool) {
        let mut watches = self.file_watches.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reports) = watches.reports.clone() else { return };
        let end = CancellationToken::new();
        let target = Target { workspace, state_dir: self.config.state_dir.clone(), pid, adopted };
        let run = file_watch::run(target, reports, end.clone());
        let done = self.watchers.spawn(run.instrument(info_span!("files", %workspace)));
        if let Some(before) = watches.watching.insert(workspace, Watching { end, done }) {
            before.end.cancel();
        }
    }

    /// Ends a workspace's watch, so that nothing of its volume is held any more, and waits until its last reports are handed
    /// over.
    pub(super) async fn unwatch_files(&self, workspace: WorkspaceId) {
        let watching = lock(&self.file_watches).watching.remove(&workspace);
        if let Some(watching) = watching {
            watching.end.cancel();
            let _ = watching.done.await;
        }
    }
}
