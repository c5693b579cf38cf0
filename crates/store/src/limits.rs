//! Every limit of the store, with its unit. Those of the contract are FoundationDB's.
//!
//! Source: <https://apple.github.io/foundationdb/known-limitations.html>, checked against a 7.3 server.

/// Longest key in bytes.
pub const KEY_MAX_BYTES: usize = 10_000;
/// Longest value in bytes.
pub const VALUE_MAX_BYTES: usize = 100_000;
/// Largest transaction in bytes: keys and values written, and the bounds of what was read and written.
pub const TRANSACTION_MAX_BYTES: usize = 10_000_000;
/// Oldest snapshot a transaction may read from or commit against, in milliseconds.
pub const TRANSACTION_MAX_AGE_MS: i64 = 5_000;
/// First key that is not the application's: keys from here on are the system's in FoundationDB.
pub const KEY_SPACE_END: &[u8] = b"\xff";
/// Most bytes one range read answers. A longer range is read in pages ([`crate::RangeOptions::limit`]).
pub const RANGE_MAX_BYTES: usize = 10_000_000;
/// Most watches at once in one store.
pub const WATCHES_MAX: usize = 10_000;
/// How often [`crate::Store::transact`] runs a body before it hands the last error to the caller.
pub const TRANSACT_ATTEMPTS_MAX: u32 = 64;
/// Longest pause between two attempts, in microseconds; the first is at most [`BACKOFF_FIRST_US`].
pub const BACKOFF_MAX_US: u64 = 100_000;
/// Longest pause before the second attempt, in microseconds.
pub const BACKOFF_FIRST_US: u64 = 500;

/// Most bytes of overwritten values kept for snapshots that are still read. Beyond it the oldest snapshots end early.
pub(crate) const WINDOW_MAX_BYTES: usize = 256 << 20;
/// Pairs fetched from an engine at a time, so that a long range never blocks other readers for long.
pub(crate) const CHUNK_PAIRS: usize = 512;
/// Commits that may wait for the committer; one more waits outside.
pub(crate) const COMMIT_QUEUE: usize = 1024;
