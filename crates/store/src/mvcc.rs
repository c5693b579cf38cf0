//! Versions over an engine that knows only the present: snapshots, conflict checks, and the order of commits.
//!
//! The engine holds the newest state. Beside it, a *window* keeps for every recent commit the values it replaced.
//! A snapshot at version V reads the engine, then undoes what came after V with the first window entry behind V. The
//! same entries are the write history that read conflicts are checked against. Entries are dropped as soon as no live
//! snapshot is older, so the window is as large as what is written during the longest running transaction.
//!
//! **Invariants**: an entry is in the window *before* the engine shows the change; a version becomes visible
//! (`committed`) only *after* the engine has made it durable; a snapshot below `oldest` answers
//! [`StoreError::TooOld`], never wrong data.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use coditect_model::ambient::{Clock, Timestamp};

use crate::backend::{Chunk, Commit, ReadConflict, Snapshot, Version};
use crate::error::StoreError;
use crate::limits::{CHUNK_PAIRS, TRANSACTION_MAX_AGE_MS, WINDOW_MAX_BYTES};
use crate::range::{KeyRange, Pair, successor};
use crate::watch::{Watch, Watches};

/// The present state, for readers. Every call sees one committed state of its own.
pub(crate) trait Engine: Send + Sync + 'static {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// At most `limit` pairs, in the order asked for.
    fn range(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Vec<Pair>, StoreError>;
}

/// The engine's only writer.
pub(crate) trait Writer {
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    fn range(&mut self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, StoreError>;
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;
    fn delete(&mut self, key: &[u8]) -> Result<(), StoreError>;
}

/// The value before a commit, by key: ascending versions.
type Undo = VecDeque<(Version, Option<Vec<u8>>)>;

/// The keys a commit wrote, and whether their value really changed.
type Written = Vec<(Arc<[u8]>, bool)>;

#[derive(Default)]
struct Window {
    /// The newest version that snapshots may see.
    committed: Version,
    /// The newest version given to a commit.
    assigned: Version,
    /// Snapshots below cannot be answered any more.
    oldest: Version,
    undo: BTreeMap<Arc<[u8]>, Undo>,
    /// What each version wrote, in order.
    commits: VecDeque<(Version, Written)>,
    /// Versions that snapshots read from: how many, and when the last was taken.
    live: BTreeMap<Version, (usize, Timestamp)>,
    bytes: usize,
    /// Most of `bytes`.
    bytes_max: usize,
    /// Entries of unpublished commits were dropped for size: who watches them is not known any more.
    watch_all: bool,
    closed: bool,
}

impl Window {
    fn record(&mut self, version: Version, key: &[u8], prior: Option<Vec<u8>>, changed: bool) {
        if version < self.oldest {
            return;
        }
        self.bytes += cost(key, prior.as_deref());
        let key: Arc<[u8]> = key.into();
        self.undo.entry(key.clone()).or_default().push_back((version, prior));
        match self.commits.back_mut() {
            Some((last, keys)) if *last == version => keys.push((key, changed)),
            _ => self.commits.push_back((version, vec![(key, changed)])),
        }
        while self.bytes > self.bytes_max {
            let Some((version, keys)) = self.commits.pop_front() else { return };
            self.watch_all |= version > self.committed;
            // State before `version` cannot be rebuilt without these entries.
            self.oldest = self.oldest.max(version);
            self.forget_first(&keys);
        }
    }

    /// Drops the oldest entry of each key.
    fn forget_first(&mut self, keys: &[(Arc<[u8]>, bool)]) {
        for (key, _) in keys {
            let Some(undo) = self.undo.get_mut(key) else { continue };
            if let Some((_, prior)) = undo.pop_front() {
                self.bytes -= cost(key, prior.as_deref());
            }
            if undo.is_empty() {
                self.undo.remove(key);
            }
        }
    }

    /// Drops what no snapshot needs.
    fn collect(&mut self, now: Timestamp) {
        // A snapshot past its age is refused anyway; it must not hold entries for as long as someone forgets it.
        while let Some((&version, &(_, taken))) = self.live.first_key_value() {
            if version >= self.committed || now.since_ms(taken) <= TRANSACTION_MAX_AGE_MS {
                break;
            }
            self.live.remove(&version);
            self.oldest = self.oldest.max(version + 1);
        }
        let floor = self.live.first_key_value().map_or(self.committed, |(&version, _)| version.min(self.committed));
        while self.commits.front().is_some_and(|(version, _)| *version <= floor) {
            if let Some((_, keys)) = self.commits.pop_front() {
                self.forget_first(&keys);
            }
        }
    }

    /// Drops the entries of commits that the engine did not make.
    fn abort(&mut self) {
        while self.commits.back().is_some_and(|(version, _)| *version > self.committed) {
            let Some((_, keys)) = self.commits.pop_back() else { return };
            for (key, _) in keys.iter().rev() {
                let Some(undo) = self.undo.get_mut(key) else { continue };
                if let Some((_, prior)) = undo.pop_back() {
                    self.bytes -= cost(key, prior.as_deref());
                }
                if undo.is_empty() {
                    self.undo.remove(key);
                }
            }
        }
        // The state at every version given away is the state before: nothing was written.
        self.committed = self.assigned;
    }

    fn written_after(&self, version: Version, read: &ReadConflict) -> bool {
        let after = |undo: &Undo| undo.back().is_some_and(|(last, _)| *last > version);
        match read {
            ReadConflict::Key(key) => self.undo.get(key.as_slice()).is_some_and(after),
            ReadConflict::Range(range) => self.entries(range).any(|(_, undo)| after(undo)),
        }
    }

    fn entries(&self, range: &KeyRange) -> impl DoubleEndedIterator<Item = (&[u8], &Undo)> {
        let bounds = (Bound::Included(range.begin.as_slice()), Bound::Excluded(range.end.as_slice()));
        // An empty range must not reach the map: it panics on inverted bounds.
        let entries = (!range.is_empty()).then(|| self.undo.range::<[u8], _>(bounds));
        entries.into_iter().flatten().map(|(key, undo)| (key.as_ref(), undo))
    }
}

/// Bytes a window entry takes, maps and headers included (estimated).
fn cost(key: &[u8], prior: Option<&[u8]>) -> usize {
    160 + key.len() + prior.map_or(0, <[u8]>::len)
}

/// The value of a key at `version`, if its window entries change it.
fn undone(undo: &Undo, version: Version) -> Option<&Option<Vec<u8>>> {
    undo.get(undo.partition_point(|(changed, _)| *changed <= version)).map(|(_, prior)| prior)
}

/// Versions over one engine.
pub(crate) struct Mvcc<E> {
    pub(crate) engine: E,
    window: Mutex<Window>,
    watches: Arc<Watches>,
    clock: Arc<dyn Clock>,
}

impl<E: Engine> Mvcc<E> {
    pub(crate) fn new(engine: E, clock: Arc<dyn Clock>) -> Self {
        Self::bounded(engine, clock, WINDOW_MAX_BYTES)
    }

    fn bounded(engine: E, clock: Arc<dyn Clock>, bytes_max: usize) -> Self {
        let window = Mutex::new(Window { bytes_max, ..Window::default() });
        Self { engine, window, watches: Arc::default(), clock }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().expect("nothing panics while it holds the window")
    }

    pub(crate) fn snapshot(self: &Arc<Self>) -> Result<Arc<dyn Snapshot>, StoreError> {
        let now = self.clock.now();
        let mut window = self.window();
        if window.closed {
            return Err(StoreError::Closed);
        }
        let version = window.committed;
        let live = window.live.entry(version).or_insert((0, now));
        *live = (live.0 + 1, now);
        Ok(Arc::new(At { mvcc: self.clone(), version }))
    }

    pub(crate) fn watch(&self, key: &[u8]) -> Watch {
        self.watches.watch(key)
    }

    /// Refuses new snapshots and ends all watches.
    pub(crate) fn close(&self) {
        self.window().closed = true;
        self.watches.close();
    }

    /// Checks one commit and applies it to the engine, where it stays invisible to new snapshots until
    /// [`Self::publish`]. Called by one thread at a time.
    pub(crate) fn apply(&self, writer: &mut impl Writer, commit: &Commit) -> Result<(), StoreError> {
        let version = self.admit(commit)?;
        for (begin, end) in commit.writes.cleared() {
            let mut rest = KeyRange::new(begin, end);
            loop {
                let pairs = writer.range(&rest, CHUNK_PAIRS)?;
                let Some((last, _)) = pairs.last() else { break };
                let last_chunk = pairs.len() < CHUNK_PAIRS;
                rest.begin = successor(last);
                let gone: Vec<Pair> = pairs.into_iter().filter(|(key, _)| commit.writes.key(key).is_none()).collect();
                {
                    let mut window = self.window();
                    for (key, value) in &gone {
                        window.record(version, key, Some(value.clone()), true);
                    }
                }
                for (key, _) in &gone {
                    writer.delete(key)?;
                }
                if last_chunk {
                    break;
                }
            }
        }
        for (key, write) in commit.writes.keys() {
            let prior = writer.get(key)?;
            let value = write.apply(prior.as_deref());
            if prior.is_none() && value.is_none() {
                continue;
            }
            let changed = prior != value;
            self.window().record(version, key, prior, changed);
            match value {
                Some(value) if changed => writer.put(key, &value)?,
                Some(_) => {}
                None => writer.delete(key)?,
            }
        }
        Ok(())
    }

    fn admit(&self, commit: &Commit) -> Result<Version, StoreError> {
        let mut window = self.window();
        if let Some(snapshot) = &commit.snapshot {
            let version = snapshot.version();
            if version < window.oldest {
                return Err(StoreError::TooOld);
            }
            if commit.reads.iter().any(|read| window.written_after(version, read)) {
                return Err(StoreError::Conflict);
            }
        }
        window.assigned += 1;
        Ok(window.assigned)
    }

    /// Makes everything applied visible, now that the engine has it for good.
    pub(crate) fn publish(&self) {
        let now = self.clock.now();
        let mut window = self.window();
        let before = window.committed;
        window.committed = window.assigned;
        let mut changed = Vec::new();
        let all = std::mem::take(&mut window.watch_all);
        if !self.watches.is_empty() {
            for (_, keys) in window.commits.iter().rev().take_while(|(version, _)| *version > before) {
                changed.extend(keys.iter().filter(|(_, changed)| *changed).map(|(key, _)| key.clone()));
            }
        }
        window.collect(now);
        drop(window);
        if all {
            self.watches.fire_all();
        } else {
            for key in changed {
                self.watches.fire(&key);
            }
        }
    }

    /// Forgets everything applied since the last [`Self::publish`]: the engine took it back.
    pub(crate) fn abort(&self) {
        self.window().abort();
    }
}

/// A snapshot: keeps the window entries it needs for as long as it lives.
struct At<E: Engine> {
    mvcc: Arc<Mvcc<E>>,
    version: Version,
}

impl<E: Engine> At<E> {
    fn check(&self, window: &Window) -> Result<(), StoreError> {
        if self.version < window.oldest { Err(StoreError::TooOld) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl<E: Engine> Snapshot for At<E> {
    fn version(&self) -> Version {
        self.version
    }

    async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        // The engine first: whatever it shows beyond our version was in the window before.
        let present = self.mvcc.engine.get(key)?;
        let window = self.mvcc.window();
        self.check(&window)?;
        Ok(match window.undo.get(key).and_then(|undo| undone(undo, self.version)) {
            Some(prior) => prior.clone(),
            None => present,
        })
    }

    async fn range(&self, range: &KeyRange, limit: usize, reverse: bool) -> Result<Chunk, StoreError> {
        let limit = limit.clamp(1, CHUNK_PAIRS);
        let mut rest = range.clone();
        loop {
            let present = self.mvcc.engine.range(&rest, limit, reverse)?;
            let more = present.len() >= limit;
            // What this chunk says something about.
            let mut covered = rest.clone();
            if let (true, Some((last, _))) = (more, present.last()) {
                if reverse {
                    covered.begin.clone_from(last);
                    rest.end.clone_from(last);
                } else {
                    covered.end = successor(last);
                    rest.begin.clone_from(&covered.end);
                }
            }
            let mut pairs = {
                let window = self.mvcc.window();
                self.check(&window)?;
                let changes = window
                    .entries(&covered)
                    .filter_map(|(key, undo)| undone(undo, self.version).map(|prior| (key.to_vec(), prior.clone())));
                if reverse {
                    merge(present, changes.rev(), |a, b| a > b)
                } else {
                    merge(present, changes, |a, b| a < b)
                }
            };
            if !pairs.is_empty() || !more {
                let cut = pairs.len() > limit;
                pairs.truncate(limit);
                return Ok(Chunk { pairs, more: more || cut });
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Merges the present pairs with the past values of some keys; both in the order `before`.
fn merge(
    present: Vec<Pair>,
    past: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
    before: impl Fn(&[u8], &[u8]) -> bool,
) -> Vec<Pair> {
    let mut past = past.peekable();
    let mut merged = Vec::with_capacity(present.len());
    for (key, value) in present {
        while let Some((old_key, prior)) = past.next_if(|(old_key, _)| before(old_key, &key)) {
            merged.extend(prior.map(|prior| (old_key, prior)));
        }
        match past.next_if(|(old_key, _)| *old_key == key) {
            Some((_, prior)) => merged.extend(prior.map(|prior| (key, prior))),
            None => merged.push((key, value)),
        }
    }
    merged.extend(past.filter_map(|(key, prior)| prior.map(|prior| (key, prior))));
    merged
}

impl<E: Engine> Drop for At<E> {
    fn drop(&mut self) {
        let mut window = self.mvcc.window();
        if let Some((count, _)) = window.live.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                window.live.remove(&self.version);
            }
        }
    }
}

#[cfg(test)]
mod tests;
