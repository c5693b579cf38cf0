//! Many tasks at once, with retries: what must hold in the end and at every moment between.

use std::collections::BTreeMap;

use super::{Bench, everything};
use crate::random::Random;
use crate::range::{KeyRange, RangeOptions};
use crate::{Store, StoreError, Txn};

const TASKS: u32 = 8;
const ACCOUNTS: u64 = 10;
const START: i64 = 1000;

fn account(number: u64) -> Vec<u8> {
    [b"account/".as_slice(), &number.to_be_bytes()].concat()
}

fn number(value: Option<Vec<u8>>) -> i64 {
    value.map_or(0, |bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
}

/// Money moves between accounts; nobody ever sees a sum that is not the starting one.
pub(super) async fn transfers_keep_the_sum(bench: Bench) {
    let opened = bench.store.transact("open accounts", async |txn: Txn| {
        (0..ACCOUNTS).for_each(|n| txn.set(&account(n), &START.to_le_bytes()));
        Ok::<_, StoreError>(())
    });
    opened.await.unwrap();
    let rounds = if bench.faulty { 20 } else { 60 };
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(move_money(bench.store.clone(), task, rounds))).collect();
    let mut expected: BTreeMap<u64, i64> = (0..ACCOUNTS).map(|n| (n, START)).collect();
    for task in tasks {
        for (from, to, amount) in task.await.unwrap() {
            *expected.get_mut(&from).unwrap() -= amount;
            *expected.get_mut(&to).unwrap() += amount;
        }
    }
    let left = audit(&bench.store).await;
    assert_eq!(left, expected.into_values().collect::<Vec<_>>(), "each transfer counts exactly once");
}

async fn move_money(store: Store, task: u32, rounds: u64) -> Vec<(u64, u64, i64)> {
    let random = Random::new(u64::from(task));
    let mut moved = Vec::new();
    for round in 0..rounds {
        let (from, to) = (random.below(ACCOUNTS), random.below(ACCOUNTS));
        let amount = i64::try_from(random.below(50)).unwrap();
        if from == to {
            assert_eq!(audit(&store).await.iter().sum::<i64>(), START * i64::try_from(ACCOUNTS).unwrap());
            continue;
        }
        let mark = [b"moved/".as_slice(), &task.to_be_bytes(), &round.to_be_bytes()].concat();
        let id = &mark;
        let outcome = store.transact("transfer", |txn: Txn| async move {
            if txn.get(id).await?.is_some() {
                return Ok::<_, StoreError>(());
            }
            let (a, b) = (number(txn.get(&account(from)).await?), number(txn.get(&account(to)).await?));
            txn.set(&account(from), &(a - amount).to_le_bytes());
            txn.set(&account(to), &(b + amount).to_le_bytes());
            txn.set(id, b"");
            Ok(())
        });
        outcome.await.unwrap();
        let seen = store.transact("look", |txn: Txn| async move { txn.get(id).await }).await.unwrap();
        assert!(seen.is_some(), "an acknowledged commit is visible");
        moved.push((from, to, amount));
    }
    moved
}

async fn audit(store: &Store) -> Vec<i64> {
    let accounts = store.transact("audit", async |txn: Txn| {
        let half = txn.range(KeyRange::new(account(0), account(5)), RangeOptions::default()).await?;
        tokio::task::yield_now().await;
        let rest = txn.range(KeyRange::new(account(5), account(ACCOUNTS)), RangeOptions::default().reversed()).await?;
        Ok::<_, StoreError>(half.into_iter().chain(rest.into_iter().rev()).collect::<Vec<_>>())
    });
    accounts.await.unwrap().into_iter().map(|(_, value)| number(Some(value))).collect()
}

pub(super) async fn counters_count_every_transaction_once(bench: Bench) {
    let rounds = if bench.faulty { 20 } else { 100_u32 };
    let task = |task: u32| {
        let store = bench.store.clone();
        tokio::spawn(async move {
            for round in 0..rounds {
                let mark = [b"mark/".as_slice(), &task.to_be_bytes(), &round.to_be_bytes()].concat();
                let id = &mark;
                let outcome = store.transact("count", |txn: Txn| async move {
                    if txn.get(id).await?.is_none() {
                        txn.set(id, b"");
                        txn.add(b"total", 1);
                        txn.add(b"weighted", i64::from(task));
                    }
                    Ok::<_, StoreError>(())
                });
                outcome.await.unwrap();
            }
        })
    };
    for task in (0..TASKS).map(task).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let counter = async |key: &'static [u8]| {
        number(bench.store.transact("read", |txn: Txn| async move { txn.get(key).await }).await.unwrap())
    };
    assert_eq!(counter(b"total").await, i64::from(TASKS * rounds));
    assert_eq!(counter(b"weighted").await, i64::from((0..TASKS).sum::<u32>() * rounds));
}

/// Everyone takes the number after the last one there is, found by a range read. The numbers then give the order in
/// which the transactions took effect, and each must have seen exactly those before it.
pub(super) async fn serial_numbers_have_no_gap(bench: Bench) {
    const ROUNDS: u32 = 8;
    let numbers = KeyRange::prefix(b"number/");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (store, numbers) = (bench.store.clone(), numbers.clone());
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let ticket = [task.to_be_bytes(), round.to_be_bytes()].concat();
                    take_number(&store, &numbers, &ticket).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let taken = everything(&bench.store).await;
    let taken: Vec<_> = taken.into_iter().filter(|(key, _)| numbers.contains(key)).collect();
    assert_eq!(taken.len(), usize::try_from(TASKS * ROUNDS).unwrap(), "no ticket got two numbers or none");
    for (position, (key, ticket_and_seen)) in (0_u32..).zip(&taken) {
        assert_eq!(key[b"number/".len()..], position.to_be_bytes());
        assert_eq!(ticket_and_seen[8..], position.to_be_bytes(), "it saw all numbers before its own");
    }
}

async fn take_number(store: &Store, numbers: &KeyRange, ticket: &[u8]) {
    // With every task after the same key, one `transact` may run out of attempts: that is its promise, not a fault.
    loop {
        let outcome = store.transact("take a number", |txn: Txn| async move {
            let mark = [b"ticket/", ticket].concat();
            if txn.get(&mark).await?.is_some() {
                return Ok::<_, StoreError>(());
            }
            let last = txn.range(numbers.clone(), RangeOptions::limit(1).reversed()).await?;
            let next = last.first().map_or(0, |(key, _)| {
                u32::from_be_bytes(key[b"number/".len()..].try_into().expect("four bytes behind the prefix")) + 1
            });
            let seen = u32::try_from(txn.range(numbers.clone(), RangeOptions::default().snapshot()).await?.len())
                .expect("a few hundred numbers");
            let value = [ticket, &seen.to_be_bytes()].concat();
            txn.set(&[b"number/".as_slice(), &next.to_be_bytes()].concat(), &value);
            txn.set(&mark, b"");
            Ok(())
        });
        match outcome.await {
            Ok(()) => return,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}
