//! The files of a store: the lock that keeps other processes out, and connections set up for durability.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::SqliteOptions;
use crate::error::OpenError;

/// Marks the file as ours (`PRAGMA application_id`): "COD1".
const APPLICATION_ID: i64 = 0x434f_4431;
/// Counts changes of the layout (`PRAGMA user_version`).
const FORMAT: i64 = 1;
const PAGE_BYTES: u64 = 4096;
/// Log pages after which the committer copies them into the database (16 MiB).
const CHECKPOINT_PAGES: i64 = 4096;
/// For tools that look into the file from outside; our own connections never wait for each other.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Holds the store for this process, until dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "kept open, for the lock on it")] File);

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn wal_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

fn open_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes the file if it is missing, and locks it by a file beside it. (A lock on the file itself would be lost when
/// SQLite closes it, and would meet SQLite's own.) Answers the real path, so that two names are one store.
pub(super) fn create_and_lock(path: &Path) -> Result<(PathBuf, Lock), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::File { path, source }
    };
    // SQLite gives the log and the shared memory the database's mode.
    open_private(path).map_err(failed(path))?;
    let path = path.canonicalize().map_err(failed(path))?;
    let lock_path = beside(&path, ".lock");
    let mut lock = open_private(&lock_path).map_err(failed(&lock_path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Whoever holds it is named if it got to write its number; the refusal stands either way.
            let pid = lock.take(32).read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::InUse { path, pid });
        }
        Err(TryLockError::Error(source)) => return Err(failed(&lock_path)(source)),
    }
    let sign = |lock: &mut File| {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    sign(&mut lock).map_err(failed(&lock_path))?;
    Ok((path, Lock(lock)))
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    // Every connection is used by one thread at a time, so SQLite need not lock.
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

pub(super) fn open_writer(path: &Path, options: &SqliteOptions) -> Result<Connection, OpenError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotAStore { path: path.to_owned() },
        _ => OpenError::Engine { path: path.to_owned(), source },
    };
    let writer = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    let fresh = identify(&writer, path, failed)?;
    set_up(&writer, options, fresh).map_err(failed)?;
    Ok(writer)
}

/// Refuses files that are not ours, before anything is written to them. Answers whether there is nothing in it yet.
fn identify(
    writer: &Connection,
    path: &Path,
    failed: impl Fn(rusqlite::Error) -> OpenError + Copy,
) -> Result<bool, OpenError> {
    let number = |name| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    let tables: i64 = writer.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    match (number("application_id")?, number("user_version")?, tables) {
        (0, 0, 0) => Ok(true),
        (APPLICATION_ID, FORMAT, _) => Ok(false),
        (APPLICATION_ID, found, _) if found > FORMAT => {
            Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT })
        }
        _ => Err(OpenError::NotAStore { path: path.to_owned() }),
    }
}

fn set_up(writer: &Connection, options: &SqliteOptions, fresh: bool) -> rusqlite::Result<()> {
    writer.pragma_update(None, "page_size", PAGE_BYTES.cast_signed())?;
    let mode: String = writer.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("the file system does not support a write-ahead log (journal mode stays `{mode}`)");
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        return Err(rusqlite::Error::SqliteFailure(code, Some(reason)));
    }
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    if let Some(bytes) = options.max_bytes {
        writer.pragma_update(None, "max_page_count", (bytes / PAGE_BYTES).max(1).cast_signed())?;
    }
    if !fresh {
        // A store on a full disk must open, for someone to read it and make room.
        return Ok(());
    }
    writer.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         CREATE TABLE kv(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
         PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={FORMAT};
         COMMIT;"
    ))
}

pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let reader = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(reader)
    };
    open().map_err(|source| OpenError::Engine { path: path.to_owned(), source })
}
