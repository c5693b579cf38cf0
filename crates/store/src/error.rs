//! What can go wrong, and whether trying again helps.

use std::path::PathBuf;
use std::sync::Arc;

use crate::limits::{
    KEY_MAX_BYTES, RANGE_MAX_BYTES, TRANSACTION_MAX_AGE_MS, TRANSACTION_MAX_BYTES, VALUE_MAX_BYTES, WATCHES_MAX,
};

/// Why a store operation failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another transaction wrote what this one had read (FoundationDB 1020). Nothing was committed.
    #[error("another transaction changed the same data; try again")]
    Conflict,
    /// The snapshot is older than the store keeps (FoundationDB 1007). Nothing was committed.
    #[error("the transaction took longer than {TRANSACTION_MAX_AGE_MS} ms; try again with less work in it")]
    TooOld,
    /// The commit may or may not have happened (FoundationDB 1021).
    #[error("it is unknown whether the transaction was committed")]
    CommitUnknown,
    /// FoundationDB 2102.
    #[error("a key of {bytes} bytes is over the limit of {KEY_MAX_BYTES}")]
    KeyTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// FoundationDB 2103.
    #[error("a value of {bytes} bytes is over the limit of {VALUE_MAX_BYTES}")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// FoundationDB 2101.
    #[error("the transaction is over the limit of {TRANSACTION_MAX_BYTES} bytes; split it")]
    TransactionTooLarge,
    /// The answer would be larger than a reader may hold.
    #[error("the range holds more than {RANGE_MAX_BYTES} bytes; read it in pages with a limit")]
    RangeTooLarge,
    /// FoundationDB 2004: keys that begin with the byte 255 are not the application's.
    #[error("the key lies outside the key space (keys must sort before the byte 255)")]
    KeyOutsideSpace,
    /// FoundationDB 2005.
    #[error("the range ends before it begins")]
    InvertedRange,
    /// FoundationDB 1032.
    #[error("there are already {WATCHES_MAX} watches; drop some before adding another")]
    TooManyWatches,
    /// The transaction was committed or given up before.
    #[error("the transaction has ended; begin a new one")]
    Finished,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The disk or the file's size limit is full. Nothing was committed.
    #[error("the store has no space left; free disk space and try again")]
    Full,
    /// The engine failed; the store refuses work until it is opened again.
    #[error("the store's engine failed; see the log, mend the cause and restart")]
    Engine {
        /// What the engine said.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether running the transaction again may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict | Self::TooOld | Self::CommitUnknown)
    }

    /// Whether the transaction may have been committed in spite of this error.
    #[must_use]
    pub fn maybe_committed(&self) -> bool {
        matches!(self, Self::CommitUnknown)
    }

    /// Wraps an engine's error.
    pub fn engine(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Engine { source: Arc::new(source) }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or this one) has it open.
    #[error("the store {path} is in use by {}; stop it first", holder(.pid))]
    InUse {
        /// The store's file.
        path: PathBuf,
        /// The process, when it could be read.
        pid: Option<u32>,
    },
    /// A file could not be made, read or locked.
    #[error("cannot open {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{path} is not a Coditect store; move it away or name another path")]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error("the store {path} has format {found}, this version knows {known}; run the newer version")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The engine refused.
    #[error("cannot open the store {path}: {source}")]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the engine said.
        source: rusqlite::Error,
    },
    /// No thread could be started.
    #[error("cannot start the store's committer thread: {0}")]
    Thread(#[source] std::io::Error),
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
