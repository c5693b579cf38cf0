//! The statements: reading over a few shared connections, writing over the committer's own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::error::StoreError;
use crate::mvcc::{Engine, Writer};
use crate::range::{KeyRange, Pair};

const GET: &str = "SELECT value FROM kv WHERE key = ?1";
const ASCENDING: &str = "SELECT key, value FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3";
const DESCENDING: &str = "SELECT key, value FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3";
const PUT: &str = "INSERT INTO kv(key, value) VALUES (?1, ?2) ON CONFLICT(key) DO UPDATE SET value = excluded.value";
const DELETE: &str = "DELETE FROM kv WHERE key = ?1";

/// Sorts an engine error: a full disk is the operator's to mend while we run on, everything else is not.
pub(super) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::engine(error),
    }
}

fn get(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached(GET)?.query_row([key], |row| row.get(0)).optional()
}

fn range(connection: &Connection, range: &KeyRange, limit: usize, reverse: bool) -> rusqlite::Result<Vec<Pair>> {
    let mut statement = connection.prepare_cached(if reverse { DESCENDING } else { ASCENDING })?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((&range.begin, &range.end, limit), |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Connections for reads. Each is held for one statement; `None` once closed.
pub(crate) struct Readers {
    slots: Vec<Mutex<Option<Connection>>>,
    next: AtomicUsize,
}

type Slot<'a> = MutexGuard<'a, Option<Connection>>;

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self { slots: connections.into_iter().map(|c| Mutex::new(Some(c))).collect(), next: AtomicUsize::new(0) }
    }

    fn slot(&self) -> Slot<'_> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        let (before, from) = self.slots.split_at(first);
        let free = from.iter().chain(before).find_map(|slot| slot.try_lock().ok());
        // A panic between statements leaves no statement half done: the connection is as good as before.
        free.unwrap_or_else(|| self.slots[first].lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let slot = self.slot();
        read(slot.as_ref().ok_or(StoreError::Closed)?).map_err(store_error)
    }

    /// Keeps all reads out for as long as the answer lives.
    pub(super) fn exclude(&self) -> Vec<Slot<'_>> {
        self.slots.iter().map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    pub(super) fn close(&self) {
        for mut slot in self.exclude() {
            *slot = None;
        }
    }
}

impl Engine for Readers {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|connection| get(connection, key))
    }
    fn range(&self, keys: &KeyRange, limit: usize, reverse: bool) -> Result<Vec<Pair>, StoreError> {
        self.with(|connection| range(connection, keys, limit, reverse))
    }
}

/// The committer's connection, inside a transaction.
pub(super) struct Writing<'a>(pub(super) &'a Connection);

impl Writer for Writing<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        get(self.0, key).map_err(store_error)
    }
    fn range(&mut self, keys: &KeyRange, limit: usize) -> Result<Vec<Pair>, StoreError> {
        range(self.0, keys, limit, false).map_err(store_error)
    }
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let put = || self.0.prepare_cached(PUT)?.execute((key, value));
        put().map(drop).map_err(store_error)
    }
    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let delete = || self.0.prepare_cached(DELETE)?.execute([key]);
        delete().map(drop).map_err(store_error)
    }
}
