//! What Coditect's words mean, as values: identifiers, names, tiers, workspaces, sessions, and the pure
//! decisions taken over them.
//!
//! **Invariants**: no I/O, no clock, no randomness, no async. `now` is always an argument.
//! **Not here**: the wire (crate `api`), keys and records (crates `store` and `control`).

pub mod ambient;
pub mod audit;
pub mod id;
pub mod name;
pub mod reconcile;
pub mod role;
pub mod tier;
pub mod warm;
pub mod workspace;
