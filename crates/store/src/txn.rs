//! One transaction: reads at a snapshot, sees its own writes, and keeps what has to be checked at commit.

use std::sync::{Arc, Mutex, MutexGuard};

use coditect_model::ambient::{Clock, Timestamp};
use tokio::sync::OnceCell;

use crate::backend::{Backend, Chunk, Commit, ReadConflict, Snapshot, Write, WriteSet};
use crate::error::StoreError;
use crate::limits::{CHUNK_PAIRS, RANGE_MAX_BYTES, TRANSACTION_MAX_AGE_MS, TRANSACTION_MAX_BYTES, VALUE_MAX_BYTES};
use crate::range::{KeyRange, Pair, RangeOptions, check_key, successor};

/// A transaction. An owned handle: clones are the same transaction.
///
/// Writes never fail at once; one that breaks a limit makes every later read and the commit fail with that error.
#[derive(Clone)]
pub struct Txn(Arc<Inner>);

struct Inner {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    /// Taken at the first read, so that the five seconds begin as late as possible.
    snapshot: OnceCell<(Arc<dyn Snapshot>, Timestamp)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    writes: WriteSet,
    reads: Vec<ReadConflict>,
    write_bytes: usize,
    read_bytes: usize,
    /// The first error that this transaction cannot get over.
    failure: Option<StoreError>,
    finished: bool,
}

impl State {
    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failure.get_or_insert(error).clone()
    }

    fn usable(&self) -> Result<(), StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.finished { Err(StoreError::Finished) } else { Ok(()) }
    }

    /// Makes room for a write of `bytes`, or fails the transaction. A finished transaction takes no more writes: its
    /// commit has its own copy, so they would be lost in silence.
    fn admit(&mut self, checked: Result<(), StoreError>, bytes: usize) -> bool {
        if self.failure.is_some() || self.finished {
            return false;
        }
        self.write_bytes = self.write_bytes.saturating_add(bytes);
        let checked = match checked {
            Ok(()) if self.write_bytes > TRANSACTION_MAX_BYTES => Err(StoreError::TransactionTooLarge),
            other => other,
        };
        checked.map_err(|error| self.fail(error)).is_ok()
    }

    /// Remembers a read for the check at commit. Bounded: past the limit only the size counts on, and a commit with
    /// writes is refused for it.
    fn note_read(&mut self, read: ReadConflict) {
        self.read_bytes = self.read_bytes.saturating_add(match &read {
            ReadConflict::Key(key) => 2 * key.len() + 1,
            ReadConflict::Range(range) => range.begin.len() + range.end.len(),
        });
        if self.read_bytes <= TRANSACTION_MAX_BYTES {
            self.reads.push(read);
        }
    }
}

impl Txn {
    pub(crate) fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        let (snapshot, state) = (OnceCell::new(), Mutex::default());
        Self(Arc::new(Inner { backend, clock, snapshot, state }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("nothing panics while it holds a transaction's state")
    }

    /// Records an error that ends this transaction, if it is one.
    fn failed(&self, error: StoreError) -> StoreError {
        if error.is_retryable() { self.state().fail(error) } else { error }
    }

    async fn snapshot(&self) -> Result<&dyn Snapshot, StoreError> {
        let taken =
            self.0.snapshot.get_or_try_init(async || Ok((self.0.backend.snapshot().await?, self.0.clock.now()))).await;
        let (snapshot, since) = taken.map_err(|error| self.failed(error))?;
        self.check_age(*since)?;
        Ok(snapshot.as_ref())
    }

    fn check_age(&self, since: Timestamp) -> Result<(), StoreError> {
        if self.0.clock.now().since_ms(since) > TRANSACTION_MAX_AGE_MS {
            return Err(self.failed(StoreError::TooOld));
        }
        Ok(())
    }

    /// The value of a key. The commit fails if another transaction changes it meanwhile.
    ///
    /// # Errors
    /// The key breaks a limit; the transaction has ended or is too old; the engine failed.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(key, false).await
    }

    /// The value of a key, without a conflict: a later change of it does not stop this transaction from committing.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_snapshot(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(key, true).await
    }

    async fn read(&self, key: &[u8], snapshot: bool) -> Result<Option<Vec<u8>>, StoreError> {
        check_key(key)?;
        {
            let state = self.state();
            state.usable()?;
            match state.writes.key(key) {
                Some(Write::Set(value)) => return Ok(Some(value.clone())),
                Some(Write::Clear) => return Ok(None),
                Some(Write::Add(_)) => {}
                None if state.writes.is_cleared(key) => return Ok(None),
                None => {}
            }
        }
        let base = self.snapshot().await?.get(key).await.map_err(|error| self.failed(error))?;
        let mut state = self.state();
        state.usable()?;
        if !snapshot {
            state.note_read(ReadConflict::Key(key.to_vec()));
        }
        // What was written while the read was under way counts too.
        Ok(match state.writes.key(key) {
            Some(write) => write.apply(base.as_deref()),
            None if state.writes.is_cleared(key) => None,
            None => base,
        })
    }

    /// The pairs of a range, with this transaction's own writes in it. The commit fails if another transaction adds,
    /// changes or removes a key in what was read (up to the last pair when the limit cut the answer).
    ///
    /// # Errors
    /// As [`Self::get`]; and [`StoreError::RangeTooLarge`] instead of an answer over
    /// [`crate::limits::RANGE_MAX_BYTES`].
    pub async fn range(&self, range: KeyRange, options: RangeOptions) -> Result<Vec<Pair>, StoreError> {
        range.check()?;
        self.state().usable()?;
        let limit = options.limit.unwrap_or(usize::MAX);
        let mut pairs = Vec::new();
        let mut bytes = 0;
        let mut rest = range.clone();
        while !rest.is_empty() && pairs.len() < limit {
            let want = (limit - pairs.len()).min(CHUNK_PAIRS);
            let chunk = self.snapshot().await?.range(&rest, want, options.reverse).await;
            let chunk = chunk.map_err(|error| self.failed(error))?;
            let covered = covered(&mut rest, &chunk, options.reverse);
            let mut base = chunk.pairs;
            if options.reverse {
                base.reverse();
            }
            let mut merged = {
                let state = self.state();
                state.usable()?;
                state.writes.overlay(&covered, base)
            };
            if options.reverse {
                merged.reverse();
            }
            for pair in merged.into_iter().take(limit - pairs.len()) {
                bytes += pair.0.len() + pair.1.len();
                if bytes > RANGE_MAX_BYTES {
                    return Err(StoreError::RangeTooLarge);
                }
                pairs.push(pair);
            }
        }
        if !options.snapshot && !range.is_empty() {
            let seen = if pairs.len() < limit { range } else { seen(range, &pairs, options.reverse) };
            if !seen.is_empty() {
                self.state().note_read(ReadConflict::Range(seen));
            }
        }
        Ok(pairs)
    }

    /// Writes a value.
    pub fn set(&self, key: &[u8], value: &[u8]) {
        let mut state = self.state();
        let size = match value.len() {
            bytes if bytes > VALUE_MAX_BYTES => Err(StoreError::ValueTooLarge { bytes }),
            _ => Ok(()),
        };
        if state.admit(check_key(key).and(size), 3 * key.len() + 1 + value.len()) {
            state.writes.set(key, value);
        }
    }

    /// Removes a key.
    pub fn clear(&self, key: &[u8]) {
        let mut state = self.state();
        if state.admit(check_key(key), 3 * key.len() + 1) {
            state.writes.clear(key);
        }
    }

    /// Removes every key of a range.
    pub fn clear_range(&self, range: KeyRange) {
        let mut state = self.state();
        if state.admit(range.check(), 2 * (range.begin.len() + range.end.len())) {
            state.writes.clear_range(range);
        }
    }

    /// Adds to a counter: eight bytes, little-endian, wrapping; a missing key counts as 0. Two transactions that add
    /// to one key do not conflict, unless they read it.
    pub fn add(&self, key: &[u8], delta: i64) {
        let mut state = self.state();
        if state.admit(check_key(key), 3 * key.len() + 9) {
            state.writes.add(key, delta);
        }
    }

    /// Makes the commit fail if another transaction has changed the key since this one's snapshot, without reading it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn add_read_conflict(&self, key: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        self.state().usable()?;
        self.snapshot().await?;
        self.state().note_read(ReadConflict::Key(key.to_vec()));
        Ok(())
    }

    /// Commits. All writes are durable and visible when this returns; none is after an error, except after
    /// [`StoreError::CommitUnknown`]. A transaction is committed once; one without writes always commits.
    ///
    /// # Errors
    /// A conflict, too old, a limit broken by an earlier write, an unknown outcome, or the engine failed.
    pub async fn commit(&self) -> Result<(), StoreError> {
        let (writes, reads, bytes) = {
            let mut state = self.state();
            state.usable()?;
            state.finished = true;
            let size = state.write_bytes.saturating_add(state.read_bytes);
            if !state.writes.is_empty() && size > TRANSACTION_MAX_BYTES {
                return Err(state.fail(StoreError::TransactionTooLarge));
            }
            (std::mem::take(&mut state.writes), std::mem::take(&mut state.reads), state.write_bytes)
        };
        if writes.is_empty() {
            return Ok(());
        }
        let snapshot = match self.0.snapshot.get() {
            None => None,
            Some((snapshot, since)) => {
                self.check_age(*since)?;
                Some(snapshot.clone())
            }
        };
        self.0.backend.commit(Commit { snapshot, reads, writes, bytes }).await
    }

    /// The error this transaction cannot get over, if it met one.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.state().failure.clone()
    }

    /// Refuses further use through clones that outlive the attempt.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        state.finished = true;
        state.writes = WriteSet::default();
        state.reads = Vec::new();
    }
}

/// Cuts from `rest` the part that a chunk answers, and returns that part.
fn covered(rest: &mut KeyRange, chunk: &Chunk, reverse: bool) -> KeyRange {
    match chunk.pairs.last() {
        Some((last, _)) if chunk.more && reverse => {
            let done = KeyRange::new(last.clone(), rest.end.clone());
            rest.end.clone_from(last);
            done
        }
        Some((last, _)) if chunk.more => {
            let next = successor(last);
            KeyRange::new(std::mem::replace(&mut rest.begin, next.clone()), next)
        }
        _ => {
            let done = rest.clone();
            rest.begin.clone_from(&rest.end);
            done
        }
    }
}

/// What a read that stopped at its limit has seen of `range`.
fn seen(mut range: KeyRange, pairs: &[Pair], reverse: bool) -> KeyRange {
    match pairs.last() {
        Some((last, _)) if reverse => range.begin.clone_from(last),
        Some((last, _)) => range.end = successor(last),
        // A limit of zero.
        None => range.end.clone_from(&range.begin),
    }
    range
}
