//! Temporary files and names beside the files they will become.
//!
//! **Invariants**: a temporary file has no name at all until it is complete, where the file system can do that; where it
//! has one, listings, searches and watches do not show it, and one that a killed agent left is removed later.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::failure;

const PREFIX: &str = ".coditect-tmp-";
/// Age from which a temporary entry that is not this agent's own counts as left over, in seconds.
const LEFTOVER_AGE_S: i64 = 3600;

/// Whether a name is one of ours for things that are not complete yet.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_bytes().starts_with(PREFIX.as_bytes())
}

/// Whether the temporary entry at `path` was left by an agent that is gone. Old *and* of another agent: a workspace
/// may be shared with a second agent, as when Coditect is developed inside Coditect.
pub(super) fn is_leftover(path: &Path, now_ms: i64) -> bool {
    let own = format!("{PREFIX}{}", instance());
    let foreign = path.file_name().is_some_and(|name| !name.as_bytes().starts_with(own.as_bytes()));
    foreign && path.symlink_metadata().is_ok_and(|metadata| now_ms / 1000 - metadata.ctime() > LEFTOVER_AGE_S)
}

/// A fresh name in `directory`.
pub(super) fn name_in(directory: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    directory.join(format!("{PREFIX}{}-{}", instance(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn instance() -> &'static str {
    static INSTANCE: OnceLock<String> = OnceLock::new();
    INSTANCE.get_or_init(|| format!("{:016x}", random()))
}

/// 64 unpredictable bits.
pub(super) fn random() -> u64 {
    let mut bytes = [0; 8];
    // Short reads and EINTR cannot happen below 256 bytes (getrandom(2)); without entropy at boot it waits.
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    debug_assert_eq!(filled, Ok(8));
    u64::from_ne_bytes(bytes)
}

/// Milliseconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "file times come from the kernel's clock, and are compared with it")]
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A file that is being written and has no final name yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    directory: PathBuf,
    /// Its temporary name, once it has one.
    name: Option<PathBuf>,
}

impl Temporary {
    /// Makes one in `directory` with `mode`, from which the kernel takes the umask.
    pub(super) fn create(directory: &Path, mode: u32) -> io::Result<Self> {
        let mode = Mode::from_raw_mode(mode);
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open(directory, flags | OFlags::TMPFILE, mode) {
            Ok(fd) => Ok(Self { file: File::from(fd), directory: directory.to_owned(), name: None }),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Self::create_named(directory, mode),
            Err(error) => Err(error.into()),
        }
    }

    /// For file systems that have no files without a name.
    fn create_named(directory: &Path, mode: Mode) -> io::Result<Self> {
        let name = name_in(directory);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(&name, flags, mode)?;
        Ok(Self { file: File::from(fd), directory: directory.to_owned(), name: Some(name) })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its final name, which must not exist.
    pub(super) fn become_new(&mut self, target: &Path) -> io::Result<()> {
        match self.name.take() {
            None => self.link(target),
            Some(name) => rename_new(&name, target).inspect_err(|_| self.name = Some(name)),
        }
    }

    /// Gives it its final name in place of what has that name.
    pub(super) fn replace(&mut self, target: &Path) -> io::Result<()> {
        let name = match self.name.take() {
            Some(name) => name,
            None => {
                let name = name_in(&self.directory);
                self.link(&name)?;
                name
            }
        };
        std::fs::rename(&name, target).inspect_err(|_| self.name = Some(name))
    }

    fn link(&self, name: &Path) -> io::Result<()> {
        // Through /proc, because AT_EMPTY_PATH wants a capability.
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, own, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // One that stays is hidden and cleaned up by a later listing.
            let _ = std::fs::remove_file(name);
        }
    }
}

/// Renames to a name that must not exist.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some network file systems do not know the flag: then there is only the look before.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if to.symlink_metadata().is_err() => {
            std::fs::rename(from, to)
        }
        Err(error) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}

/// Makes the names in a directory last (fsync(2): the file's own sync does not).
pub(super) fn sync_directory(directory: &Path) -> crate::error::Result<()> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    match synced {
        // A directory that may be written but not read, or a file system without the notion.
        Err(error)
            if matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::ACCESS | Errno::INVAL)) =>
        {
            Ok(())
        }
        outcome => outcome.map_err(|error| failure::failed("save", directory, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn both(directory: &Path) -> [Temporary; 2] {
        let named = Temporary::create_named(directory, Mode::RUSR | Mode::WUSR).unwrap();
        [Temporary::create(directory, 0o600).unwrap(), named]
    }

    #[test]
    fn a_name_is_taken_once_and_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        let [mut unnamed, mut named] = both(directory.path());
        assert!(unnamed.name.is_none() && is_temporary(named.name.as_ref().unwrap().file_name().unwrap()));
        unnamed.file().write_all(b"first").unwrap();
        named.file().write_all(b"second").unwrap();
        unnamed.become_new(&target).unwrap();
        assert_eq!(named.become_new(&target).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&target).unwrap(), b"first");
        named.replace(&target).unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"second");
        drop((unnamed, named));
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn dropping_an_unfinished_one_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(both(directory.path()));
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn only_old_entries_of_another_agent_are_left_over() {
        let directory = tempfile::tempdir().unwrap();
        let own = name_in(directory.path());
        let foreign = directory.path().join(".coditect-tmp-another-1");
        let later = now_ms() + (LEFTOVER_AGE_S + 60) * 1000;
        for path in [&own, &foreign] {
            std::fs::write(path, "").unwrap();
        }
        assert!(!is_leftover(&foreign, now_ms()));
        assert!(is_leftover(&foreign, later));
        assert!(!is_leftover(&own, later));
    }
}
