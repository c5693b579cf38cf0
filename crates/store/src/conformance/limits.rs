//! The limits: what just fits is stored, what does not is refused with the right word, and nothing of it is kept.

use super::{Bench, everything, put};
use crate::StoreError;
use crate::limits::{KEY_MAX_BYTES, RANGE_MAX_BYTES, TRANSACTION_MAX_AGE_MS, TRANSACTION_MAX_BYTES, VALUE_MAX_BYTES};
use crate::range::{KeyRange, RangeOptions};

pub(super) async fn sizes_at_the_limit_pass_and_one_more_is_refused(bench: Bench) {
    let (key, value) = (vec![b'k'; KEY_MAX_BYTES], vec![b'v'; VALUE_MAX_BYTES]);
    let txn = bench.store.begin().await;
    txn.set(&key, &value);
    txn.commit().await.unwrap();
    assert_eq!(everything(&bench.store).await, [(key.clone(), value.clone())]);
    assert_eq!(bench.store.begin().await.get(&key).await.unwrap().unwrap(), value);
    let single = KeyRange::single(&key);
    assert_eq!(bench.store.begin().await.range(single, RangeOptions::default()).await.unwrap().len(), 1);

    let long = vec![b'k'; KEY_MAX_BYTES + 1];
    let too_long = |outcome| matches!(outcome, Err(StoreError::KeyTooLarge { bytes }) if bytes == KEY_MAX_BYTES + 1);
    let txn = bench.store.begin().await;
    assert!(too_long(txn.get(&long).await.map(drop)));
    txn.set(&long, b"");
    assert!(too_long(txn.get(b"a").await.map(drop)), "every later call tells");
    assert!(too_long(txn.commit().await));
    for write in 0..2 {
        let txn = bench.store.begin().await;
        txn.set(b"beside", b"");
        if write == 0 {
            txn.clear(&long)
        } else {
            txn.add(&long, 1)
        }
        assert!(too_long(txn.commit().await));
    }
    let txn = bench.store.begin().await;
    txn.set(b"beside", &vec![0; VALUE_MAX_BYTES + 1]);
    assert!(matches!(txn.commit().await, Err(StoreError::ValueTooLarge { bytes }) if bytes == VALUE_MAX_BYTES + 1));
    assert_eq!(everything(&bench.store).await.len(), 1);
}

pub(super) async fn a_transaction_over_its_size_is_refused(bench: Bench) {
    let value = vec![7; VALUE_MAX_BYTES];
    for (count, fits) in [(99_u32, true), (101, false)] {
        let txn = bench.store.begin().await;
        for n in 0..count {
            txn.set(&[b"big/".as_slice(), &n.to_be_bytes()].concat(), &value);
        }
        let outcome = txn.commit().await;
        assert_eq!(outcome.is_ok(), fits, "{count} values");
        assert!(fits || matches!(outcome, Err(StoreError::TransactionTooLarge)));
    }
    assert_eq!(
        bench.store.begin().await.range(KeyRange::prefix(b"big/"), RangeOptions::limit(200)).await.unwrap().len(),
        99
    );
    // What was read counts as well, if something is written.
    let (reader, writer) = (bench.store.begin().await, bench.store.begin().await);
    let filler = vec![b'f'; KEY_MAX_BYTES - 4];
    for n in 0..u32::try_from(TRANSACTION_MAX_BYTES / KEY_MAX_BYTES).unwrap() {
        let key = [filler.as_slice(), &n.to_be_bytes()].concat();
        assert_eq!(reader.get(&key).await.unwrap(), None);
        assert_eq!(writer.get(&key).await.unwrap(), None);
    }
    reader.commit().await.unwrap();
    writer.set(b"one", b"more");
    assert!(matches!(writer.commit().await, Err(StoreError::TransactionTooLarge)));
}

pub(super) async fn keys_outside_the_space_are_refused(bench: Bench) {
    let outside = |outcome| matches!(outcome, Err(StoreError::KeyOutsideSpace));
    let txn = bench.store.begin().await;
    assert!(outside(txn.get(b"\xff").await.map(drop)));
    assert!(outside(txn.range(KeyRange::new("a", b"\xff\x00"), RangeOptions::default()).await.map(drop)));
    let inverted = KeyRange::new("b", "a");
    assert!(matches!(txn.range(inverted.clone(), RangeOptions::default()).await, Err(StoreError::InvertedRange)));
    txn.commit().await.unwrap();
    let txn = bench.store.begin().await;
    txn.set(b"\xff/system", b"");
    assert!(outside(txn.commit().await));
    let txn = bench.store.begin().await;
    txn.clear_range(inverted);
    assert!(matches!(txn.commit().await, Err(StoreError::InvertedRange)));
    let txn = bench.store.begin().await;
    txn.clear_range(KeyRange::all());
    txn.commit().await.unwrap();
}

pub(super) async fn a_large_range_is_read_in_pages(bench: Bench) {
    let value = vec![7; VALUE_MAX_BYTES];
    let count = RANGE_MAX_BYTES / VALUE_MAX_BYTES + 1;
    for n in 0..count {
        let txn = bench.store.begin().await;
        txn.set(&n.to_be_bytes(), &value);
        txn.commit().await.unwrap();
    }
    let txn = bench.store.begin().await;
    let whole = txn.range(KeyRange::all(), RangeOptions::default()).await;
    assert!(matches!(whole, Err(StoreError::RangeTooLarge)), "an error, never a part of the answer");
    let page = txn.range(KeyRange::all(), RangeOptions::limit(50)).await.unwrap();
    let rest = KeyRange::all().after(&page[49].0);
    assert_eq!(txn.range(rest, RangeOptions::default()).await.unwrap().len(), count - 50);
}

pub(super) async fn five_seconds_is_the_age_limit(bench: Bench) {
    put(&bench.store, &[("a", "1")]).await;
    let too_old = |outcome| matches!(outcome, Err(StoreError::TooOld));
    let begin = async || {
        let txn = bench.store.begin().await;
        assert!(txn.get(b"a").await.unwrap().is_some());
        txn.set(b"b", b"1");
        txn
    };
    let (in_time, reads, commits) = (begin().await, begin().await, begin().await);
    let blind = bench.store.begin().await;
    blind.set(b"c", b"1");
    bench.clock.advance_ms(TRANSACTION_MAX_AGE_MS);
    assert!(in_time.get(b"a").await.unwrap().is_some());
    in_time.commit().await.unwrap();
    bench.clock.advance_ms(1);
    assert!(too_old(reads.get(b"a").await.map(drop)));
    assert!(too_old(reads.range(KeyRange::all(), RangeOptions::default()).await.map(drop)));
    assert!(too_old(reads.commit().await));
    assert!(too_old(commits.commit().await));
    // Who has read nothing is as old as its commit.
    blind.commit().await.unwrap();
    let left: Vec<_> = everything(&bench.store).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [b"a", b"b", b"c"]);
}
