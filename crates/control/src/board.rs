//! The last known truth about workspaces in motion or running, in memory: what requests wait on and routes come from.
//!
//! **Invariants**: a newer wish is never overwritten by an older one; a workspace at rest that nobody waits for is not
//! kept; a status is here no later than in the store. The store stays the source of truth: everything here can be read again from there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use coditect_model::id::WorkspaceId;
use coditect_model::workspace::State;
use tokio::sync::watch;

use crate::records::workspace::{StatusRecord, Workspace, WorkspaceRecord};

type Seen = Option<Arc<Workspace>>;

/// Workspaces by id, each with whoever waits for it.
#[derive(Default)]
pub(crate) struct Board {
    entries: Mutex<HashMap<WorkspaceId, watch::Sender<Seen>>>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkspaceId, watch::Sender<Seen>>> {
        self.entries.lock().expect("no code panics while it holds this lock")
    }

    /// A committed wish, with the status read beside it. One that is at rest is not entered anew: the status read
    /// beside it may be out of date by now, and no reconciliation would follow to correct it.
    pub(crate) fn wish(&self, workspace: &Workspace) {
        let mut entries = self.lock();
        if workspace.settled() && !entries.contains_key(&workspace.record.id) {
            return;
        }
        let sender = entries.entry(workspace.record.id).or_insert_with(|| watch::channel(None).0);
        sender.send_modify(|seen| match seen {
            Some(known) => {
                if known.record.generation <= workspace.record.generation {
                    Arc::make_mut(known).record = workspace.record.clone();
                }
            }
            None => *seen = Some(Arc::new(workspace.clone())),
        });
    }

    /// What the reconciler has seen. Only it calls this, once at a time for each workspace.
    pub(crate) fn status(&self, record: &WorkspaceRecord, status: &StatusRecord) {
        let mut entries = self.lock();
        let sender = entries.entry(record.id).or_insert_with(|| watch::channel(None).0);
        sender.send_modify(|seen| match seen {
            Some(known) => {
                let known = Arc::make_mut(known);
                if known.record.generation <= record.generation {
                    known.record = record.clone();
                }
                known.status = status.clone();
            }
            None => *seen = Some(Arc::new(Workspace { record: record.clone(), status: status.clone() })),
        });
    }

    /// The workspace is gone for good.
    pub(crate) fn remove(&self, id: WorkspaceId) {
        if let Some(sender) = self.lock().remove(&id) {
            sender.send_replace(None);
        }
    }

    pub(crate) fn get(&self, id: WorkspaceId) -> Option<Arc<Workspace>> {
        self.lock().get(&id).and_then(|sender| sender.borrow().clone())
    }

    /// Brings a workspace that was read from the store up to date: a status is told here before it is committed.
    pub(crate) fn overlay(&self, workspace: &mut Workspace) {
        if let Some(sender) = self.lock().get(&workspace.record.id)
            && let Some(seen) = &*sender.borrow()
        {
            workspace.status.clone_from(&seen.status);
        }
    }

    pub(crate) fn watch(&self, id: WorkspaceId) -> watch::Receiver<Seen> {
        self.lock().entry(id).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Forgets workspaces at rest that nobody waits for.
    pub(crate) fn sweep(&self) {
        self.lock().retain(|_, sender| {
            let rests = sender.borrow().as_ref().is_none_or(|seen| seen.state() == State::Stopped);
            sender.receiver_count() > 0 || !rests
        });
    }
}
