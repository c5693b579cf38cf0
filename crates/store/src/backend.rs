//! What a backend provides: snapshots to read from, commits that are checked, watches.
//!
//! Reading one's own writes, limits and retries live above it, in [`crate::Txn`] and [`crate::Store`], so that they
//! are the same everywhere.

use std::sync::Arc;

use crate::error::StoreError;
use crate::range::{KeyRange, Pair};
use crate::watch::Watch;
pub use crate::writes::{Write, WriteSet};

/// Counts commits. A snapshot at a version sees every commit up to it and none after.
pub type Version = u64;

/// A part of a range.
#[derive(Debug, Default)]
pub struct Chunk {
    /// In the order asked for.
    pub pairs: Vec<Pair>,
    /// Whether there may be more behind the last pair.
    pub more: bool,
}

/// The store as it was at one moment.
#[async_trait::async_trait]
pub trait Snapshot: Send + Sync {
    /// Which moment.
    fn version(&self) -> Version;
    /// The value of a key.
    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// The first (or, in reverse, last) pairs of a range. At most `limit` and never more than the backend thinks
    /// wise at once; `more` says that the caller has to ask again behind the last pair. Never empty with `more`.
    async fn range(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Chunk, StoreError>;
}

/// A key or range whose change since the snapshot forbids the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadConflict {
    /// One key.
    Key(Vec<u8>),
    /// A range.
    Range(KeyRange),
}

/// A transaction ready to be committed. Only made with writes in it.
pub struct Commit {
    /// What it read from; `None` if it read nothing.
    pub snapshot: Option<Arc<dyn Snapshot>>,
    /// What it read.
    pub reads: Vec<ReadConflict>,
    /// What it writes.
    pub writes: WriteSet,
    /// Bytes of keys and values written, about.
    pub bytes: usize,
}

/// An engine with optimistic transactions.
#[async_trait::async_trait]
pub trait Backend: Send + Sync + 'static {
    /// For logs and `/health`.
    fn name(&self) -> &'static str;
    /// The store as of now: sees every commit acknowledged before the call.
    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError>;
    /// Commits all writes or none, if nothing that was read has changed. Durable when it returns.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;
    /// Tells when the key's value next changes.
    fn watch(&self, key: &[u8]) -> Watch;
    /// Ends the store: waiting commits are finished, later calls answer [`StoreError::Closed`].
    async fn close(&self);
}
