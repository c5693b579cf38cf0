//! Which commits must fail, and which must not.

use super::{Bench, assert_conflict, everything, put, value};
use crate::range::{KeyRange, RangeOptions};

pub(super) async fn lost_updates_are_prevented(bench: Bench) {
    put(&bench.store, &[("n", "0")]).await;
    let (a, b) = (bench.store.begin().await, bench.store.begin().await);
    for txn in [&a, &b] {
        assert_eq!(txn.get(b"n").await.unwrap().unwrap(), b"0");
        txn.set(b"n", b"1");
    }
    a.commit().await.unwrap();
    assert_conflict(b.commit().await);
    // A key that was not there counts as read, too.
    let (a, b) = (bench.store.begin().await, bench.store.begin().await);
    for txn in [&a, &b] {
        assert_eq!(txn.get(b"unique").await.unwrap(), None);
        txn.set(b"unique", b"mine");
    }
    b.commit().await.unwrap();
    assert_conflict(a.commit().await);
    // Without having read its value.
    let a = bench.store.begin().await;
    a.add_read_conflict(b"n").await.unwrap();
    a.set(b"elsewhere", b"1");
    put(&bench.store, &[("n", "2")]).await;
    assert_conflict(a.commit().await);
    assert_eq!(value(&bench.store, "elsewhere").await, None);
}

pub(super) async fn write_skew_is_prevented(bench: Bench) {
    put(&bench.store, &[("ada", "on call"), ("bob", "on call")]).await;
    let (ada, bob) = (bench.store.begin().await, bench.store.begin().await);
    for (txn, me) in [(&ada, b"ada"), (&bob, b"bob")] {
        assert!(txn.get(b"ada").await.unwrap().is_some() && txn.get(b"bob").await.unwrap().is_some());
        txn.clear(me);
    }
    bob.commit().await.unwrap();
    assert_conflict(ada.commit().await);
    assert_eq!(everything(&bench.store).await.len(), 1);
}

pub(super) async fn phantoms_are_prevented(bench: Bench) {
    let (a, b) = (bench.store.begin().await, bench.store.begin().await);
    let members = KeyRange::prefix(b"member/");
    for (txn, key) in [(&a, b"member/a"), (&b, b"member/b")] {
        assert_eq!(txn.range(members.clone(), RangeOptions::default()).await.unwrap(), []);
        txn.set(key, b"only one may join");
    }
    a.commit().await.unwrap();
    assert_conflict(b.commit().await);
    assert_eq!(everything(&bench.store).await.len(), 1);
}

pub(super) async fn a_read_of_a_cleared_key_conflicts(bench: Bench) {
    put(&bench.store, &[("x/1", "a"), ("x/2", "b"), ("y", "c")]).await;
    let reader = bench.store.begin().await;
    assert!(reader.get(b"x/2").await.unwrap().is_some());
    reader.set(b"z", b"1");
    let clearer = bench.store.begin().await;
    clearer.clear_range(KeyRange::prefix(b"x/"));
    clearer.commit().await.unwrap();
    assert_conflict(reader.commit().await);
    let left: Vec<_> = everything(&bench.store).await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [b"y"]);
}

pub(super) async fn a_limited_range_conflicts_only_where_it_read(bench: Bench) {
    put(&bench.store, &[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")]).await;
    let (first, last) = (bench.store.begin().await, bench.store.begin().await);
    let all = KeyRange::all();
    assert_eq!(first.range(all.clone(), RangeOptions::limit(2)).await.unwrap().len(), 2);
    assert_eq!(last.range(all.clone(), RangeOptions::limit(2).reversed()).await.unwrap().len(), 2);
    first.set(b"bx/first", b"");
    last.set(b"bx/last", b"");
    put(&bench.store, &[("c", "changed"), ("bb", "new"), ("cc", "new")]).await;
    first.commit().await.unwrap();
    last.commit().await.unwrap();

    let (first, last) = (bench.store.begin().await, bench.store.begin().await);
    assert_eq!(first.range(all.clone(), RangeOptions::limit(2)).await.unwrap()[1].0, b"b");
    let range = KeyRange::new("", "f");
    assert_eq!(last.range(range, RangeOptions::limit(2).reversed()).await.unwrap()[1].0, b"d");
    first.set(b"v/first", b"");
    last.set(b"v/last", b"");
    put(&bench.store, &[("aa", "new"), ("dd", "new")]).await;
    assert_conflict(first.commit().await);
    assert_conflict(last.commit().await);

    // The last pair of an answer was read like the others.
    let (first, last) = (bench.store.begin().await, bench.store.begin().await);
    let second = first.range(all.clone(), RangeOptions::limit(2)).await.unwrap()[1].0.clone();
    let last_but_one = last.range(all, RangeOptions::limit(2).reversed()).await.unwrap()[1].0.clone();
    first.set(b"m/first", b"");
    last.set(b"m/last", b"");
    let rival = bench.store.begin().await;
    rival.set(&second, b"changed");
    rival.clear(&last_but_one);
    rival.commit().await.unwrap();
    assert_conflict(first.commit().await);
    assert_conflict(last.commit().await);
}

pub(super) async fn reads_that_stay_true_do_not_conflict(bench: Bench) {
    put(&bench.store, &[("a", "1"), ("b", "1")]).await;
    // Disjoint.
    let (x, y) = (bench.store.begin().await, bench.store.begin().await);
    for (txn, key) in [(&x, b"a"), (&y, b"b")] {
        assert!(txn.get(key).await.unwrap().is_some());
        txn.set(key, b"2");
    }
    x.commit().await.unwrap();
    y.commit().await.unwrap();
    // Blind writes: the later wins.
    let (x, y) = (bench.store.begin().await, bench.store.begin().await);
    assert!(x.get(b"b").await.unwrap().is_some());
    x.set(b"a", b"x");
    y.set(b"a", b"y");
    y.commit().await.unwrap();
    x.commit().await.unwrap();
    assert_eq!(value(&bench.store, "a").await.unwrap(), "x");
    // What one has written oneself is not read from the store.
    let x = bench.store.begin().await;
    assert!(x.get(b"b").await.unwrap().is_some());
    x.set(b"a", b"mine");
    assert_eq!(x.get(b"a").await.unwrap().unwrap(), b"mine");
    put(&bench.store, &[("a", "theirs")]).await;
    x.commit().await.unwrap();
    assert_eq!(value(&bench.store, "a").await.unwrap(), "mine");
    // Who only reads is always right: as of the snapshot.
    let x = bench.store.begin().await;
    assert!(x.get(b"a").await.unwrap().is_some());
    put(&bench.store, &[("a", "later")]).await;
    x.commit().await.unwrap();
}

pub(super) async fn snapshot_reads_do_not_conflict(bench: Bench) {
    put(&bench.store, &[("a", "1"), ("b", "1")]).await;
    let txn = bench.store.begin().await;
    assert!(txn.get_snapshot(b"a").await.unwrap().is_some());
    assert_eq!(txn.range(KeyRange::all(), RangeOptions::default().snapshot()).await.unwrap().len(), 2);
    txn.set(b"c", b"1");
    put(&bench.store, &[("a", "2"), ("b", "2"), ("d", "2")]).await;
    assert_eq!(txn.get_snapshot(b"b").await.unwrap().unwrap(), b"1", "still one moment");
    txn.commit().await.unwrap();
}

pub(super) async fn additions_do_not_conflict(bench: Bench) {
    let txns = [bench.store.begin().await, bench.store.begin().await, bench.store.begin().await];
    put(&bench.store, &[("other", "1")]).await;
    for (txn, delta) in txns.iter().zip([1, 10, -100]) {
        assert!(txn.get(b"other").await.unwrap().is_some());
        txn.add(b"n", delta);
    }
    for txn in &txns {
        txn.commit().await.unwrap();
    }
    let total = bench.store.begin().await.get(b"n").await.unwrap().unwrap();
    assert_eq!(total, (-89_i64).to_le_bytes());
    // Reading the counter makes it a read like any other.
    let reader = bench.store.begin().await;
    reader.add(b"n", 1);
    assert_eq!(reader.get(b"n").await.unwrap().unwrap(), (-88_i64).to_le_bytes());
    let adder = bench.store.begin().await;
    adder.add(b"n", 1);
    adder.commit().await.unwrap();
    assert_conflict(reader.commit().await);
}

pub(super) async fn additions_wrap_and_extend(bench: Bench) {
    let txn = bench.store.begin().await;
    txn.set(b"short", &[200]);
    txn.set(b"long", &[1, 0, 0, 0, 0, 0, 0, 0, 9, 9]);
    txn.set(b"max", &i64::MAX.to_le_bytes());
    txn.commit().await.unwrap();
    let txn = bench.store.begin().await;
    txn.add(b"short", 100);
    txn.add(b"long", 1);
    txn.add(b"max", 1);
    txn.commit().await.unwrap();
    let txn = bench.store.begin().await;
    assert_eq!(txn.get(b"short").await.unwrap().unwrap(), 300_i64.to_le_bytes());
    assert_eq!(txn.get(b"long").await.unwrap().unwrap(), 2_i64.to_le_bytes());
    assert_eq!(txn.get(b"max").await.unwrap().unwrap(), i64::MIN.to_le_bytes());
}
