//! The window's bounds, which no caller can see.

use std::collections::BTreeMap;

use super::*;
use crate::backend::WriteSet;
use crate::conformance::ManualClock;

#[derive(Default)]
struct Map(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Engine for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }
    fn range(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Vec<Pair>, StoreError> {
        assert!(!reverse, "not used here");
        let map = self.0.lock().unwrap();
        let pairs = map.range(range.begin.clone()..range.end.clone()).take(limit);
        Ok(pairs.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// Fails at a key of the test's choice, after what came before it was written.
struct Direct<'a>(&'a Map, Option<&'a [u8]>);

impl Writer for Direct<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(key)
    }
    fn range(&mut self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, StoreError> {
        self.0.range(range, limit, false)
    }
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.1 == Some(key) {
            return Err(StoreError::Full);
        }
        self.0.0.lock().unwrap().insert(key.to_vec(), value.to_vec());
        Ok(())
    }
    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.0.0.lock().unwrap().remove(key);
        Ok(())
    }
}

struct Bench {
    mvcc: Arc<Mvcc<Map>>,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn new(bytes_max: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { mvcc: Arc::new(Mvcc::bounded(Map::default(), clock.clone(), bytes_max)), clock }
    }

    fn apply(&self, write: impl FnOnce(&mut WriteSet), fail_at: Option<&[u8]>) -> Result<(), StoreError> {
        let mut writes = WriteSet::default();
        write(&mut writes);
        let commit = Commit { snapshot: None, reads: Vec::new(), writes, bytes: 0 };
        self.mvcc.apply(&mut Direct(&self.mvcc.engine, fail_at), &commit)
    }

    fn commit(&self, write: impl FnOnce(&mut WriteSet)) {
        self.apply(write, None).unwrap();
        self.mvcc.publish();
    }

    fn entries(&self) -> usize {
        self.mvcc.window().undo.values().map(VecDeque::len).sum()
    }

    fn bytes(&self) -> usize {
        self.mvcc.window().bytes
    }
}

#[tokio::test]
async fn nothing_is_kept_without_a_snapshot_that_needs_it() {
    let bench = Bench::new(1 << 20);
    for n in 0..100_u8 {
        bench.commit(|writes| writes.set(b"hot", &[n]));
        assert_eq!((bench.entries(), bench.bytes()), (0, 0));
    }
    let (old, new) = (bench.mvcc.snapshot().unwrap(), {
        bench.commit(|writes| writes.set(b"hot", b"x"));
        bench.mvcc.snapshot().unwrap()
    });
    bench.commit(|writes| writes.clear_range(KeyRange::all()));
    assert_eq!(bench.entries(), 2);
    assert_eq!(old.get(b"hot").await.unwrap().unwrap(), [99]);
    assert_eq!(new.get(b"hot").await.unwrap().unwrap(), b"x");
    drop(old);
    bench.commit(|writes| writes.set(b"other", b""));
    assert_eq!(bench.entries(), 2, "one for each of what the newer snapshot does not know");
    drop(new);
    bench.commit(|writes| writes.set(b"other", b"1"));
    assert_eq!((bench.entries(), bench.bytes()), (0, 0));
}

#[tokio::test]
async fn a_forgotten_snapshot_ends_at_its_age() {
    let bench = Bench::new(1 << 20);
    let forgotten = bench.mvcc.snapshot().unwrap();
    bench.commit(|writes| writes.set(b"k", b"1"));
    bench.clock.advance_ms(TRANSACTION_MAX_AGE_MS);
    bench.commit(|writes| writes.set(b"k", b"2"));
    assert_eq!(forgotten.get(b"k").await.unwrap(), None);
    bench.clock.advance_ms(1);
    bench.commit(|writes| writes.set(b"k", b"3"));
    assert!(matches!(forgotten.get(b"k").await, Err(StoreError::TooOld)));
    assert!(matches!(forgotten.range(&KeyRange::all(), 9, false).await, Err(StoreError::TooOld)));
    assert_eq!(bench.entries(), 0);
    drop(forgotten);
    assert_eq!(bench.mvcc.snapshot().unwrap().get(b"k").await.unwrap().unwrap(), b"3");
}

#[tokio::test]
async fn beyond_its_size_the_window_gives_up_the_oldest_snapshots() {
    let bench = Bench::new(100_000);
    bench.commit(|writes| (0..300_u16).for_each(|n| writes.set(&n.to_be_bytes(), &[7; 1000])));
    let first = bench.mvcc.snapshot().unwrap();
    bench.commit(|writes| (0..50_u16).for_each(|n| writes.clear(&n.to_be_bytes())));
    let second = bench.mvcc.snapshot().unwrap();
    bench.commit(|writes| (50..100_u16).for_each(|n| writes.clear(&n.to_be_bytes())));
    assert!(bench.bytes() <= 100_000);
    assert!(matches!(first.get(&[0, 0]).await, Err(StoreError::TooOld)), "refused, not answered wrongly");
    assert!(second.get(&50_u16.to_be_bytes()).await.unwrap().is_some());
    // One commit that is larger than the whole window.
    let watch = bench.mvcc.watch(&200_u16.to_be_bytes());
    bench.commit(|writes| writes.clear_range(KeyRange::all()));
    assert!(bench.bytes() <= 100_000);
    assert!(matches!(second.get(&[0, 200]).await, Err(StoreError::TooOld)));
    watch.await.unwrap();
    let now = bench.mvcc.snapshot().unwrap();
    assert_eq!(now.get(&200_u16.to_be_bytes()).await.unwrap(), None);
    assert!(now.range(&KeyRange::all(), 9, false).await.unwrap().pairs.is_empty());
    bench.commit(|writes| writes.set(b"k", b"1"));
    assert_eq!(now.get(b"k").await.unwrap(), None);
}

#[tokio::test]
async fn what_the_engine_took_back_never_was() {
    let bench = Bench::new(1 << 20);
    bench.commit(|writes| writes.set(b"a", b"1"));
    let before = bench.mvcc.snapshot().unwrap();
    let failed = bench.apply(
        |writes| {
            writes.set(b"a", b"2");
            writes.set(b"b", b"2");
        },
        Some(b"b"),
    );
    assert!(matches!(failed, Err(StoreError::Full)));
    assert_eq!(before.get(b"a").await.unwrap().unwrap(), b"1", "unpublished writes do not show");
    assert_eq!(bench.mvcc.snapshot().unwrap().get(b"a").await.unwrap().unwrap(), b"1");
    // The engine's rollback.
    bench.mvcc.engine.0.lock().unwrap().insert(b"a".to_vec(), b"1".to_vec());
    bench.mvcc.abort();
    assert_eq!((bench.entries(), bench.bytes()), (0, 0));
    let read = ReadConflict::Key(b"a".to_vec());
    assert!(!bench.mvcc.window().written_after(before.version(), &read), "and conflicts with nobody");
    bench.commit(|writes| writes.set(b"a", b"3"));
    assert!(bench.mvcc.window().written_after(before.version(), &read));
    assert_eq!(before.get(b"a").await.unwrap().unwrap(), b"1");
}
