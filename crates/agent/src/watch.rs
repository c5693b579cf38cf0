//! Watching directories for the events stream.
//!
//! **Invariants**: the inotify instance exists only while a directory is watched (a machine has few of them); one watch per
//! directory however many clients look at it; what waits for a slow client is bounded, and beyond the bound it is told to
//! read everything again; no system call that may wait runs on the runtime's thread.
//! **Not here**: the WebSocket (`routes`), recursion (a client watches the directories it shows).

mod kernel;
mod pending;
mod pump;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use coditect_api::agent::{ChangeKind, Event};
use tokio::sync::Notify;

use pending::Pending;

/// Most directories one client may watch.
pub const DIRECTORIES_MAX: usize = 512;

/// Watches directories on behalf of any number of subscriptions.
#[derive(Clone, Default)]
pub struct Watcher {
    shared: Arc<Shared>,
}

/// One client's set of watched directories.
pub struct Subscription {
    id: u64,
    shared: Arc<Shared>,
    ready: Arc<Notify>,
}

/// What subscriptions and the pump both look at.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the pump when what is wanted has changed.
    wanted: Notify,
}

#[derive(Default)]
struct State {
    clients: HashMap<u64, Client>,
    next_id: u64,
    pumping: bool,
}

struct Client {
    /// Since the pump last looked.
    asked: bool,
    wanted: Vec<PathBuf>,
    pending: Pending,
    ready: Arc<Notify>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it can leave it half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells every client that watches `directory`.
    fn tell(&mut self, directory: &Path, mut what: impl FnMut(&mut Pending)) {
        for client in self.clients.values_mut() {
            if client.wanted.iter().any(|wanted| wanted == directory) {
                what(&mut client.pending);
                client.ready.notify_one();
            }
        }
    }

    fn changed(&mut self, directory: &Path, path: &Path, kind: ChangeKind) {
        self.tell(directory, |pending| pending.change(path, kind));
    }

    fn overflow(&mut self) {
        for client in self.clients.values_mut() {
            client.pending.overflow();
            client.ready.notify_one();
        }
    }
}

impl Watcher {
    /// A watcher that holds nothing until the first directory is watched.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A subscription without directories.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let ready = Arc::new(Notify::new());
        let client = Client { asked: false, wanted: Vec::new(), pending: Pending::default(), ready: ready.clone() };
        let mut state = self.shared.lock();
        state.next_id += 1;
        let id = state.next_id;
        state.clients.insert(id, client);
        Subscription { id, shared: self.shared.clone(), ready }
    }
}

impl Subscription {
    /// Replaces the watched directories. Beyond [`DIRECTORIES_MAX`] they are refused, each with an event that says so.
    ///
    /// Must be called within a tokio runtime: the first directory starts the task that reads the kernel's events.
    pub fn set(&mut self, paths: Vec<PathBuf>) {
        let mut state = self.shared.lock();
        let Some(client) = state.clients.get_mut(&self.id) else { return };
        let mut wanted: Vec<PathBuf> = Vec::with_capacity(paths.len().min(DIRECTORIES_MAX));
        for path in paths {
            if wanted.len() == DIRECTORIES_MAX {
                client.pending.failed(&path, &format!("at most {DIRECTORIES_MAX} directories can be watched"));
                client.ready.notify_one();
            } else if !wanted.contains(&path) {
                wanted.push(path);
            }
        }
        client.wanted = wanted;
        client.asked = true;
        let starts = !state.pumping && state.clients.values().any(|client| !client.wanted.is_empty());
        state.pumping |= starts;
        drop(state);
        if starts {
            // Ends by itself when nothing is watched any more.
            tokio::spawn(pump::run(self.shared.clone()));
        }
        self.shared.wanted.notify_one();
    }

    /// The next event. Losing the future loses no event.
    pub async fn next(&mut self) -> Event {
        loop {
            let event = self.shared.lock().clients.get_mut(&self.id).and_then(|client| client.pending.take());
            match event {
                Some(event) => return event,
                None => self.ready.notified().await,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.lock().clients.remove(&self.id);
        self.shared.wanted.notify_one();
    }
}

#[cfg(test)]
mod tests;
