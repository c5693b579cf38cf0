//! The thread that commits: takes what waits, makes one engine commit of it, answers everyone.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::SqliteOptions;
use super::engine::{Readers, Writing, store_error};
use crate::backend::Commit;
use crate::error::StoreError;
use crate::mvcc::Mvcc;

/// Bytes of writes after which a group takes no more jobs, so that one commit does not hold everyone up for long.
const GROUP_MAX_BYTES: usize = 16 << 20;

/// One transaction, and who waits for it.
pub(super) struct Job {
    pub(super) commit: Commit,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

impl Job {
    fn answer(self, outcome: Result<(), StoreError>) {
        // The caller may have gone; its transaction stands all the same.
        let _ = self.done.send(outcome);
    }
}

pub(super) struct Committer {
    writer: Connection,
    mvcc: Arc<Mvcc<Readers>>,
    options: SqliteOptions,
    wal: PathBuf,
    /// The error after which the file's state is not known: nothing is written any more.
    broken: Option<StoreError>,
}

impl Committer {
    pub(super) fn new(writer: Connection, mvcc: Arc<Mvcc<Readers>>, options: SqliteOptions, wal: PathBuf) -> Self {
        Self { writer, mvcc, options, wal, broken: None }
    }

    /// Commits until every sender has gone and nothing waits.
    pub(super) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut bytes = first.commit.bytes;
            let mut group = vec![first];
            while group.len() < self.options.group_max && bytes < GROUP_MAX_BYTES {
                let Ok(job) = jobs.try_recv() else { break };
                bytes += job.commit.bytes;
                group.push(job);
            }
            self.commit(group);
            self.bound_log();
        }
        let Self { writer, .. } = self;
        if let Err((_, error)) = writer.close() {
            tracing::error!(%error, "closing the store failed; it will be recovered when it is next opened");
        }
    }

    fn commit(&mut self, group: Vec<Job>) {
        if let Some(broken) = &self.broken {
            for job in group {
                job.answer(Err(broken.clone()));
            }
            return;
        }
        let one = group.len() == 1;
        let outcomes = match self.apply(&group) {
            Ok(outcomes) => outcomes,
            // One job's failure takes the engine's transaction down for all: alone, each meets its own fate.
            Err(_) if !one => {
                for job in group {
                    self.commit(vec![job]);
                }
                return;
            }
            Err(error) => {
                self.suspect(&error);
                vec![Err(error)]
            }
        };
        for (job, outcome) in group.into_iter().zip(outcomes) {
            job.answer(outcome);
        }
    }

    /// Checks and writes a group. An error says that nothing of it was committed.
    fn apply(&mut self, group: &[Job]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        self.begin().map_err(store_error)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for job in group {
            match self.mvcc.apply(&mut Writing(&self.writer), &job.commit) {
                Err(error @ (StoreError::Conflict | StoreError::TooOld)) => outcomes.push(Err(error)),
                Err(error) => {
                    self.roll_back();
                    return Err(error);
                }
                Ok(()) => outcomes.push(Ok(())),
            }
        }
        let commit = self.writer.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(error) = commit {
            let error = store_error(error);
            self.roll_back();
            if matches!(error, StoreError::Full) {
                // A write of the log fell short. What marks a commit is written last, so this one is not marked.
                return Err(error);
            }
            // The mark may have reached the disk before the error (a failed sync): after a crash it would count.
            tracing::error!(%error, "a commit of the store failed; its outcome is unknown");
            self.suspect(&error);
            let unknown = |outcome: Result<(), StoreError>| outcome.and(Err(StoreError::CommitUnknown));
            return Ok(outcomes.into_iter().map(unknown).collect());
        }
        self.mvcc.publish();
        Ok(outcomes)
    }

    /// Waits for as long as a tool from outside holds the write lock: no harm is done, and a person can end it.
    fn begin(&self) -> rusqlite::Result<()> {
        loop {
            match self.writer.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])) {
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                    tracing::warn!("another program holds a write lock on the store's file; commits wait for it");
                }
                other => return other.map(drop),
            }
        }
    }

    fn roll_back(&mut self) {
        // Some errors end SQLite's transaction by themselves.
        if !self.writer.is_autocommit()
            && let Err(error) = self.writer.execute_batch("ROLLBACK")
        {
            self.suspect(&store_error(error));
        }
        self.mvcc.abort();
    }

    /// After an error of the disk or in the file, writing on could make it worse.
    fn suspect(&mut self, error: &StoreError) {
        if let StoreError::Engine { source } = error {
            tracing::error!(error = %source, "the store's engine failed; it refuses commits until it is opened again");
            self.broken = Some(error.clone());
        }
    }

    /// Empties the log once it is too long. SQLite does so by itself, but only in a moment without readers, and under
    /// steady load there may be none.
    fn bound_log(&mut self) {
        let length = std::fs::metadata(&self.wal).map_or(0, |wal| wal.len());
        if length <= self.options.wal_max_bytes || self.broken.is_some() {
            return;
        }
        let readers = self.mvcc.engine.exclude();
        let emptied = self.writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        drop(readers);
        match emptied {
            Ok(0) => {}
            Ok(_) => tracing::warn!(length, "another program reads the store's file and keeps its log from shrinking"),
            Err(error) => {
                let error = store_error(error);
                tracing::error!(%error, "emptying the store's log failed");
                self.suspect(&error);
            }
        }
    }
}
