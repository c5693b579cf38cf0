//! The store's tests over its public interface.

#[cfg(test)]
#[path = "it/conformance.rs"]
mod conformance;
#[cfg(test)]
#[path = "it/crash.rs"]
mod crash;
#[cfg(test)]
#[path = "it/sqlite.rs"]
mod sqlite;
