//! inotify: the instance, adding and removing watches, reading what happened.

use std::fs::Metadata;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// What is read at once, in bytes: about a hundred events.
const BUFFER_BYTES: usize = 4096;
/// Reads between two returns to the runtime.
const READS_MAX: usize = 64;

/// One event, as far as it matters.
pub(super) struct Happened {
    pub(super) wd: i32,
    pub(super) flags: ReadFlags,
    pub(super) name: Option<PathBuf>,
}

/// Why a directory has no watch.
pub(super) enum Refusal {
    /// It is not there (any more).
    Absent,
    /// The kernel has no watch left; looking again now and then must do.
    Exhausted(&'static str),
    /// It will not work, and looking again will not help.
    Impossible(String),
}

pub(super) fn init() -> io::Result<OwnedFd> {
    Ok(inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?)
}

pub(super) fn add(instance: &OwnedFd, directory: &Path) -> Result<i32, Refusal> {
    let flags = WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MODIFY
        | WatchFlags::CLOSE_WRITE
        | WatchFlags::ATTRIB
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::EXCL_UNLINK;
    inotify::add_watch(instance, directory, flags).map_err(|error| refusal(error, directory))
}

/// What an error of inotify means for the directory.
pub(super) fn refusal(error: Errno, directory: &Path) -> Refusal {
    match error {
        Errno::NOENT => Refusal::Absent,
        Errno::NOSPC => Refusal::Exhausted("the machine's limit of watched directories is reached"),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => Refusal::Exhausted("the machine's limit of watchers is reached"),
        Errno::NOTDIR => Refusal::Impossible("it is not a directory".into()),
        Errno::ACCESS => Refusal::Impossible("permission denied".into()),
        error => Refusal::Impossible(format!("{} cannot be watched: {error}", directory.display())),
    }
}

pub(super) fn remove(instance: &OwnedFd, wd: i32) {
    // A watch that is gone already went with its directory.
    let _ = inotify::remove_watch(instance, wd);
}

/// Reads what has happened, up to a bound. Whether there may be more comes with it.
pub(super) fn drain(instance: &OwnedFd) -> io::Result<(Vec<Happened>, bool)> {
    let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
    let mut reader = Reader::new(instance, &mut buffer);
    let mut all: Vec<Happened> = Vec::new();
    let mut reads = 0;
    loop {
        if reader.is_buffer_empty() {
            if reads == READS_MAX {
                return Ok((all, true));
            }
            reads += 1;
        }
        match reader.next() {
            Ok(event) => {
                let name = event.file_name().map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())));
                all.push(Happened { wd: event.wd(), flags: event.events(), name });
            }
            Err(Errno::AGAIN) => return Ok((all, false)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What changes when entries of a directory come or go.
pub(super) fn stamp(of: &Metadata) -> (i64, i64, i64, i64, u64) {
    (of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec(), of.ino())
}
