//! kill -9 at random moments: every acknowledged commit is there afterwards, and no half of any other.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use coditect_model::ambient::{Clock, Timestamp};
use coditect_store::{KeyRange, RangeOptions, SqliteOptions, Store, StoreError, Txn};

const TASKS: u32 = 8;
const ROUNDS: u64 = 12;

/// Time does not matter here.
struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

fn open(folder: &Path) -> Store {
    // A small log, so that checkpoints are interrupted, too.
    let options = SqliteOptions { wal_max_bytes: 1 << 20, ..SqliteOptions::default() };
    Store::open_sqlite(&folder.join("store.db"), options, Arc::new(Still)).unwrap()
}

fn key(side: u8, task: u32, number: u32) -> Vec<u8> {
    [&[side], task.to_be_bytes().as_slice(), &number.to_be_bytes()].concat()
}

/// Commits `numbers` of one task: two halves, of different sizes and far apart; the count of all; and the removal of
/// an older pair.
async fn write(store: &Store, task: u32, number: u32) {
    let outcome = store.transact("pair", |txn: Txn| async move {
        let fill = vec![b'x'; usize::try_from(number * 37 % 400).unwrap()];
        txn.set(&key(b'a', task, number), &fill);
        txn.set(&key(b'b', task, number), &fill);
        txn.set(&key(b'n', task, 0), &number.to_be_bytes());
        if number % 3 == 2 {
            txn.clear(&key(b'a', task, number - 1));
            txn.clear_range(KeyRange::single(&key(b'b', task, number - 1)));
        }
        Ok::<_, StoreError>(())
    });
    outcome.await.unwrap();
}

async fn last(store: &Store, task: u32) -> Option<u32> {
    let value = store.begin().await.get(&key(b'n', task, 0)).await.unwrap()?;
    Some(u32::from_be_bytes(value.try_into().unwrap()))
}

/// Checks that exactly the commits up to the last are there, whole. Answers the last of each task.
async fn check(store: &Store) -> HashMap<u32, u32> {
    let mut found = HashMap::new();
    let txn = store.begin().await;
    let mut expected = 0;
    for task in 0..TASKS {
        let Some(last) = last(store, task).await else { continue };
        found.insert(task, last);
        for number in 0..=last {
            let cleared = number % 3 == 1 && number < last;
            let a = txn.get(&key(b'a', task, number)).await.unwrap();
            let b = txn.get(&key(b'b', task, number)).await.unwrap();
            assert_eq!(a.is_some(), !cleared, "task {task}, commit {number} of {last}");
            assert_eq!(a, b, "task {task}, commit {number} of {last} is half there");
            expected += if cleared { 0 } else { 2 };
        }
        expected += 1;
    }
    let (mut count, mut rest) = (0, KeyRange::all());
    loop {
        let page = txn.range(rest.clone(), RangeOptions::limit(5000).snapshot()).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        rest = rest.after(last);
        count += page.len();
    }
    assert_eq!(count, expected, "nothing else is there");
    found
}

/// The process that is killed: `run_child` starts this test alone, with the folder as a further filter. Without one
/// it commits a little to a folder of its own, and ends.
#[test]
fn child() {
    let given = std::env::args().find_map(|argument| argument.strip_prefix("folder=").map(PathBuf::from));
    let fresh = tempfile::tempdir().unwrap();
    let (told, count) = (given.is_some(), if given.is_some() { u32::MAX } else { 30 });
    let folder = given.unwrap_or_else(|| fresh.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async {
        let store = open(&folder);
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let store = store.clone();
                tokio::spawn(async move {
                    let first = last(&store, task).await.map_or(0, |last| last + 1);
                    for number in (first..).take(usize::try_from(count).unwrap()) {
                        write(&store, task, number).await;
                        if told {
                            // One write call per line, so that a line is whole or not there.
                            std::io::stdout().write_all(format!("\nack {task} {number}\n").as_bytes()).unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(check(&store).await.values().all(|last| *last >= 29));
        store.close().await;
    });
}

/// Starts the child, kills it after `acks` acknowledgements, and answers all it gave.
fn run_child(folder: &Path, acks: u64) -> HashMap<u32, u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--nocapture", "--test-threads=1"])
        .arg(format!("folder={}", folder.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = HashMap::new();
    let mut count = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some(ack) = line.strip_prefix("ack ") else { continue };
        let (task, number) = ack.split_once(' ').unwrap();
        acknowledged.insert(task.parse().unwrap(), number.parse().unwrap());
        count += 1;
        if count == acks {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= acks, "the child ended by itself after {count} acknowledgements");
    acknowledged
}

#[test]
fn acknowledged_commits_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for round in 0..ROUNDS {
        // Spread over the start, single groups, and several checkpoints.
        let acks = 1 + (round * round * 7919) % 1500;
        println!("round {round}: killed after {acks} acknowledgements");
        let acknowledged = run_child(folder.path(), acks);
        runtime.block_on(async {
            let store = open(folder.path());
            let found = check(&store).await;
            for (task, number) in acknowledged {
                assert!(found.get(&task).is_some_and(|last| *last >= number), "task {task} lost commit {number}");
            }
            // It can be killed while it is open here, too: nothing is closed on the way out of a crash.
            if round % 2 == 0 {
                store.close().await;
            }
        });
    }
}
