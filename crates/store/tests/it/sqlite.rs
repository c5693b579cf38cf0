//! What is particular to the SQLite backend: its files, its lock, its bounds.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coditect_store::conformance::ManualClock;
use coditect_store::{KeyRange, OpenError, RangeOptions, SqliteOptions, Store, StoreError, Txn};

fn open_with(path: &Path, options: SqliteOptions) -> Result<Store, OpenError> {
    Store::open_sqlite(path, options, Arc::new(ManualClock::default()))
}

fn open(path: &Path) -> Result<Store, OpenError> {
    open_with(path, SqliteOptions::default())
}

async fn put(store: &Store, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    let txn = store.begin().await;
    txn.set(key, value);
    txn.commit().await
}

#[tokio::test]
async fn what_was_committed_is_there_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for round in 0..4_u8 {
        let store = open(&path).unwrap();
        assert_eq!(store.backend_name(), "sqlite");
        let before = store.begin().await.range(KeyRange::all(), RangeOptions::default()).await.unwrap();
        assert_eq!(before.len(), usize::from(round));
        put(&store, &[round], b"kept").await.unwrap();
        if round % 2 == 0 {
            store.close().await;
            assert!(!folder.path().join("store.db-wal").exists(), "a store that was closed is one file");
        } else {
            // Without a word.
            drop(store);
        }
    }
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db")).unwrap();
    put(&store, b"secret", b"1").await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["store.db", "store.db-shm", "store.db-wal", "store.db.lock"]);
}

#[tokio::test]
async fn a_second_opener_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let error = open(name).unwrap_err();
        let expected = format!("{} is in use by process {}; stop it first", path.display(), std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
    }
    store.clone().close().await;
    let again = open(&path).unwrap();
    put(&again, b"a", b"1").await.unwrap();
    assert!(matches!(put(&store, b"a", b"2").await, Err(StoreError::Closed)), "the closed handle stays closed");
}

/// `flock(1)` holds the lock here; the store's own in another process is the same lock.
#[tokio::test]
async fn another_process_keeps_us_out_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    open(&path).unwrap().close().await;
    let lock = folder.path().join("store.db.lock");
    let mut holder = Command::new("flock")
        .arg(&lock)
        .args(["sh", "-c", "echo held; read -r line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flock of util-linux is part of every Debian");
    let mut told = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut told).unwrap();
    std::fs::write(&lock, format!("{}\n", holder.id())).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { pid, .. } if pid == Some(holder.id())), "{error}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    open(&path).unwrap();
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, but long enough to be taken for the header of one by its size").unwrap();
    assert!(matches!(open(&text), Err(OpenError::NotAStore { .. })));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("not a database"));

    let other = folder.path().join("other.db");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE photos(id)").unwrap();
    drop(connection);
    let before = std::fs::read(&other).unwrap();
    let error = open(&other).unwrap_err();
    assert!(error.to_string().contains("is not a Coditect store"), "{error}");
    assert_eq!(std::fs::read(&other).unwrap(), before);

    let newer = folder.path().join("newer.db");
    open(&newer).unwrap().close().await;
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(open(&newer), Err(OpenError::Newer { found: 99, known: 1, .. })));

    let missing = folder.path().join("no/such/folder/store.db");
    let error = open(&missing).unwrap_err();
    assert!(matches!(error, OpenError::File { .. }) && error.to_string().contains("no/such/folder"), "{error}");
}

#[tokio::test]
async fn a_full_store_refuses_what_does_not_fit_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { max_bytes: Some(1 << 20), ..SqliteOptions::default() };
    let store = open_with(&folder.path().join("store.db"), options).unwrap();
    let fill = |n: u8| {
        let store = store.clone();
        async move { (n, put(&store, &[n], &[n; 90_000]).await) }
    };
    // At once, so that they share engine commits: one that does not fit must not take the others down.
    let tasks: Vec<_> = (0..30).map(|n| tokio::spawn(fill(n))).collect();
    let mut kept = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (n, Ok(())) => kept.push(n),
            (_, Err(error)) => assert!(matches!(error, StoreError::Full), "{error}"),
        }
    }
    kept.sort_unstable();
    assert!((5..12).contains(&kept.len()), "{} of 30 fit", kept.len());
    let found = store.begin().await.range(KeyRange::all(), RangeOptions::default()).await.unwrap();
    assert_eq!(found.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), kept);
    let txn = store.begin().await;
    txn.clear_range(KeyRange::all());
    txn.commit().await.unwrap();
    put(&store, b"room", &[1; 90_000]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_while_readers_never_pause() {
    const LOG_MAX: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { wal_max_bytes: LOG_MAX, ..SqliteOptions::default() };
    let store = open_with(&folder.path().join("store.db"), options).unwrap();
    put(&store, b"n", &0_u32.to_le_bytes()).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (store.clone(), done.clone());
            tokio::spawn(async move {
                let mut reads = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    let txn = store.begin().await;
                    let first = txn.get(b"n").await.unwrap();
                    tokio::task::yield_now().await;
                    assert_eq!(txn.get(b"n").await.unwrap(), first);
                    reads += 1;
                }
                reads
            })
        })
        .collect();
    let mut longest = 0;
    for n in 0..400_u32 {
        let outcome = store.transact("write", |txn: Txn| async move {
            txn.set(b"n", &n.to_le_bytes());
            txn.set(&n.to_be_bytes(), &[7; 20_000]);
            Ok::<_, StoreError>(())
        });
        outcome.await.unwrap();
        longest = longest.max(std::fs::metadata(folder.path().join("store.db-wal")).unwrap().len());
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    assert!(longest < 2 * LOG_MAX, "the log grew to {longest} bytes while 8 MB were written");
    assert_eq!(store.begin().await.range(KeyRange::all(), RangeOptions::default()).await.unwrap().len(), 401);
}
