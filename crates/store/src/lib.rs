//! The transactional key-value store: FoundationDB's contract, in every backend.
//!
//! A [`Store`] keeps ordered byte keys. [`Store::transact`] runs a body over a [`Txn`] and commits it with strict
//! serialisability: as if every transaction had happened alone, at one moment between its start and its end.
//! Conflicts are found at commit and retried; because a commit's outcome can be unknown, **bodies must be idempotent**:
//! identifiers and times are made before `transact`, never inside it.
//!
//! **Invariants**: the limits of [`limits`] hold in every backend, so that what works on a laptop works on
//! FoundationDB; an acknowledged commit is durable; every key the product uses is laid out in [`keys`].
//! **Not here**: what the values mean (crate `control`).

pub mod backend;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod faulty;
pub mod keys;
pub mod limits;
mod memory;
mod mvcc;
mod random;
mod range;
mod sqlite;
mod store;
pub mod tuple;
mod txn;
mod watch;
mod writes;

pub use error::{OpenError, StoreError};
pub use faulty::FaultPlan;
pub use range::{Key, KeyRange, Pair, RangeOptions};
pub use sqlite::SqliteOptions;
pub use store::Store;
pub use txn::Txn;
pub use watch::Watch;
