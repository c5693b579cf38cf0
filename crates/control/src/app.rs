//! Decisions: who may do what, and what a request changes, each in one store transaction.
//!
//! **Invariants**: ids, times and secrets are made before a transaction's retry loop, and bodies are idempotent; the
//! right to do something is read from the store in the transaction that does it, never believed from the token alone.

pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod authority;
pub(crate) mod grant;
pub(crate) mod health;
pub(crate) mod invitation;
pub(crate) mod login;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod signing_key;
pub(crate) mod slots;
pub(crate) mod tier;
pub(crate) mod user;
pub(crate) mod wake;
pub(crate) mod workspace;

/// Entries of one page of a list, at most.
pub(crate) const PAGE_MAX: usize = 200;
/// Entries of one page when the caller does not say.
pub(crate) const PAGE_DEFAULT: usize = 50;
