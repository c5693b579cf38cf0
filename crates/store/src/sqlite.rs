//! The backend on one machine: a SQLite file with a write-ahead log, every commit synced to the disk.
//!
//! One thread commits. It takes whatever waits (up to [`SqliteOptions::group_max`]) into one engine commit, so that
//! one sync pays for many transactions. Readers read the newest state over connections of their own, for
//! microseconds at a time; what is newer than their snapshot is undone in memory ([`crate::mvcc`]). Holding SQLite
//! read transactions instead would need a connection per transaction, and would keep the log from ever being reset
//! under steady load: a checkpoint has to find a moment without readers.
//!
//! **Invariants**: one process has the file open (a lock beside it); a commit is acknowledged after the engine's
//! commit returned, and before any other transaction can see it.

mod committer;
mod engine;
mod file;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use coditect_model::ambient::Clock;
use tokio::sync::{mpsc, oneshot};

use crate::backend::{Backend, Commit, Snapshot};
use crate::error::{OpenError, StoreError};
use crate::limits::COMMIT_QUEUE;
use crate::mvcc::Mvcc;
use crate::watch::Watch;
use committer::{Committer, Job};
use engine::Readers;

/// How to run the SQLite backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Most transactions in one engine commit; 1 for one sync each.
    pub group_max: usize,
    /// Connections that read.
    pub readers: usize,
    /// Largest write-ahead log in bytes. Past it, reads wait for a checkpoint that empties the log.
    pub wal_max_bytes: u64,
    /// Largest database in bytes, without the log; a write beyond it answers [`StoreError::Full`].
    pub max_bytes: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { group_max: 256, readers: 4, wal_max_bytes: 64 << 20, max_bytes: None }
    }
}

pub(crate) struct Sqlite {
    mvcc: Arc<Mvcc<Readers>>,
    running: Mutex<Option<Running>>,
    /// Resolves for everyone once the committer has ended.
    ended: tokio::sync::watch::Receiver<()>,
}

/// What there is until the store is closed.
struct Running {
    queue: mpsc::Sender<Job>,
    committer: JoinHandle<()>,
    /// Let go of last: the file may be opened again then.
    lock: file::Lock,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (path, lock) = file::create_and_lock(path)?;
        let writer = file::open_writer(&path, &options)?;
        let readers = (0..options.readers.max(1)).map(|_| file::open_reader(&path)).collect::<Result<Vec<_>, _>>()?;
        let mvcc = Arc::new(Mvcc::new(Readers::new(readers), clock));
        let (queue, jobs) = mpsc::channel(COMMIT_QUEUE);
        let (alive, ended) = tokio::sync::watch::channel(());
        let committer = Committer::new(writer, mvcc.clone(), options, file::wal_of(&path));
        let committer = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || {
                committer.run(jobs);
                drop(alive);
            })
            .map_err(OpenError::Thread)?;
        Ok(Self { mvcc, running: Mutex::new(Some(Running { queue, committer, lock })), ended })
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // An option is never half written, so a panic elsewhere does not spoil it.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops taking work. The committer ends once it has done what waits.
    fn stop(&self) -> Option<(JoinHandle<()>, file::Lock)> {
        self.mvcc.close();
        // Before the writer, which is the last connection then: SQLite empties and removes the log with it.
        self.mvcc.engine.close();
        let Running { queue, committer, lock } = self.running().take()?;
        drop(queue);
        Some((committer, lock))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if let Some((committer, lock)) = self.stop() {
            // A committer that panicked has nothing left to close; the panic was reported when it happened.
            let _ = committer.join();
            drop(lock);
        }
    }
}

#[async_trait::async_trait]
impl Backend for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.mvcc.snapshot()
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let queue = self.running().as_ref().map(|running| running.queue.clone()).ok_or(StoreError::Closed)?;
        let (done, outcome) = oneshot::channel();
        queue.send(Job { commit, done }).await.map_err(|_| StoreError::Closed)?;
        drop(queue);
        // No answer: the committer died with the job in its hands.
        outcome.await.unwrap_or(Err(StoreError::CommitUnknown))
    }

    fn watch(&self, key: &[u8]) -> Watch {
        self.mvcc.watch(key)
    }

    async fn close(&self) {
        let stopped = self.stop();
        let mut ended = self.ended.clone();
        // The sender never sends: an answer means that it was dropped at the thread's end.
        while ended.changed().await.is_ok() {}
        if let Some((committer, lock)) = stopped {
            // It has ended, so this does not block; for a panic see `drop`.
            let _ = committer.join();
            drop(lock);
        }
    }
}
