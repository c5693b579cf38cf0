//! The suite every backend has to pass: the contract, case by case, and random histories against a serial model.
//!
//! A backend's tests describe it as a [`Subject`] and call [`check`]. Subjects that fail on purpose (`faulty`) run
//! the cases whose outcome does not depend on single commits going through.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

mod concurrent;
mod conflicts;
mod limits;
mod model;
mod reads;
mod retries;
mod watches;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use coditect_model::ambient::{Clock, Timestamp};

use crate::range::{KeyRange, Pair, RangeOptions};
use crate::{Store, StoreError, Txn};

/// Longest a case may take before it counts as stuck, in seconds.
const CASE_MAX_S: u64 = 60;

/// A backend under test.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// For messages.
    pub name: &'static str,
    /// Makes a new, empty store that takes the time from this clock.
    pub open: &'a (dyn Fn(Arc<dyn Clock>) -> Store + Sync),
    /// It injects faults.
    pub faulty: bool,
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Moves time on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// An empty store, for one case.
struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    faulty: bool,
}

type Case = (&'static str, fn(Bench) -> Pin<Box<dyn Future<Output = ()> + Send>>);

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        [$((concat!(stringify!($module), "::", stringify!($case)), |bench| Box::pin($module::$case(bench)))),*]
    };
}

const EXACT: &[Case] = &cases![
    reads::a_transaction_sees_its_own_writes,
    reads::ranges_show_own_writes_in_order,
    reads::long_ranges_are_whole_in_both_directions,
    reads::a_snapshot_stays_as_it_was,
    reads::an_acknowledged_commit_is_seen_by_the_next_transaction,
    reads::keys_of_any_bytes_are_ordered,
    conflicts::lost_updates_are_prevented,
    conflicts::write_skew_is_prevented,
    conflicts::phantoms_are_prevented,
    conflicts::a_read_of_a_cleared_key_conflicts,
    conflicts::a_limited_range_conflicts_only_where_it_read,
    conflicts::reads_that_stay_true_do_not_conflict,
    conflicts::snapshot_reads_do_not_conflict,
    conflicts::additions_do_not_conflict,
    conflicts::additions_wrap_and_extend,
    limits::sizes_at_the_limit_pass_and_one_more_is_refused,
    limits::a_transaction_over_its_size_is_refused,
    limits::keys_outside_the_space_are_refused,
    limits::a_large_range_is_read_in_pages,
    limits::five_seconds_is_the_age_limit,
    retries::a_conflict_runs_the_body_again,
    retries::an_error_of_the_body_commits_nothing,
    retries::a_wrapped_age_error_is_still_retried,
    retries::attempts_are_bounded,
    retries::a_finished_transaction_refuses_everything,
    retries::a_closed_store_says_so,
    watches::every_kind_of_change_is_told,
    watches::other_keys_are_not_told,
    watches::their_number_is_bounded,
    watches::closing_ends_them,
];

const ANY: &[Case] = &cases![
    concurrent::transfers_keep_the_sum,
    concurrent::counters_count_every_transaction_once,
    concurrent::serial_numbers_have_no_gap,
    retries::a_retried_body_takes_effect_once,
];

/// Runs the hand-written cases, each on a store of its own, and `histories` random ones from `seed`.
pub fn check(subject: Subject<'_>, seed: u64, histories: u32) {
    let exact = if subject.faulty { &[] } else { EXACT };
    for (name, case) in exact.iter().chain(ANY) {
        let clock = Arc::new(ManualClock::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        runtime.block_on(async {
            let store = (subject.open)(clock.clone());
            let bench = Bench { store: store.clone(), clock, faulty: subject.faulty };
            tracing::debug!(subject = subject.name, case = name, "conformance case");
            // On a task of its own, so that a panic is told together with the case's name.
            let ended = tokio::time::timeout(Duration::from_secs(CASE_MAX_S), tokio::spawn(case(bench))).await;
            let ended = ended.unwrap_or_else(|_| panic!("{}: {name} is stuck", subject.name));
            ended.unwrap_or_else(|error| panic!("{}: {name} failed: {error}", subject.name));
            store.close().await;
        });
    }
    model::check(subject, seed, histories);
}

/// All pairs of a store.
async fn everything(store: &Store) -> Vec<Pair> {
    store
        .transact("read everything", async |txn: Txn| txn.range(KeyRange::all(), RangeOptions::default()).await)
        .await
        .unwrap()
}

async fn put(store: &Store, pairs: &[(&str, &str)]) {
    let txn = store.begin().await;
    for (key, value) in pairs {
        txn.set(key.as_bytes(), value.as_bytes());
    }
    txn.commit().await.unwrap();
}

async fn value(store: &Store, key: &str) -> Option<String> {
    let value = store.begin().await.get(key.as_bytes()).await.unwrap();
    value.map(|bytes| String::from_utf8(bytes).unwrap())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<Pair> {
    pairs.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

#[track_caller]
fn assert_conflict(outcome: Result<(), StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "expected a conflict, got {outcome:?}");
}
