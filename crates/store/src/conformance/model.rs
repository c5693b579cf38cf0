//! Random histories of interleaved transactions, compared step by step with a model that is obviously right.
//!
//! The model keeps whole copies of the state. It demands what strict serialisability demands, and no more: a
//! transaction whose reads are no longer true must not commit; one whose reads nobody wrote to must.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::{ManualClock, Subject, everything};
use crate::range::{KeyRange, Pair, RangeOptions};
use crate::{Store, StoreError, Txn};

/// Transactions that are open at once.
const SLOTS: usize = 4;

type State = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Put {
    Set(u8, Vec<u8>),
    Clear(u8),
    ClearRange(u8, u8),
    Add(u8, i64),
}

#[derive(Clone, Debug)]
enum Step {
    Get { key: u8, snapshot: bool },
    Range { begin: u8, end: u8, options: RangeOptions },
    Put(Put),
    Commit,
    Abandon,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..8_u8;
    let span = || (key(), key()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let limit = prop_oneof![Just(None), (0..5_usize).prop_map(Some)];
    prop_oneof![
        4 => (key(), prop::bool::weighted(0.2)).prop_map(|(key, snapshot)| Step::Get { key, snapshot }),
        4 => (span(), limit, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |((begin, end), limit, reverse, snapshot)| Step::Range {
                begin, end, options: RangeOptions { limit, reverse, snapshot },
            }
        ),
        4 => (key(), prop::collection::vec(any::<u8>(), 0..10)).prop_map(|(k, v)| Step::Put(Put::Set(k, v))),
        1 => key().prop_map(|k| Step::Put(Put::Clear(k))),
        1 => span().prop_map(|(a, b)| Step::Put(Put::ClearRange(a, b))),
        2 => (key(), any::<i64>()).prop_map(|(k, d)| Step::Put(Put::Add(k, d))),
        3 => Just(Step::Commit),
        1 => Just(Step::Abandon),
    ]
}

fn key(number: u8) -> Vec<u8> {
    // Different lengths, and keys that are prefixes of others.
    match number % 2 {
        0 => vec![b'a' + number],
        _ => vec![b'a' + number - 1, 0, number],
    }
}

impl Put {
    fn apply(&self, state: &mut State) {
        match self {
            Self::Set(k, value) => drop(state.insert(key(*k), value.clone())),
            Self::Clear(k) => drop(state.remove(&key(*k))),
            Self::ClearRange(a, b) => state.retain(|k, _| *k < key(*a) || *k >= key(*b)),
            Self::Add(k, delta) => {
                let mut bytes = state.get(&key(*k)).cloned().unwrap_or_default();
                bytes.resize(8, 0);
                let sum = i64::from_le_bytes(bytes.try_into().expect("eight bytes")).wrapping_add(*delta);
                state.insert(key(*k), sum.to_le_bytes().to_vec());
            }
        }
    }

    /// Whether this write may touch the key, and whether what it leaves there has nothing to do with what was.
    fn touches(&self, k: &[u8]) -> (bool, bool) {
        match self {
            Self::Set(n, _) | Self::Clear(n) => (key(*n) == k, true),
            Self::ClearRange(a, b) => (*key(*a) <= *k && *k < *key(*b), true),
            Self::Add(n, _) => (key(*n) == k, false),
        }
    }
}

/// One open transaction, and what the model knows of it.
struct Open {
    txn: Txn,
    /// The state it reads from, and how many commits had happened.
    base: Option<(State, usize)>,
    puts: Vec<Put>,
    /// Keys and ranges whose content its outcome depends on.
    reads: Vec<KeyRange>,
    /// Single keys that were read before the transaction wrote them without regard to what was there.
    depends: BTreeSet<Vec<u8>>,
}

impl Open {
    fn independent(&self, k: &[u8]) -> bool {
        self.puts.iter().any(|put| put.touches(k) == (true, true))
    }

    fn view(&self) -> State {
        let mut state = self.base.as_ref().map(|(state, _)| state.clone()).unwrap_or_default();
        self.puts.iter().for_each(|put| put.apply(&mut state));
        state
    }

    fn depend_on(&mut self, range: KeyRange) {
        let inside = (0..8).map(key).filter(|k| range.contains(k) && !self.independent(k)).collect::<Vec<_>>();
        self.depends.extend(inside);
        self.reads.push(range);
    }
}

struct Model {
    store: Store,
    faulty: bool,
    state: State,
    /// What each commit wrote.
    commits: Vec<Vec<Put>>,
    open: [Option<Open>; SLOTS],
}

/// A failed expectation, for the shrinker.
type Verdict = Result<(), TestCaseError>;

impl Model {
    async fn play(&mut self, slot: usize, step: &Step) -> Verdict {
        let mut open = match self.open[slot].take() {
            Some(open) => open,
            None => Open {
                txn: self.store.begin().await,
                base: None,
                puts: Vec::new(),
                reads: Vec::new(),
                depends: BTreeSet::new(),
            },
        };
        let kept = match step {
            Step::Get { key: k, snapshot } => self.get(&mut open, &key(*k), *snapshot).await?,
            Step::Range { begin, end, options } => {
                self.range(&mut open, KeyRange::new(key(*begin), key(*end)), *options).await?
            }
            Step::Put(put) => {
                match put {
                    Put::Set(k, value) => open.txn.set(&key(*k), value),
                    Put::Clear(k) => open.txn.clear(&key(*k)),
                    Put::ClearRange(a, b) => open.txn.clear_range(KeyRange::new(key(*a), key(*b))),
                    Put::Add(k, delta) => open.txn.add(&key(*k), *delta),
                }
                // Clearing nothing is no write: the transaction stays one that only reads.
                if !matches!(put, Put::ClearRange(a, b) if a == b) {
                    open.puts.push(put.clone());
                }
                true
            }
            Step::Commit => {
                return self.commit(open).await;
            }
            Step::Abandon => false,
        };
        if kept {
            self.open[slot] = Some(open);
        }
        Ok(())
    }

    /// Notes the moment of the first read. It is now, because steps happen one after the other.
    fn base(&self, open: &mut Open) {
        open.base.get_or_insert_with(|| (self.state.clone(), self.commits.len()));
    }

    /// Whether the transaction goes on; one that met an injected fault does not.
    fn goes_on<T>(
        &self,
        outcome: Result<T, StoreError>,
        check: impl FnOnce(T) -> Verdict,
    ) -> Result<bool, TestCaseError> {
        match outcome {
            Ok(answer) => check(answer).map(|()| true),
            Err(error) if self.faulty && error.is_retryable() => Ok(false),
            Err(error) => Err(TestCaseError::fail(format!("a read failed: {error}"))),
        }
    }

    async fn get(&self, open: &mut Open, k: &[u8], snapshot: bool) -> Result<bool, TestCaseError> {
        if !open.independent(k) {
            self.base(open);
        }
        let outcome = if snapshot { open.txn.get_snapshot(k).await } else { open.txn.get(k).await };
        let expected = open.view().get(k).cloned();
        if !snapshot {
            open.depend_on(KeyRange::single(k));
        }
        self.goes_on(outcome, |answer| {
            prop_assert_eq!(answer, expected, "get {:?}", k);
            Ok(())
        })
    }

    async fn range(&self, open: &mut Open, range: KeyRange, options: RangeOptions) -> Result<bool, TestCaseError> {
        if !range.is_empty() && options.limit != Some(0) {
            self.base(open);
        }
        let outcome = open.txn.range(range.clone(), options).await;
        let mut expected: Vec<Pair> = open.view().into_iter().filter(|(k, _)| range.contains(k)).collect();
        if options.reverse {
            expected.reverse();
        }
        expected.truncate(options.limit.unwrap_or(usize::MAX));
        if !options.snapshot {
            let full = options.limit.is_some_and(|limit| expected.len() >= limit);
            let seen = match (full, expected.last(), options.reverse) {
                (false, ..) => range,
                (true, None, _) => KeyRange::new("", ""),
                (true, Some((last, _)), true) => KeyRange::new(last.clone(), range.end),
                (true, Some((last, _)), false) => KeyRange::new(range.begin, KeyRange::single(last).end),
            };
            open.depend_on(seen);
        }
        self.goes_on(outcome, |answer| {
            prop_assert_eq!(answer, expected);
            Ok(())
        })
    }

    async fn commit(&mut self, open: Open) -> Verdict {
        let outcome = open.txn.commit().await;
        let (base, since) = open.base.clone().unwrap_or_else(|| (self.state.clone(), self.commits.len()));
        let stale = !open.puts.is_empty() && open.depends.iter().any(|k| base.get(k) != self.state.get(k));
        let rivals = || self.commits[since..].iter().flatten();
        let contended = (0..8)
            .map(key)
            .any(|k| open.reads.iter().any(|range| range.contains(&k)) && rivals().any(|put| put.touches(&k).0));
        let mut applied = self.state.clone();
        open.puts.iter().for_each(|put| put.apply(&mut applied));
        let now: State = everything(&self.store).await.into_iter().collect();
        let committed = match outcome {
            Ok(()) => true,
            Err(StoreError::CommitUnknown) if self.faulty => now == applied && now != self.state,
            Err(StoreError::Conflict) => {
                prop_assert!(self.faulty || contended, "a conflict, but nobody wrote to what was read");
                false
            }
            Err(error) => return Err(TestCaseError::fail(format!("a commit failed: {error}"))),
        };
        if committed {
            prop_assert!(!stale, "committed, although what it read is no longer true");
            self.state = applied;
            self.commits.push(open.puts);
        }
        prop_assert_eq!(&now, &self.state, "the state after a commit that answered {:?}", outcome);
        Ok(())
    }
}

async fn play(subject: Subject<'_>, steps: &[(usize, Step)]) -> Verdict {
    let store = (subject.open)(Arc::new(ManualClock::default()));
    let open = [const { None }; SLOTS];
    let mut model =
        Model { store: store.clone(), faulty: subject.faulty, state: State::new(), commits: Vec::new(), open };
    let mut verdict = Ok(());
    for (slot, step) in steps {
        verdict = model.play(*slot, step).await;
        if verdict.is_err() {
            break;
        }
    }
    drop(model);
    store.close().await;
    verdict
}

pub(super) fn check(subject: Subject<'_>, seed: u64, histories: u32) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: histories, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let history = prop::collection::vec((0..SLOTS, step()), 1..60);
    match runner.run(&history, |steps| runtime.block_on(play(subject, &steps))) {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => {
            panic!("{}: seed {seed:#x}: {reason}\nshortest history: {steps:#?}", subject.name)
        }
        Err(TestError::Abort(reason)) => panic!("{}: seed {seed:#x}: {reason}", subject.name),
    }
}
