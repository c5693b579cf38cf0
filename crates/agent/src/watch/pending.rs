//! What one client has not been told yet.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use coditect_api::agent::{Change, ChangeKind, Event};

use crate::files::path;

/// Most changes that wait for one client; beyond, it is told to read everything again.
const CHANGES_MAX: usize = 2000;
/// Most failures that wait for one client.
const FAILURES_MAX: usize = 1024;

/// Changes, coalesced by path and in the order of their first mention.
#[derive(Default)]
pub(super) struct Pending {
    order: Vec<PathBuf>,
    kinds: HashMap<PathBuf, ChangeKind>,
    failures: VecDeque<(PathBuf, String)>,
    overflow: bool,
}

impl Pending {
    pub(super) fn change(&mut self, path: &Path, kind: ChangeKind) {
        if self.overflow {
            return;
        }
        if let Some(before) = self.kinds.get_mut(path) {
            *before = match (*before, kind) {
                // New to the client all the same.
                (ChangeKind::Created, ChangeKind::Modified) => ChangeKind::Created,
                // Removed and back again, as programs save that write a new file and rename it.
                (ChangeKind::Removed, ChangeKind::Created) => ChangeKind::Modified,
                (_, latest) => latest,
            };
        } else if self.order.len() == CHANGES_MAX {
            self.overflow();
        } else {
            self.order.push(path.to_owned());
            self.kinds.insert(path.to_owned(), kind);
        }
    }

    pub(super) fn overflow(&mut self) {
        self.order = Vec::new();
        self.kinds = HashMap::new();
        self.overflow = true;
    }

    pub(super) fn failed(&mut self, path: &Path, reason: &str) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push_back((path.to_owned(), reason.to_owned()));
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self) -> Option<Event> {
        if std::mem::take(&mut self.overflow) {
            return Some(Event::Overflow);
        }
        if let Some((failed, reason)) = self.failures.pop_front() {
            return Some(Event::WatchFailed { path: path::encode(&failed), reason });
        }
        if self.order.is_empty() {
            return None;
        }
        // Taken with their memory: an idle agent keeps no buffers.
        let kinds = std::mem::take(&mut self.kinds);
        let changes = std::mem::take(&mut self.order)
            .into_iter()
            .filter_map(|changed| kinds.get(&changed).map(|&kind| Change { path: path::encode(&changed), kind }))
            .collect();
        Some(Event::Changed { changes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(pending: &mut Pending) -> Vec<(String, ChangeKind)> {
        match pending.take() {
            Some(Event::Changed { changes }) => changes.into_iter().map(|change| (change.path, change.kind)).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn changes_of_one_path_become_one() {
        let mut pending = Pending::default();
        for kind in [ChangeKind::Created, ChangeKind::Modified, ChangeKind::Modified] {
            pending.change(Path::new("/a"), kind);
        }
        pending.change(Path::new("/b"), ChangeKind::Removed);
        pending.change(Path::new("/b"), ChangeKind::Created);
        pending.change(Path::new("/c"), ChangeKind::Created);
        pending.change(Path::new("/c"), ChangeKind::Removed);
        let expected = [("/a", ChangeKind::Created), ("/b", ChangeKind::Modified), ("/c", ChangeKind::Removed)];
        assert_eq!(kinds(&mut pending), expected.map(|(path, kind)| (path.to_owned(), kind)));
        assert_eq!(pending.take(), None);
    }

    #[test]
    fn too_many_changes_become_one_overflow() {
        let mut pending = Pending::default();
        for number in 0..=CHANGES_MAX {
            pending.change(&PathBuf::from(format!("/{number}")), ChangeKind::Created);
        }
        pending.change(Path::new("/later"), ChangeKind::Created);
        assert_eq!(pending.take(), Some(Event::Overflow));
        assert_eq!(pending.take(), None);
        pending.change(Path::new("/after"), ChangeKind::Created);
        assert_eq!(kinds(&mut pending).len(), 1);
    }
}
