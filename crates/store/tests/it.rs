//! The store's tests over its public interface.

#[path = "it/conformance.rs"]
mod conformance;
#[path = "it/crash.rs"]
mod crash;
#[path = "it/sqlite.rs"]
mod sqlite;
