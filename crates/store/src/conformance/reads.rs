//! What a transaction sees: a snapshot, and over it what it wrote itself.

use super::{Bench, everything, pairs, put, value};
use crate::range::{KeyRange, RangeOptions};

pub(super) async fn a_transaction_sees_its_own_writes(bench: Bench) {
    put(&bench.store, &[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let txn = bench.store.begin().await;
    txn.set(b"a", b"new");
    txn.clear(b"b");
    txn.add(b"n", 5);
    txn.add(b"n", -2);
    assert_eq!(txn.get(b"a").await.unwrap().unwrap(), b"new");
    assert_eq!(txn.get(b"b").await.unwrap(), None);
    assert_eq!(txn.get(b"c").await.unwrap().unwrap(), b"3");
    assert_eq!(txn.get(b"n").await.unwrap().unwrap(), 3_i64.to_le_bytes());
    txn.clear_range(KeyRange::new("a", "d"));
    assert_eq!(txn.get(b"a").await.unwrap(), None);
    assert_eq!(txn.get(b"c").await.unwrap(), None);
    txn.add(b"c", 1);
    txn.set(b"b", b"again");
    assert_eq!(txn.get(b"c").await.unwrap().unwrap(), 1_i64.to_le_bytes());
    assert_eq!(txn.get_snapshot(b"b").await.unwrap().unwrap(), b"again");
    assert_eq!(value(&bench.store, "a").await.unwrap(), "1", "nobody else sees it before the commit");
    txn.commit().await.unwrap();
    let expected = [
        (b"b".to_vec(), b"again".to_vec()),
        (b"c".to_vec(), 1_i64.to_le_bytes().to_vec()),
        (b"n".to_vec(), 3_i64.to_le_bytes().to_vec()),
    ];
    assert_eq!(everything(&bench.store).await, expected);
}

pub(super) async fn ranges_show_own_writes_in_order(bench: Bench) {
    put(&bench.store, &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4"), ("f", "6")]).await;
    let txn = bench.store.begin().await;
    txn.clear(b"a");
    txn.set(b"b", b"22");
    txn.clear_range(KeyRange::new("c", "e"));
    txn.set(b"d", b"44");
    txn.set(b"e", b"55");
    txn.set(b"z", b"99");
    let all = pairs(&[("b", "22"), ("d", "44"), ("e", "55"), ("f", "6"), ("z", "99")]);
    let mut reversed = all.clone();
    reversed.reverse();
    let range = KeyRange::new("a", "zz");
    assert_eq!(txn.range(range.clone(), RangeOptions::default()).await.unwrap(), all);
    assert_eq!(txn.range(range.clone(), RangeOptions::default().reversed()).await.unwrap(), reversed);
    for limit in 0..6 {
        let options = RangeOptions::limit(limit);
        let count = limit.min(all.len());
        assert_eq!(txn.range(range.clone(), options).await.unwrap(), all[..count], "limit {limit}");
        let last = txn.range(range.clone(), options.reversed().snapshot()).await.unwrap();
        assert_eq!(last, reversed[..count], "limit {limit}, reversed");
    }
    let inner = txn.range(KeyRange::new("b", "f"), RangeOptions::default()).await.unwrap();
    assert_eq!(inner, all[..3], "the begin is included, the end is not");
    assert_eq!(txn.range(KeyRange::new("b", "b"), RangeOptions::default()).await.unwrap(), []);
    txn.commit().await.unwrap();
    assert_eq!(everything(&bench.store).await, all);
}

pub(super) async fn long_ranges_are_whole_in_both_directions(bench: Bench) {
    const COUNT: u32 = 2000;
    let key = |n: u32| n.to_be_bytes().to_vec();
    let txn = bench.store.begin().await;
    for n in 0..COUNT {
        txn.set(&key(n), &key(n));
    }
    txn.commit().await.unwrap();

    let reader = bench.store.begin().await;
    assert!(reader.get(&key(0)).await.unwrap().is_some());
    // Another transaction removes long stretches and adds keys; the reader still sees none of it.
    let other = bench.store.begin().await;
    other.clear_range(KeyRange::new(key(10), key(1500)));
    other.set(&[key(1700), vec![0]].concat(), b"new");
    other.clear(&key(1999));
    other.commit().await.unwrap();
    // Its own: every third key gone, and one more at each end.
    for n in (0..COUNT).step_by(3) {
        reader.clear(&key(n));
    }
    reader.set(b"", b"first");
    reader.set(&[0x10], b"last");
    let mut expected: Vec<_> = (0..COUNT).filter(|n| n % 3 != 0).map(|n| (key(n), key(n))).collect();
    expected.insert(0, (Vec::new(), b"first".to_vec()));
    expected.push((vec![0x10], b"last".to_vec()));
    let read = reader.range(KeyRange::all(), RangeOptions::default()).await.unwrap();
    assert!(read == expected, "{} pairs, expected {}", read.len(), expected.len());
    let mut read = reader.range(KeyRange::all(), RangeOptions::default().reversed()).await.unwrap();
    read.reverse();
    assert!(read == expected, "reversed: {} pairs, expected {}", read.len(), expected.len());

    // In pages, forward and back.
    for reverse in [false, true] {
        let options = RangeOptions { reverse, ..RangeOptions::limit(700) };
        let (mut rest, mut paged) = (KeyRange::all(), Vec::new());
        loop {
            let page = reader.range(rest.clone(), options).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            rest = if reverse { rest.before(last) } else { rest.after(last) };
            paged.extend(page);
        }
        if reverse {
            paged.reverse();
        }
        assert!(paged == expected, "paged: {} pairs, expected {}", paged.len(), expected.len());
    }
}

pub(super) async fn a_snapshot_stays_as_it_was(bench: Bench) {
    put(&bench.store, &[("a", "1"), ("b", "1"), ("c", "1")]).await;
    let reader = bench.store.begin().await;
    assert_eq!(reader.get(b"a").await.unwrap().unwrap(), b"1");
    for round in ["2", "3", "4"] {
        let writer = bench.store.begin().await;
        writer.set(b"b", round.as_bytes());
        writer.clear(b"c");
        writer.set(b"d", round.as_bytes());
        writer.commit().await.unwrap();
        let middle = bench.store.begin().await;
        assert_eq!(middle.get(b"b").await.unwrap().unwrap(), round.as_bytes());
        put(&bench.store, &[("b", "x"), ("c", "x")]).await;
        assert_eq!(middle.get(b"b").await.unwrap().unwrap(), round.as_bytes());
        assert_eq!(middle.get(b"c").await.unwrap(), None);
        assert_eq!(reader.get(b"b").await.unwrap().unwrap(), b"1");
        let all = reader.range(KeyRange::all(), RangeOptions::default()).await.unwrap();
        assert_eq!(all, pairs(&[("a", "1"), ("b", "1"), ("c", "1")]));
    }
    reader.commit().await.unwrap();
}

pub(super) async fn an_acknowledged_commit_is_seen_by_the_next_transaction(bench: Bench) {
    for n in 0..200_u32 {
        put(&bench.store, &[("n", &n.to_string())]).await;
        let other = bench.store.clone();
        let seen = tokio::spawn(async move { value(&other, "n").await }).await.unwrap();
        assert_eq!(seen.unwrap(), n.to_string());
    }
}

pub(super) async fn keys_of_any_bytes_are_ordered(bench: Bench) {
    let keys: [&[u8]; 8] = [b"", b"\x00", b"\x00\x00", b"\x00\xff", b"a", b"a\x00", b"\x7f\xff", b"\xfe\xff\xff"];
    let txn = bench.store.begin().await;
    for key in keys.iter().rev() {
        txn.set(key, b"");
    }
    txn.commit().await.unwrap();
    let read: Vec<_> = everything(&bench.store).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(read, keys);
    let txn = bench.store.begin().await;
    let below = txn.range(KeyRange::prefix(b"\x00"), RangeOptions::default()).await.unwrap();
    assert_eq!(below.len(), 3);
    assert_eq!(txn.get(b"").await.unwrap(), Some(Vec::new()), "an empty value is a value");
}
