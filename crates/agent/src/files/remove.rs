//! Removing a tree for good.
//!
//! **Invariants**: never follows a symbolic link; open directories and stack stay bounded however deep the tree is;
//! directories that the user made unwritable are opened up first, as their owner may.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::temporary;
use super::work::Cancel;

/// Directories open at once. What lies deeper is moved up to the tree's root and removed from there.
const DEPTH_MAX: usize = 32;
/// Times a directory is read again because something is still, or again, in it.
const PASSES_MAX: u32 = 1000;

/// Removes whatever is at `path`. Nothing there is an error.
pub(super) fn tree(path: &Path, cancel: &Cancel) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return std::fs::remove_file(path);
    }
    let root = open(CWD, path)?;
    for _ in 0..PASSES_MAX {
        empty(root.as_fd(), cancel)?;
        match std::fs::remove_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            outcome => return outcome,
        }
    }
    Err(Errno::NOTEMPTY.into())
}

/// One pass over the tree below `root`.
fn empty(root: BorrowedFd<'_>, cancel: &Cancel) -> io::Result<()> {
    let mut levels: Vec<Level> = vec![Level::new(root.try_clone_to_owned()?)?];
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return Ok(()) };
        cancel.check()?;
        let Some(item) = level.items.next() else {
            leave(&mut levels)?;
            continue;
        };
        let item = item?;
        let name = item.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let is_directory = match item.file_type() {
            FileType::Directory => true,
            FileType::Unknown => {
                let stat = rustix::fs::statat(&level.directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            }
            _ => false,
        };
        if !is_directory {
            level.retry(|directory| rustix::fs::unlinkat(directory, name, AtFlags::empty()))?;
        } else if depth < DEPTH_MAX {
            let child = open(level.directory.as_fd(), name)?;
            let mut child = Level::new(child)?;
            child.name = Some(name.to_owned());
            levels.push(child);
        } else {
            let up = temporary::name_in(Path::new(""));
            level.retry(|directory| rustix::fs::renameat(directory, name, root, &up))?;
        }
    }
}

/// Removes the directory that has been read to its end; the root stays, for its caller.
fn leave(levels: &mut Vec<Level>) -> io::Result<()> {
    let Some(done) = levels.pop() else { return Ok(()) };
    let (Some(parent), Some(name)) = (levels.last_mut(), done.name) else { return Ok(()) };
    match parent.retry(|directory| rustix::fs::unlinkat(directory, &name, AtFlags::REMOVEDIR)) {
        // Something was added meanwhile; the next pass over the root sees it.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        outcome => outcome,
    }
}

struct Level {
    directory: OwnedFd,
    items: Dir,
    name: Option<std::ffi::CString>,
}

impl Level {
    fn new(directory: OwnedFd) -> io::Result<Self> {
        let items = Dir::new(directory.try_clone()?)?;
        let mut level = Self { directory, items, name: None };
        // The offset is shared with every duplicate of the descriptor: the last pass may have left it at the end.
        level.items.rewind();
        Ok(level)
    }

    /// Tries again after making this directory writable, when that was the obstacle.
    fn retry(&mut self, act: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<()>) -> io::Result<()> {
        match act(self.directory.as_fd()) {
            Err(Errno::ACCESS) => {
                rustix::fs::fchmod(&self.directory, Mode::RWXU)?;
                Ok(act(self.directory.as_fd())?)
            }
            outcome => Ok(outcome?),
        }
    }
}

fn open<P: rustix::path::Arg + Copy>(directory: BorrowedFd<'_>, name: P) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            // Only what is a directory itself: chmod follows links.
            let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                return Err(Errno::NOTDIR.into());
            }
            rustix::fs::chmodat(directory, name, Mode::RWXU, AtFlags::empty())?;
            Ok(rustix::fs::openat(directory, name, flags, Mode::empty())?)
        }
        outcome => {
            let fd = outcome?;
            // Readable but not enterable: names could be read, nothing unlinked.
            let file = File::from(fd);
            let metadata = file.metadata()?;
            let own = rustix::process::geteuid();
            if metadata.permissions().mode() & 0o300 != 0o300 && metadata.uid() == own.as_raw() {
                rustix::fs::fchmod(&file, Mode::RWXU)?;
            }
            Ok(file.into())
        }
    }
}
