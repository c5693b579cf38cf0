//! Logins that ended while tokens of theirs could still be verified offline.
//!
//! **Invariants**: a login is in here from the moment its end is committed until its last token has expired; the store
//! holds the same, so a restart forgets none.

use std::collections::HashMap;
use std::sync::Mutex;

use coditect_model::ambient::Timestamp;
use coditect_model::id::LoginId;
use tokio::sync::broadcast;

/// Ends told to listeners that have not caught up; a listener that lags re-checks everything it holds.
const BACKLOG: usize = 1024;

/// The set and its announcements.
pub(crate) struct Revoked {
    until: Mutex<HashMap<LoginId, Timestamp>>,
    announce: broadcast::Sender<LoginId>,
}

impl Revoked {
    pub(crate) fn new() -> Self {
        Self { until: Mutex::new(HashMap::new()), announce: broadcast::channel(BACKLOG).0 }
    }

    /// Remembers an ended login and tells the listeners.
    pub(crate) fn add(&self, login: LoginId, until: Timestamp) {
        self.until.lock().expect("no code panics while it holds this lock").insert(login, until);
        // Nobody listening is fine: there is no connection to cut then.
        let _ = self.announce.send(login);
    }

    pub(crate) fn contains(&self, login: LoginId) -> bool {
        self.until.lock().expect("no code panics while it holds this lock").contains_key(&login)
    }

    /// Forgets those whose tokens have all expired.
    pub(crate) fn sweep(&self, now: Timestamp) {
        self.until.lock().expect("no code panics while it holds this lock").retain(|_, until| *until > now);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<LoginId> {
        self.announce.subscribe()
    }
}
