//! Copying a file or a tree.
//!
//! **Invariants**: the copy is made under a temporary name and gets its final one when it is complete; a copy that fails
//! or is given up leaves nothing; symbolic links are copied, not followed; holes stay holes.

use std::fs::{File, Permissions, ReadDir};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::work::{CHUNK_BYTES, Cancel};
use super::{Places, remove, temporary, trash};
use crate::error::Result;
use crate::files::failure::failed;

/// Deepest nesting that is copied: each level keeps one directory open.
pub(super) const DEPTH_MAX: usize = 256;
/// Bytes copied by the kernel between two looks at whether the client is still there.
const PIECE_BYTES: u64 = 16 * 1024 * 1024;

/// Copies `from` to `to`, which appears complete or not at all.
pub(super) fn place(places: &Places, from: &Path, to: &Path, overwrite: bool, cancel: &Cancel) -> Result<()> {
    let parent = to.parent().unwrap_or(Path::new("/"));
    let temporary = temporary::name_in(parent);
    let outcome = tree(from, &temporary, cancel)
        .map_err(|error| failed("copy", from, &error))
        .and_then(|()| settle(places, &temporary, to, overwrite, cancel));
    if outcome.is_err() {
        // What cannot be removed stays hidden, and a later listing tries again.
        let _ = remove::tree(&temporary, &Cancel::default());
    }
    outcome
}

/// Renames to the final name. What is there and may be replaced goes to the trash, unless both are single files.
pub(super) fn settle(places: &Places, from: &Path, to: &Path, overwrite: bool, cancel: &Cancel) -> Result<()> {
    let fail = |error: io::Error| failed("make", to, &error);
    match temporary::rename_new(from, to) {
        Err(error) if overwrite && error.kind() == io::ErrorKind::AlreadyExists => {
            let is_directory = |path: &Path| path.symlink_metadata().map(|metadata| metadata.is_dir());
            if is_directory(from).map_err(fail)? || is_directory(to).map_err(fail)? {
                trash::put(places, to, cancel)?;
                temporary::rename_new(from, to).map_err(fail)
            } else {
                std::fs::rename(from, to).map_err(fail)
            }
        }
        outcome => outcome.map_err(fail),
    }
}

/// Copies to a name that does not exist.
pub(super) fn tree(from: &Path, to: &Path, cancel: &Cancel) -> io::Result<()> {
    struct Level {
        items: ReadDir,
        from: PathBuf,
        to: PathBuf,
        mode: u32,
    }
    let enter = |from: PathBuf, to: PathBuf| -> io::Result<Level> {
        let mode = from.symlink_metadata()?.permissions().mode() & 0o7777;
        let items = from.read_dir()?;
        // Writable while it is filled, whatever it will be.
        rustix::fs::mkdirat(CWD, &to, Mode::RWXU)?;
        Ok(Level { items, from, to, mode })
    };
    if !from.symlink_metadata()?.is_dir() {
        return single(from, to, cancel);
    }
    let mut levels = vec![enter(from.to_owned(), to.to_owned())?];
    while let Some(level) = levels.last_mut() {
        cancel.check()?;
        let Some(item) = level.items.next() else {
            std::fs::set_permissions(&level.to, Permissions::from_mode(level.mode))?;
            levels.pop();
            continue;
        };
        let name = item?.file_name();
        if temporary::is_temporary(&name) {
            continue;
        }
        let (from, to) = (level.from.join(&name), level.to.join(&name));
        if !from.symlink_metadata()?.is_dir() {
            single(&from, &to, cancel)?;
        } else if levels.len() < DEPTH_MAX {
            levels.push(enter(from, to)?);
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "directories are nested too deeply to copy"));
        }
    }
    Ok(())
}

fn single(from: &Path, to: &Path, cancel: &Cancel) -> io::Result<()> {
    let metadata = from.symlink_metadata()?;
    if metadata.is_symlink() {
        return std::os::unix::fs::symlink(std::fs::read_link(from)?, to);
    }
    let mode = Mode::from_raw_mode(metadata.permissions().mode() & 0o7777);
    match FileType::from_raw_mode(metadata.mode()) {
        FileType::RegularFile => file(from, to, mode, cancel),
        FileType::Fifo => Ok(rustix::fs::mknodat(CWD, to, FileType::Fifo, mode, 0)?),
        // A socket is bound to its own name and a device is not the user's to make; cp says so too.
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "sockets and devices cannot be copied")),
    }
}

fn file(from: &Path, to: &Path, mode: Mode, cancel: &Cancel) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let source = File::from(rustix::fs::open(from, flags, Mode::empty())?);
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(Errno::STALE.into());
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = File::from(rustix::fs::open(to, flags, Mode::RUSR | Mode::WUSR)?);
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        let size = metadata.len();
        let mut position = 0;
        while let Some((start, end)) = next_data(&source, position, size)? {
            extent(&source, &target, start, end, cancel)?;
            position = end;
        }
        target.set_len(size)?;
    }
    Ok(rustix::fs::fchmod(&target, mode)?)
}

/// The next stretch of a file that is not a hole.
fn next_data(source: &File, position: u64, size: u64) -> io::Result<Option<(u64, u64)>> {
    if position >= size {
        return Ok(None);
    }
    match rustix::fs::seek(source, SeekFrom::Data(position)) {
        Ok(start) if start >= size => Ok(None),
        Ok(start) => Ok(Some((start, rustix::fs::seek(source, SeekFrom::Hole(start))?.min(size)))),
        Err(Errno::NXIO) => Ok(None),
        // A file system without the notion of holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some((position, size))),
        Err(error) => Err(error.into()),
    }
}

fn extent(source: &File, target: &File, start: u64, end: u64, cancel: &Cancel) -> io::Result<()> {
    let (mut reading, mut writing) = (start, start);
    while reading < end {
        cancel.check()?;
        let wanted = usize::try_from((end - reading).min(PIECE_BYTES)).unwrap_or(CHUNK_BYTES);
        match rustix::fs::copy_file_range(source, Some(&mut reading), target, Some(&mut writing), wanted) {
            // Shortened meanwhile: the copy has what was there.
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS | Errno::PERM) => {
                return extent_by_hand(source, target, reading, end, cancel);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn extent_by_hand(mut source: &File, mut target: &File, start: u64, end: u64, cancel: &Cancel) -> io::Result<()> {
    rustix::fs::seek(source, SeekFrom::Start(start))?;
    rustix::fs::seek(target, SeekFrom::Start(start))?;
    let mut left = end - start;
    let mut buffer = vec![0; CHUNK_BYTES];
    while left > 0 {
        cancel.check()?;
        let wanted = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let read = source.read(&mut buffer[..wanted])?;
        if read == 0 {
            return Ok(());
        }
        target.write_all(&buffer[..read])?;
        left -= read as u64;
    }
    Ok(())
}
