//! What is open under which login, so that it ends with the login.
//!
//! **Invariants**: something is registered here before it is asked whether its login is alive, so that no login can
//! end unnoticed between the question and the connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coditect_api::grant::Grant;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::authority::{Authority, GrantError};

type Key = (String, String);

#[derive(Debug)]
struct Open {
    token: CancellationToken,
    /// One of the grants it was opened with; they are alike in what is asked about them.
    grant: Grant,
    count: usize,
    number: u64,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<Key, Open>,
    numbers: u64,
}

/// All open requests and connections to workspaces, by login and workspace.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    table: Mutex<Table>,
}

/// Something that is open under a login.
#[derive(Debug)]
pub(crate) struct Guard {
    logins: Arc<Logins>,
    key: Key,
    number: u64,
    token: CancellationToken,
}

impl Guard {
    /// Fires when the login has ended.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut table = self.logins.lock();
        if let Some(open) = table.open.get_mut(&self.key)
            && open.number == self.number
        {
            open.count -= 1;
            if open.count == 0 {
                table.open.remove(&self.key);
            }
        }
    }
}

impl Logins {
    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a use of `grant`, if its login is alive.
    pub(crate) async fn admit(self: &Arc<Self>, authority: &dyn Authority, grant: &Grant) -> Result<Guard, GrantError> {
        let key = (grant.login.clone(), grant.workspace.clone());
        let guard = {
            let mut table = self.lock();
            let next = table.numbers + 1;
            let open = table.open.entry(key.clone()).or_insert_with(|| Open {
                token: CancellationToken::new(),
                grant: grant.clone(),
                count: 0,
                number: next,
            });
            open.count += 1;
            let guard = Guard { logins: Arc::clone(self), key, number: open.number, token: open.token.clone() };
            table.numbers = next;
            guard
        };
        if !authority.is_live(grant).await {
            self.cut(|key| *key == guard.key);
        }
        if guard.token.is_cancelled() { Err(GrantError::Ended) } else { Ok(guard) }
    }

    fn cut(&self, which: impl Fn(&Key) -> bool) {
        let mut table = self.lock();
        let keys: Vec<Key> = table.open.keys().filter(|key| which(key)).cloned().collect();
        for key in keys {
            if let Some(open) = table.open.remove(&key) {
                tracing::info!(login = %key.0, workspace = %key.1, open = open.count, "login ended: closing what it had open");
                open.token.cancel();
            }
        }
    }

    async fn recheck(&self, authority: &dyn Authority) {
        let grants: Vec<(Key, Grant)> =
            self.lock().open.iter().map(|(key, open)| (key.clone(), open.grant.clone())).collect();
        for (ended, grant) in grants {
            if !authority.is_live(&grant).await {
                self.cut(|key| *key == ended);
            }
        }
    }

    /// Follows the logins as they end, until `stop`.
    pub(crate) async fn follow(
        self: Arc<Self>,
        authority: Arc<dyn Authority>,
        mut ended: Receiver<coditect_model::id::LoginId>,
        every: Duration,
        stop: CancellationToken,
    ) {
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        interval.reset();
        let mut announced = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => self.recheck(&*authority).await,
                news = ended.recv(), if announced => match news {
                    Ok(login) => {
                        let login = login.to_string();
                        self.cut(|key| key.0 == login);
                    }
                    Err(RecvError::Lagged(_)) => self.recheck(&*authority).await,
                    Err(RecvError::Closed) => announced = false,
                },
            }
        }
    }
}
