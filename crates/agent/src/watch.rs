//! Watching directories for the events stream.

use std::path::PathBuf;

use coditect_api::agent::Event;

/// Watches directories on behalf of any number of subscriptions.
#[derive(Default)]
pub struct Watcher {}

/// One client's set of watched directories.
pub struct Subscription {}

impl Watcher {
    /// A watcher that holds nothing until the first directory is watched.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }

    /// A subscription without directories.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription {}
    }
}

impl Subscription {
    /// Replaces the watched directories.
    pub fn set(&mut self, _paths: Vec<PathBuf>) {}

    /// The next event.
    pub async fn next(&mut self) -> Event {
        std::future::pending().await
    }
}
