//! The backend without a disk: a sorted map. The reference for what the others must do, and the quickest for tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, RwLock};

use coditect_model::ambient::Clock;

use crate::backend::{Backend, Commit, Snapshot};
use crate::error::StoreError;
use crate::mvcc::{Engine, Mvcc, Writer};
use crate::range::{KeyRange, Pair};
use crate::watch::Watch;

type Map = Arc<RwLock<BTreeMap<Vec<u8>, Vec<u8>>>>;

const UNPOISONED: &str = "nothing panics while it holds the map";

pub(crate) struct Memory {
    mvcc: Arc<Mvcc<Map>>,
    /// Commits happen one after the other; the flag says that the store is closed.
    writer: Mutex<bool>,
}

impl Memory {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { mvcc: Arc::new(Mvcc::new(Map::default(), clock)), writer: Mutex::new(false) }
    }
}

fn pairs(map: &BTreeMap<Vec<u8>, Vec<u8>>, range: &KeyRange, limit: usize, reverse: bool) -> Vec<Pair> {
    if range.is_empty() {
        return Vec::new();
    }
    let bounds = (Bound::Included(range.begin.as_slice()), Bound::Excluded(range.end.as_slice()));
    let pairs = map.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone()));
    if reverse { pairs.rev().take(limit).collect() } else { pairs.take(limit).collect() }
}

impl Engine for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().expect(UNPOISONED).get(key).cloned())
    }
    fn range(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Vec<Pair>, StoreError> {
        Ok(pairs(&self.read().expect(UNPOISONED), range, limit, reverse))
    }
}

/// Writes show at once, key by key. That is allowed: the window has their undo by then.
struct Direct<'a>(&'a Map);

impl Writer for Direct<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Engine::get(self.0, key)
    }
    fn range(&mut self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, StoreError> {
        Engine::range(self.0, range, limit, false)
    }
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.0.write().expect(UNPOISONED).insert(key.to_vec(), value.to_vec());
        Ok(())
    }
    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.0.write().expect(UNPOISONED).remove(key);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Backend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        self.mvcc.snapshot()
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let closed = self.writer.lock().expect(UNPOISONED);
        if *closed {
            return Err(StoreError::Closed);
        }
        self.mvcc.apply(&mut Direct(&self.mvcc.engine), &commit)?;
        self.mvcc.publish();
        Ok(())
    }

    fn watch(&self, key: &[u8]) -> Watch {
        self.mvcc.watch(key)
    }

    async fn close(&self) {
        *self.writer.lock().expect(UNPOISONED) = true;
        self.mvcc.close();
    }
}
