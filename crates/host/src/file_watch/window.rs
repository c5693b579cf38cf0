//! What happens to files within one window of time, as few reports: operations of one kind and source in one directory
//! are one report that counts them and lists some names.
//!
//! **Invariants**: memory and reports are bounded however many operations, directories and names there are; every
//! operation is counted in exactly one report.

use std::collections::HashMap;

use coditect_model::ambient::Timestamp;
use coditect_model::audit::files::{FileReport, Source};
use coditect_model::audit::{Action, NAMES_MAX};
use coditect_model::id::WorkspaceId;

/// Reports of one window that name their directory; what happens elsewhere is counted for each action and source.
pub(crate) const DIRECTORIES_MAX: usize = 16;
/// Names of processes in one report.
const PROCESSES_MAX: usize = 3;

const GONE: &str = "the directory is gone, or could not be told";
const ELSEWHERE: &str = "in other directories of the same time: only the first 16 are listed";

/// One operation.
pub(crate) struct Operation<'a> {
    pub(crate) at: Timestamp,
    pub(crate) action: Action,
    pub(crate) source: Source,
    pub(crate) process: &'a str,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    action: Action,
    source: Source,
    /// Which directory; none for all that are not listed.
    directory: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Bucket {
    since: Timestamp,
    until: Timestamp,
    directory: Option<String>,
    processes: Vec<String>,
    more_processes: bool,
    names: Vec<String>,
    count: u64,
}

/// The operations of one window.
#[derive(Debug)]
pub(crate) struct Window {
    workspace: WorkspaceId,
    buckets: HashMap<Key, Bucket>,
    listed: usize,
    lost: Option<Timestamp>,
}

impl Window {
    pub(crate) fn new(workspace: WorkspaceId) -> Self {
        Self { workspace, buckets: HashMap::new(), listed: 0, lost: None }
    }

    /// Events were lost.
    pub(crate) fn lose(&mut self, at: Timestamp) {
        self.lost.get_or_insert(at);
    }

    /// Counts an operation. `directory` says where a directory is, and is asked once for each; `name` is asked for as long
    /// as names are listed.
    pub(crate) fn add(
        &mut self,
        operation: &Operation<'_>,
        directory_key: Vec<u8>,
        directory: impl FnOnce() -> Option<String>,
        name: impl FnOnce() -> String,
    ) {
        let Operation { at, action, source, process } = *operation;
        let mut key = Key { action, source, directory: Some(directory_key) };
        let known = self.buckets.contains_key(&key);
        let listed = known || self.listed < DIRECTORIES_MAX;
        if !listed {
            key.directory = None;
        } else if !known {
            self.listed += 1;
        }
        let bucket = self.buckets.entry(key).or_insert_with(|| Bucket {
            since: at,
            until: at,
            directory: if listed { directory() } else { None },
            processes: Vec::new(),
            more_processes: false,
            names: Vec::new(),
            count: 0,
        });
        bucket.until = bucket.until.max(at);
        bucket.count += 1;
        if !bucket.processes.iter().any(|known| known == process) {
            if bucket.processes.len() < PROCESSES_MAX {
                bucket.processes.push(process.to_owned());
            } else {
                bucket.more_processes = true;
            }
        }
        if listed && bucket.names.len() < NAMES_MAX {
            let name = name();
            if !bucket.names.contains(&name) {
                bucket.names.push(name);
            }
        }
    }

    /// The reports of this window, which begins anew.
    pub(crate) fn take(&mut self) -> Vec<FileReport> {
        self.listed = 0;
        let mut reports: Vec<FileReport> = self
            .buckets
            .drain()
            .map(|(key, mut bucket)| {
                if bucket.more_processes {
                    bucket.processes.push("…".to_owned());
                }
                let note = match (&key.directory, &bucket.directory) {
                    (None, _) => Some(ELSEWHERE),
                    (Some(_), None) => Some(GONE),
                    (Some(_), Some(_)) => None,
                };
                FileReport {
                    workspace: self.workspace,
                    action: key.action,
                    since: bucket.since,
                    until: bucket.until,
                    source: Some(key.source),
                    process: Some(bucket.processes.join(", ")),
                    directory: bucket.directory,
                    names: bucket.names,
                    count: bucket.count,
                    note,
                }
            })
            .collect();
        reports.sort_by(|a, b| {
            (a.since, a.action.as_str(), &a.directory).cmp(&(b.since, b.action.as_str(), &b.directory))
        });
        if let Some(at) = self.lost.take() {
            reports.push(FileReport {
                note: Some("too much at once: the kernel dropped operations before they could be counted"),
                ..about(self.workspace, Action::FilesLost, at)
            });
        }
        reports
    }
}

/// A report about the watching itself.
pub(crate) fn about(workspace: WorkspaceId, action: Action, at: Timestamp) -> FileReport {
    FileReport {
        workspace,
        action,
        since: at,
        until: at,
        source: None,
        process: None,
        directory: None,
        names: Vec::new(),
        count: 0,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: WorkspaceId = WorkspaceId::from_bytes([1; 16]);

    fn add(window: &mut Window, at: i64, action: Action, process: &str, directory: u32, name: &str) {
        let operation = Operation { at: Timestamp(at), action, source: Source::Program, process };
        let path = move || Some(format!("/workspace/{directory}"));
        window.add(&operation, directory.to_ne_bytes().to_vec(), path, || name.to_owned());
    }

    #[test]
    fn a_great_many_operations_are_few_reports_with_the_right_counts() {
        let mut window = Window::new(W);
        for n in 0..100_000 {
            add(&mut window, n, Action::FileCreated, "make", u32::try_from(n % 500).unwrap(), &format!("f{n}"));
        }
        let reports = window.take();
        assert_eq!(reports.len(), DIRECTORIES_MAX + 1);
        assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), 100_000);
        let rest = reports.iter().find(|report| report.directory.is_none()).unwrap();
        assert_eq!((rest.count, rest.note, rest.names.len()), ((500 - 16) * 200, Some(ELSEWHERE), 0));
        let first = &reports[0];
        assert_eq!((first.count, first.names.len()), (200, NAMES_MAX));
        assert_eq!((first.since, first.until), (Timestamp(0), Timestamp(99_500)));
        assert!(window.take().is_empty());
    }

    #[test]
    fn kinds_are_told_apart_and_names_are_not_repeated() {
        let mut window = Window::new(W);
        for process in ["sh", "sh", "vi", "python3", "node", "ruby"] {
            add(&mut window, 5, Action::FileModified, process, 1, "same");
        }
        add(&mut window, 6, Action::FileDeleted, "rm", 1, "same");
        window.lose(Timestamp(7));
        let reports = window.take();
        assert_eq!(reports.len(), 3);
        assert_eq!((reports[0].count, &reports[0].names), (6, &vec!["same".to_owned()]));
        assert_eq!(reports[0].process.as_deref(), Some("sh, vi, python3, …"));
        assert_eq!(reports[1].action, Action::FileDeleted);
        assert_eq!((reports[2].action, reports[2].source), (Action::FilesLost, None));
    }

    #[test]
    fn however_hostile_the_reports_are_bounded() {
        let mut window = Window::new(W);
        for n in 0..20_000_u32 {
            for action in [
                Action::FileCreated,
                Action::FileModified,
                Action::FileRenamed,
                Action::FileDeleted,
                Action::FileAttributes,
            ] {
                add(&mut window, 1, action, &n.to_string(), n, &"x".repeat(255));
            }
        }
        let reports = window.take();
        assert!(reports.len() <= DIRECTORIES_MAX + 5, "{}", reports.len());
        assert_eq!(reports.iter().map(|report| report.count).sum::<u64>(), 100_000);
    }
}
