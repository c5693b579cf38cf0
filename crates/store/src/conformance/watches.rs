//! Watches: every change is told, to those who asked.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{Bench, put};
use crate::limits::WATCHES_MAX;
use crate::{KeyRange, StoreError, Watch};

async fn is_pending(watch: &mut Watch) -> bool {
    let mut watch = pin!(watch);
    poll_fn(|context| Poll::Ready(watch.as_mut().poll(context).is_pending())).await
}

pub(super) async fn every_kind_of_change_is_told(bench: Bench) {
    put(&bench.store, &[("key", "1")]).await;
    for kind in 0..5 {
        let (first, second) = (bench.store.watch(b"key"), bench.store.watch(b"key"));
        let txn = bench.store.begin().await;
        match kind {
            0 => txn.set(b"key", b"2"),
            1 => txn.clear(b"key"),
            2 => txn.add(b"key", 1),
            3 => txn.clear_range(KeyRange::prefix(b"k")),
            _ => txn.set(b"key", b""),
        }
        let waiting = tokio::spawn(first);
        txn.commit().await.unwrap();
        waiting.await.unwrap().unwrap();
        second.await.unwrap();
    }
    // A change before anyone polls is not lost.
    let watch = bench.store.watch(b"key");
    put(&bench.store, &[("key", "a")]).await;
    put(&bench.store, &[("key", "")]).await;
    watch.await.unwrap();
}

pub(super) async fn other_keys_are_not_told(bench: Bench) {
    let mut watch = bench.store.watch(b"key");
    put(&bench.store, &[("kex", "1"), ("key\0", "1"), ("k", "1")]).await;
    let aborted = bench.store.begin().await;
    aborted.set(b"key", b"1");
    drop(aborted);
    assert!(is_pending(&mut watch).await);
    put(&bench.store, &[("key", "1")]).await;
    watch.await.unwrap();
}

pub(super) async fn their_number_is_bounded(bench: Bench) {
    let mut watches: Vec<_> = (0..WATCHES_MAX).map(|n| bench.store.watch(&(n % 100).to_be_bytes())).collect();
    assert!(matches!(bench.store.watch(b"one more").await, Err(StoreError::TooManyWatches)));
    assert!(is_pending(watches.last_mut().unwrap()).await);
    watches.truncate(WATCHES_MAX - 1);
    let mut fits = bench.store.watch(b"one more");
    assert!(is_pending(&mut fits).await, "dropping one makes room");
    watches.clear();
    put(&bench.store, &[("one more", "1")]).await;
    fits.await.unwrap();
}

pub(super) async fn closing_ends_them(bench: Bench) {
    let watch = bench.store.watch(b"key");
    bench.store.clone().close().await;
    assert!(matches!(watch.await, Err(StoreError::Closed)));
    assert!(matches!(bench.store.watch(b"key").await, Err(StoreError::Closed)));
}
