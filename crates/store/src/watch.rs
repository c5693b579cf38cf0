//! Watches: told once when a key's value changes.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::limits::WATCHES_MAX;

/// Resolves when the watched key's value has changed since [`crate::Store::watch`] was called. It may also resolve
/// without a change (read the key again), never miss one. Dropping it ends the watch.
#[must_use = "a watch does nothing unless awaited"]
#[derive(Debug)]
pub struct Watch {
    told: oneshot::Receiver<Result<(), StoreError>>,
    _registration: Option<Registration>,
}

impl Watch {
    /// A watch and the means to fire it, for a backend.
    pub fn channel() -> (oneshot::Sender<Result<(), StoreError>>, Self) {
        let (tell, told) = oneshot::channel();
        (tell, Self { told, _registration: None })
    }

    pub(crate) fn failed(error: StoreError) -> Self {
        let (tell, watch) = Self::channel();
        // The receiver is in `watch`, so it is there.
        let _ = tell.send(Err(error));
        watch
    }
}

impl Future for Watch {
    type Output = Result<(), StoreError>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = ready!(Pin::new(&mut self.told).poll(context));
        Poll::Ready(told.unwrap_or(Err(StoreError::Closed)))
    }
}

#[derive(Debug)]
struct Registration {
    watches: Weak<Watches>,
    key: Arc<[u8]>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(watches) = self.watches.upgrade() {
            watches.forget(&self.key, self.number);
        }
    }
}

type Teller = oneshot::Sender<Result<(), StoreError>>;

/// The watches of one store.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    by_key: HashMap<Arc<[u8]>, Vec<(u64, Teller)>>,
    count: usize,
    next: u64,
    closed: bool,
}

impl Watches {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.0.lock().expect("nothing panics while it holds the watches")
    }

    pub(crate) fn watch(self: &Arc<Self>, key: &[u8]) -> Watch {
        let mut table = self.table();
        if table.closed {
            return Watch::failed(StoreError::Closed);
        }
        if table.count >= WATCHES_MAX {
            return Watch::failed(StoreError::TooManyWatches);
        }
        let (tell, mut watch) = Watch::channel();
        let (key, number): (Arc<[u8]>, u64) = (key.into(), table.next);
        table.next += 1;
        table.count += 1;
        table.by_key.entry(key.clone()).or_default().push((number, tell));
        watch._registration = Some(Registration { watches: Arc::downgrade(self), key, number });
        watch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table().count == 0
    }

    pub(crate) fn fire(&self, key: &[u8]) {
        let mut table = self.table();
        let Some(tellers) = table.by_key.remove(key) else { return };
        table.count -= tellers.len();
        drop(table);
        for (_, tell) in tellers {
            // A watcher that has gone meanwhile needs no telling.
            let _ = tell.send(Ok(()));
        }
    }

    pub(crate) fn fire_all(&self) {
        self.drain(&Ok(()));
    }

    /// Ends every watch, and refuses new ones.
    pub(crate) fn close(&self) {
        self.table().closed = true;
        self.drain(&Err(StoreError::Closed));
    }

    fn drain(&self, told: &Result<(), StoreError>) {
        let mut table = self.table();
        let tellers = std::mem::take(&mut table.by_key);
        table.count = 0;
        drop(table);
        for (_, tell) in tellers.into_values().flatten() {
            // A watcher that has gone meanwhile needs no telling.
            let _ = tell.send(told.clone());
        }
    }

    fn forget(&self, key: &[u8], number: u64) {
        let mut table = self.table();
        let Some(tellers) = table.by_key.get_mut(key) else { return };
        let before = tellers.len();
        tellers.retain(|(other, _)| *other != number);
        let gone = before - tellers.len();
        if tellers.is_empty() {
            table.by_key.remove(key);
        }
        table.count -= gone;
    }
}
