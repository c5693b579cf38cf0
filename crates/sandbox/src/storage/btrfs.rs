//! btrfs subvolumes with simple quotas.
//!
//! A subvolume's limit is set on a group of the first level above it, which subvolumes made inside it join by themselves:
//! whoever makes one gains nothing by it.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use super::mounts::is_on;
use crate::sys::storage as sys;

const BTRFS_MAGIC: u64 = 0x9123_683E;
/// Where the level is in the number of a group.
const LEVEL_SHIFT: u32 = 48;

/// Whether a directory lies on btrfs.
///
/// # Errors
/// It cannot be looked at.
pub fn is_btrfs(dir: &Path) -> io::Result<bool> {
    is_on(dir, BTRFS_MAGIC)
}

/// Turns simple quotas on for the file system of `dir`, if they are not on already. From then on kernels before 6.7 cannot
/// mount it.
///
/// # Errors
/// The kernel is too old, or the other kind of quotas is on (which slows every deletion down).
pub fn enable_simple_quotas(dir: &Path) -> io::Result<()> {
    match quota_mode(dir)?.as_deref() {
        Some("squota") => Ok(()),
        Some(other) => {
            Err(io::Error::other(format!("quotas of the kind `{other}` are on: `btrfs quota disable` first")))
        }
        None => sys::request(File::open(dir)?.as_fd(), &mut sys::QuotaControl::enable_simple()).map(drop),
    }
}

/// The kind of quotas that are on.
fn quota_mode(dir: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(sysfs(dir)?.join("qgroups/mode")) {
        Ok(mode) => Ok(Some(mode.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn sysfs(dir: &Path) -> io::Result<PathBuf> {
    let mut info = sys::FileSystem::question();
    sys::request(File::open(dir)?.as_fd(), &mut info)?;
    let id = info.id();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = [hex(&id[..4]), hex(&id[4..6]), hex(&id[6..8]), hex(&id[8..10]), hex(&id[10..])].join("-");
    Ok(Path::new("/sys/fs/btrfs").join(id))
}

/// Makes an empty subvolume `name` in `parent` that may hold `max_bytes`.
///
/// # Errors
/// It exists, or the kernel's.
pub fn create(parent: &Path, name: &str, max_bytes: u64) -> io::Result<()> {
    let dir = File::open(parent)?;
    let mut wanted = sys::SubvolumeCreate::new(name).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    sys::request(dir.as_fd(), &mut wanted)?;
    let limited = confine(parent, name, max_bytes);
    if limited.is_err() {
        // The failure to limit is what matters; what is left is an empty subvolume that the next attempt limits.
        let _ = destroy(parent, name);
    }
    limited
}

/// Puts a subvolume under its limit; to be called again after a crash in [`create`].
///
/// # Errors
/// The kernel's.
pub fn confine(parent: &Path, name: &str, max_bytes: u64) -> io::Result<()> {
    let id = subvolume_id(&File::open(parent.join(name))?)?;
    // Asked of the subvolume itself, the kernel would want room for the change within its limit.
    let file = File::open(parent)?;
    let parent = group_above(id);
    let exists = |outcome: io::Result<libc::c_int>| match outcome {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other.map(drop),
    };
    exists(sys::request(file.as_fd(), &mut sys::QgroupCreate::make(parent)))?;
    exists(sys::request(file.as_fd(), &mut sys::QgroupAssign::new(id, parent)))?;
    sys::request(file.as_fd(), &mut sys::QgroupLimit::new(parent, max_bytes)).map(drop)
}

/// Bytes that a subvolume and those inside it hold.
///
/// # Errors
/// It has no group.
pub fn used_bytes(subvolume: &Path) -> io::Result<u64> {
    let id = subvolume_id(&File::open(subvolume)?)?;
    let text = std::fs::read_to_string(sysfs(subvolume)?.join(format!("qgroups/1_{id}/referenced")))?;
    text.trim().parse().map_err(io::Error::other)
}

/// Removes a subvolume and its group; its space is freed in the background.
///
/// # Errors
/// [`io::ErrorKind::DirectoryNotEmpty`] when another subvolume lies in it; [`io::ErrorKind::InvalidInput`] when it is not
/// a subvolume.
pub fn destroy(parent: &Path, name: &str) -> io::Result<()> {
    let dir = File::open(parent)?;
    let id = File::open(parent.join(name)).and_then(|file| subvolume_id(&file));
    let mut wanted = sys::SubvolumeDestroy::new(name).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    sys::request(dir.as_fd(), &mut wanted)?;
    if let Ok(id) = id {
        // Groups that still count blocks about to be freed cannot go yet; an empty one costs nothing and bounds nobody.
        let _ = sys::request(dir.as_fd(), &mut sys::QgroupCreate::remove(group_above(id)));
    }
    Ok(())
}

/// Whether a directory is the top of a subvolume.
///
/// # Errors
/// It cannot be looked at.
pub fn is_subvolume(dir: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    // BTRFS_FIRST_FREE_OBJECTID: the inode number of every subvolume's top and of nothing else.
    Ok(is_btrfs(dir)? && dir.symlink_metadata()?.ino() == 256)
}

fn subvolume_id(file: &File) -> io::Result<u64> {
    let mut question = sys::TreeOf::question();
    sys::request(file.as_fd(), &mut question)?;
    Ok(question.id())
}

fn group_above(id: u64) -> u64 {
    1 << LEVEL_SHIFT | id
}
