//! The handle everything else holds: begins transactions, retries them, watches keys.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use coditect_model::ambient::Clock;

use crate::backend::Backend;
use crate::error::{OpenError, StoreError};
use crate::faulty::{FaultPlan, Faulty};
use crate::limits::{BACKOFF_FIRST_US, BACKOFF_MAX_US, TRANSACT_ATTEMPTS_MAX};
use crate::memory::Memory;
use crate::random::Random;
use crate::sqlite::{Sqlite, SqliteOptions};
use crate::txn::Txn;
use crate::watch::Watch;

/// A store. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    jitter: Random,
}

impl Store {
    /// A store over any backend.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        // Jitter has to differ between stores that contend, not to be secret: the start time does.
        let jitter = Random::new(clock.now().0.unsigned_abs());
        Self(Arc::new(Inner { backend, clock, jitter }))
    }

    /// An empty store in memory: for tests, and nothing outlives it.
    #[must_use]
    pub fn memory(clock: Arc<dyn Clock>) -> Self {
        Self::new(Arc::new(Memory::new(clock.clone())), clock)
    }

    /// Opens the SQLite file at `path`, and makes it if it is missing (mode 0600).
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another process has it open; the file cannot be used.
    pub fn open_sqlite(path: &Path, options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Ok(Self::new(Arc::new(Sqlite::open(path, options, clock.clone())?), clock))
    }

    /// This store seen through faults: conflicts and unknown outcomes that a seed decides. Tests only.
    #[must_use]
    pub fn faulty(&self, plan: FaultPlan) -> Self {
        Self::new(Arc::new(Faulty::new(self.0.backend.clone(), plan)), self.0.clock.clone())
    }

    /// Which backend, for logs and health reports.
    #[must_use]
    pub fn backend_name(&self) -> &'static str {
        self.0.backend.name()
    }

    /// A transaction to be committed by hand. Prefer [`Self::transact`], which retries.
    pub async fn begin(&self) -> Txn {
        Txn::new(self.0.backend.clone(), self.0.clock.clone())
    }

    /// Tells when the key's value next changes after this call. To wait for a value: watch, then read, then await.
    /// At most [`crate::limits::WATCHES_MAX`] at once; one more answers [`StoreError::TooManyWatches`].
    pub fn watch(&self, key: &[u8]) -> Watch {
        self.0.backend.watch(key)
    }

    /// Runs `body` and commits what it wrote; runs it again after a conflict, when it took too long, and when the
    /// commit's outcome is unknown. So the body must be idempotent, and everything new (ids, times) comes from outside.
    /// An error of the body ends the transaction without a commit, unless the transaction itself had met a retryable
    /// error by then (the body's error is a consequence then, and the body runs again).
    ///
    /// `name` is for the log.
    ///
    /// # Errors
    /// The body's error; or the store's, when it is not retryable or
    /// [`TRANSACT_ATTEMPTS_MAX`] attempts have failed.
    pub async fn transact<T, E, F, Fut>(&self, name: &'static str, body: F) -> Result<T, E>
    where
        F: Fn(Txn) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<StoreError> + Send,
    {
        let mut attempt = 1;
        loop {
            let txn = self.begin().await;
            let outcome = body(txn.clone()).await;
            let error = match (outcome, txn.failure()) {
                (Err(_), Some(failure)) if failure.is_retryable() => failure,
                (Err(error), _) => {
                    txn.finish();
                    return Err(error);
                }
                (Ok(value), _) => match txn.commit().await {
                    Ok(()) => return Ok(value),
                    Err(error) => error,
                },
            };
            txn.finish();
            if !error.is_retryable() || attempt >= TRANSACT_ATTEMPTS_MAX {
                if error.is_retryable() {
                    tracing::warn!(transaction = name, attempts = attempt, %error, "gave up retrying a transaction");
                }
                return Err(error.into());
            }
            tracing::debug!(transaction = name, attempt, %error, "retrying a transaction");
            drop(txn);
            self.pause(attempt).await;
            attempt += 1;
        }
    }

    /// Waits before the next attempt: a random part of a bound that doubles, so that rivals do not meet again.
    async fn pause(&self, attempt: u32) {
        let bound = BACKOFF_FIRST_US.saturating_mul(1 << attempt.min(20)).min(BACKOFF_MAX_US);
        tokio::time::sleep(Duration::from_micros(self.0.jitter.below(bound))).await;
    }

    /// Ends the store: finishes waiting commits, lets go of its files. Other clones answer
    /// [`StoreError::Closed`] from then on.
    pub async fn close(self) {
        self.0.backend.close().await;
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.backend_name()).finish()
    }
}
