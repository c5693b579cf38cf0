//! The retry loop, the end of transactions, and the end of the store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Bench, everything, put, value};
use crate::limits::{TRANSACT_ATTEMPTS_MAX, TRANSACTION_MAX_AGE_MS};
use crate::range::{KeyRange, RangeOptions};
use crate::{Store, StoreError, Txn};

/// What an application makes of the store's errors: the cause is not to be seen any more.
#[derive(Debug, PartialEq)]
enum AppError {
    Store(String),
    Refused,
}
impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

pub(super) async fn a_conflict_runs_the_body_again(bench: Bench) {
    put(&bench.store, &[("n", "1")]).await;
    let runs = AtomicU32::new(0);
    let (store, counted) = (&bench.store, &runs);
    let seen = store
        .transact("double", |txn: Txn| async move {
            let before = txn.get(b"n").await?.unwrap();
            if counted.fetch_add(1, Ordering::SeqCst) < 3 {
                // A rival, between our read and our commit.
                store.begin().await.get(b"n").await?;
                let rival = store.begin().await;
                rival.set(b"n", &[before.as_slice(), b"+"].concat());
                rival.commit().await?;
            }
            txn.set(b"n", &[before.as_slice(), b"!"].concat());
            Ok::<_, StoreError>(before)
        })
        .await
        .unwrap();
    assert_eq!((seen.as_slice(), runs.load(Ordering::SeqCst)), (b"1+++".as_slice(), 4));
    assert_eq!(value(store, "n").await.unwrap(), "1+++!");
}

pub(super) async fn an_error_of_the_body_commits_nothing(bench: Bench) {
    let runs = AtomicU32::new(0);
    let outcome = bench
        .store
        .transact("refuse", async |txn: Txn| {
            runs.fetch_add(1, Ordering::SeqCst);
            txn.set(b"a", b"1");
            Err::<(), _>(AppError::Refused)
        })
        .await;
    assert_eq!((outcome, runs.load(Ordering::SeqCst)), (Err(AppError::Refused), 1));
    let outcome = bench
        .store
        .transact("too long", async |txn: Txn| {
            txn.set(&[0; 20_000], b"");
            Ok::<_, AppError>(())
        })
        .await;
    assert!(matches!(outcome, Err(AppError::Store(text)) if text.contains("20000 bytes")), "not retried, but told");
    assert_eq!(everything(&bench.store).await, []);
}

pub(super) async fn a_wrapped_age_error_is_still_retried(bench: Bench) {
    put(&bench.store, &[("a", "1")]).await;
    let runs = AtomicU32::new(0);
    let (clock, counted) = (&bench.clock, &runs);
    let outcome = bench
        .store
        .transact("slow at first", |txn: Txn| async move {
            txn.get(b"a").await?;
            txn.set(b"b", b"1");
            if counted.fetch_add(1, Ordering::SeqCst) < 2 {
                clock.advance_ms(TRANSACTION_MAX_AGE_MS + 1);
            }
            // The store's error is lost in the application's.
            txn.get(b"a").await.map_err(|_| AppError::Refused)
        })
        .await;
    assert_eq!(outcome.unwrap().unwrap(), b"1");
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!(value(&bench.store, "b").await.unwrap(), "1");
    // Nor can a body that ignores the error commit what it should not.
    let runs = AtomicU32::new(0);
    let counted = &runs;
    let outcome = bench.store.transact("careless", |txn: Txn| async move {
        txn.get(b"a").await?;
        txn.set(b"b", b"2");
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            clock.advance_ms(TRANSACTION_MAX_AGE_MS + 1);
        }
        let _ = txn.get(b"a").await;
        Ok::<_, StoreError>(())
    });
    outcome.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

pub(super) async fn attempts_are_bounded(bench: Bench) {
    let runs = AtomicU32::new(0);
    let (store, counted) = (&bench.store, &runs);
    let outcome = store
        .transact("always late", |txn: Txn| async move {
            counted.fetch_add(1, Ordering::SeqCst);
            txn.get(b"hot").await?;
            txn.set(b"cold", b"");
            put(store, &[("hot", "rival")]).await;
            Ok::<_, StoreError>(())
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Conflict)));
    assert_eq!(runs.load(Ordering::SeqCst), TRANSACT_ATTEMPTS_MAX);
    assert_eq!(value(store, "cold").await, None);
}

pub(super) async fn a_finished_transaction_refuses_everything(bench: Bench) {
    let leak = Arc::new(std::sync::Mutex::new(None));
    let kept = leak.clone();
    bench
        .store
        .transact("leak", |txn: Txn| {
            *kept.lock().unwrap() = Some(txn.clone());
            async move {
                txn.set(b"a", b"1");
                Ok::<_, StoreError>(())
            }
        })
        .await
        .unwrap();
    let txn: Txn = leak.lock().unwrap().take().unwrap();
    txn.set(b"b", b"1");
    assert!(matches!(txn.get(b"a").await, Err(StoreError::Finished)));
    assert!(matches!(txn.range(KeyRange::all(), RangeOptions::default()).await, Err(StoreError::Finished)));
    assert!(matches!(txn.commit().await, Err(StoreError::Finished)));
    assert_eq!(value(&bench.store, "b").await, None);
}

pub(super) async fn a_closed_store_says_so(bench: Bench) {
    put(&bench.store, &[("a", "1")]).await;
    let (reading, fresh) = (bench.store.begin().await, bench.store.begin().await);
    fresh.set(b"b", b"1");
    bench.store.clone().close().await;
    bench.store.clone().close().await;
    assert!(matches!(reading.get(b"a").await, Err(StoreError::Closed)));
    assert!(matches!(fresh.commit().await, Err(StoreError::Closed)));
    let outcome = bench.store.transact("late", async |txn: Txn| txn.get(b"a").await).await;
    assert!(matches!(outcome, Err(StoreError::Closed)));
}

/// The pattern for work that must happen once although its body may run many times: a mark under an id made outside.
pub(super) async fn a_retried_body_takes_effect_once(bench: Bench) {
    for id in 0..150_u32 {
        append_once(&bench.store, id).await;
    }
    let log = bench.store.transact("read", async |txn: Txn| txn.get(b"log").await).await.unwrap().unwrap();
    let expected: Vec<u8> = (0..150_u32).flat_map(u32::to_be_bytes).collect();
    assert_eq!(log, expected, "every entry once, in order");
}

async fn append_once(store: &Store, id: u32) {
    let outcome = store.transact("append", |txn: Txn| async move {
        let mark = [b"mark/".as_slice(), &id.to_be_bytes()].concat();
        if txn.get(&mark).await?.is_some() {
            return Ok::<_, StoreError>(());
        }
        let log = txn.get(b"log").await?.unwrap_or_default();
        txn.set(b"log", &[log, id.to_be_bytes().to_vec()].concat());
        txn.set(&mark, b"");
        Ok(())
    });
    outcome.await.unwrap();
}
