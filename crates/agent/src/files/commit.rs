//! The last step of a write: a complete temporary file takes the target's name.
//!
//! Normally by rename, so that every reader sees the old content or the new and never a mixture. A file with further
//! hard links, of another owner, in a directory that may not be written or that is a mount point of its own is written
//! in place instead, because a rename would break the links, change the owner or fail; a reader may then see a mixture
//! for a moment, and a crash in that moment leaves one. Space for it is set aside before the first byte is changed.
//!
//! **Invariants**: order is: content and attributes, sync of the file, check of the precondition under a lock, rename, sync
//! of the directory. Of several writes with the same `If-Match` exactly one succeeds.

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use coditect_api::files::FileEntry;
use rustix::fs::{Access, AtFlags, CWD, FallocateFlags, Gid, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;

use super::failure::failed;
use super::precondition::Precondition;
use super::temporary::{Temporary, sync_directory};
use super::{entry, path};
use crate::error::{Error, Result};

/// Links followed to find what a link leads to (the kernel's own limit).
const LINKS_MAX: usize = 40;
/// Largest list of attribute names and largest attribute that is carried over, in bytes (the kernel's own limit).
const ATTRIBUTE_MAX_BYTES: usize = 64 * 1024;
/// Locks over the step from check to rename, chosen by inode.
static LOCKS: [Mutex<()>; 16] = [const { Mutex::new(()) }; 16];

/// A write that has been found possible and has somewhere to put its bytes.
#[derive(Debug)]
pub(super) struct Plan {
    temporary: Temporary,
    target: PathBuf,
    in_place: bool,
}

impl Plan {
    pub(super) fn file(&self) -> &File {
        self.temporary.file()
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }
}

/// Looks whether `asked` may be written and makes the temporary file. `temp` takes it where the directory cannot.
pub(super) fn prepare(asked: &Path, precondition: &Precondition, temp: &Path) -> Result<Plan> {
    let target = follow(asked).map_err(|error| failed("write", asked, &error))?;
    let fail = |error: io::Error| failed("write", &target, &error);
    let current = look(&target)?;
    precondition.check(&target, current.as_ref())?;
    let parent = target.parent().ok_or_else(|| fail(Errno::ISDIR.into()))?;
    if current.is_some() {
        // A rename would replace a read-only file as well; who made it read-only meant something by it.
        rustix::fs::accessat(CWD, &target, Access::WRITE_OK, AtFlags::empty()).map_err(|error| fail(error.into()))?;
    }
    let in_place = current.as_ref().is_some_and(|current| must_stay(current, parent));
    let mode = if current.is_some() { 0o600 } else { 0o666 };
    let temporary = match Temporary::create(parent, mode) {
        Err(error) if in_place && error.raw_os_error() != Some(Errno::NOSPC.raw_os_error()) => {
            Temporary::create(temp, 0o600)
        }
        outcome => outcome,
    };
    Ok(Plan { temporary: temporary.map_err(fail)?, target, in_place })
}

/// Gives the written content its name. Answers the entry as `asked` for, its etag, and whether it is new.
pub(super) fn commit(mut plan: Plan, asked: &Path, precondition: &Precondition) -> Result<(FileEntry, String, bool)> {
    let target = plan.target.clone();
    let fail = |error: io::Error| failed("write", &target, &error);
    let before = look(&target)?;
    if let Some(before) = before.as_ref().filter(|_| !plan.in_place) {
        keep_attributes(&target, before, plan.file()).map_err(fail)?;
    }
    plan.file().sync_all().map_err(fail)?;

    let stripe = before.as_ref().map_or(0, |before| usize::try_from(before.ino() % 16).unwrap_or(0));
    let written = {
        // Poisoned means that another write panicked: the lock guards no data of its own.
        let _lock = LOCKS[stripe].lock().unwrap_or_else(PoisonError::into_inner);
        let current = look(&target)?;
        precondition.check(&target, current.as_ref())?;
        match &current {
            None if precondition.creates_only() => {
                plan.temporary.become_new(&target).map_err(|error| match error.kind() {
                    // Someone was faster between the look and the link.
                    io::ErrorKind::AlreadyExists => {
                        let current = target.symlink_metadata().ok();
                        precondition.check(&target, current.as_ref()).err().unwrap_or_else(|| fail(error))
                    }
                    _ => fail(error),
                })?;
                None
            }
            Some(current) if plan.in_place => Some(overwrite(&plan, current).map_err(fail)?),
            _ => match plan.temporary.replace(&target) {
                // The target is a mount point, as single files in containers are.
                Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {
                    let current = current.as_ref().ok_or_else(|| fail(error))?;
                    Some(overwrite(&plan, current).map_err(fail)?)
                }
                outcome => {
                    outcome.map_err(fail)?;
                    None
                }
            },
        }
    };
    let written = written.as_ref().unwrap_or_else(|| plan.file());
    // Taken from the file that was written, not from the name: if someone replaced it since, this etag is already stale.
    let etag = entry::etag(&written.metadata().map_err(fail)?);
    if let Some(parent) = target.parent() {
        sync_directory(parent)?;
    }
    let mut answer = entry::read(asked).map_err(fail)?;
    answer.etag = Some(etag.clone());
    Ok((answer, etag, before.is_none()))
}

/// Where a write through symbolic links ends, whether that exists or not.
fn follow(asked: &Path) -> io::Result<PathBuf> {
    let mut path = asked.to_owned();
    for _ in 0..LINKS_MAX {
        match std::fs::read_link(&path) {
            Ok(link) => {
                let parent = path.parent().unwrap_or(Path::new("/")).to_owned();
                path = parent.join(link);
            }
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::LOOP.into())
}

fn look(target: &Path) -> Result<Option<Metadata>> {
    match target.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(metadata) => {
            let noun = entry::other_noun(metadata.file_type());
            let message = format!("cannot write {}: it is {noun}, not a file", target.display());
            Err(Error::invalid_value("path", message).with("path", path::encode(target)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("write", target, &error)),
    }
}

fn must_stay(current: &Metadata, parent: &Path) -> bool {
    let own = rustix::process::geteuid();
    let same_owner = own.is_root() || own.as_raw() == current.uid();
    let may_rename = rustix::fs::accessat(CWD, parent, Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).is_ok();
    current.nlink() > 1 || !same_owner || !may_rename
}

/// Gives the new content the old one's owner, permissions and attributes.
fn keep_attributes(target: &Path, old: &Metadata, new: &File) -> io::Result<()> {
    let fresh = new.metadata()?;
    if (fresh.uid(), fresh.gid()) != (old.uid(), old.gid()) {
        let owner = (fresh.uid() != old.uid()).then(|| Uid::from_raw(old.uid()));
        // A group the user is not in cannot be given; the content matters more.
        let _ = rustix::fs::fchown(new, owner, Some(Gid::from_raw(old.gid())));
    }
    for name in attribute_names(target) {
        let mut value = vec![0_u8; ATTRIBUTE_MAX_BYTES];
        if let Ok(length) = rustix::fs::lgetxattr(target, name.as_c_str(), value.as_mut_slice()) {
            // Best effort, like cp: an attribute that cannot be set must not keep the user from saving.
            let _ = rustix::fs::fsetxattr(new, name.as_c_str(), &value[..length], XattrFlags::empty());
        }
    }
    new.set_permissions(std::fs::Permissions::from_mode(old.permissions().mode() & 0o7777))
}

/// The attributes worth keeping. Not file capabilities: the kernel takes them from a written file too.
fn attribute_names(target: &Path) -> Vec<CString> {
    let mut list = vec![0_u8; ATTRIBUTE_MAX_BYTES];
    let length = rustix::fs::llistxattr(target, list.as_mut_slice()).unwrap_or(0);
    let names = list[..length].split_inclusive(|&byte| byte == 0);
    names
        .filter_map(|name| CStr::from_bytes_with_nul(name).ok())
        .filter(|name| name.to_bytes().starts_with(b"user.") || name.to_bytes() == b"system.posix_acl_access")
        .map(CStr::to_owned)
        .collect()
}

/// Writes the content over the existing file.
fn overwrite(plan: &Plan, current: &Metadata) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::open(&plan.target, flags, Mode::empty())?);
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (current.dev(), current.ino()) {
        return Err(Errno::STALE.into());
    }
    let length = plan.file().metadata()?.len();
    if length > opened.len() {
        let reserved = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, length);
        // Not every file system can; then the writes themselves will tell.
        if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = reserved {
            return Err(error.into());
        }
    }
    let mut content = plan.file();
    content.rewind()?;
    let mut buffer = vec![0; super::work::CHUNK_BYTES];
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            read => file.write_all(&buffer[..read])?,
        }
    }
    file.set_len(length)?;
    file.sync_all()?;
    Ok(file)
}
