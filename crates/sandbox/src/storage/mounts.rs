//! Mounting file systems for the host, never with set-user-id programs or devices, and what is mounted where.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount as unmount_now,
};

/// A file system that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub point: PathBuf,
    /// Device number.
    pub device: u64,
}

/// Mounts an ext4 that tenants write to. A file system that finds itself damaged becomes read-only at once instead of
/// spreading the damage; data reach the disk before what refers to them; freed blocks are given back to the image; inode
/// tables are not filled with zeros, which an image of holes consists of anyway.
///
/// # Errors
/// The kernel's; `EUCLEAN`, `EBADMSG` and `EINVAL` for a damaged one.
pub fn mount_ext4(device: &Path, point: &Path) -> io::Result<()> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let options = [("errors", "remount-ro"), ("data", "ordered")];
    mount("ext4", device, point, &options, &["discard", "noinit_itable"], attributes)
}

/// Mounts an XFS that holds images. Its unique name may be in use by a copy of the same disk.
///
/// # Errors
/// The kernel's.
pub fn mount_xfs(device: &Path, point: &Path) -> io::Result<()> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NOATIME;
    mount("xfs", device, point, &[], &["discard", "nouuid"], attributes)
}

fn mount(
    kind: &str,
    device: &Path,
    point: &Path,
    options: &[(&str, &str)],
    flags: &[&str],
    attributes: MountAttrFlags,
) -> io::Result<()> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    for (name, value) in options {
        fsconfig_set_string(&context, *name, *value)?;
    }
    for name in flags {
        fsconfig_set_flag(&context, *name)?;
    }
    fsconfig_create(&context)?;
    let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    Ok(move_mount(&mounted, "", CWD, point, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Unmounts what is mounted at `point`, without following a link there.
///
/// # Errors
/// [`io::ErrorKind::ResourceBusy`] while something has a file open on it; [`io::ErrorKind::InvalidInput`] when nothing is
/// mounted there.
pub fn unmount(point: &Path) -> io::Result<()> {
    Ok(unmount_now(point, UnmountFlags::NOFOLLOW)?)
}

/// What is mounted below `dir`, the deepest first.
///
/// # Errors
/// `/proc` cannot be read.
pub fn mounted_below(dir: &Path) -> io::Result<Vec<Mounted>> {
    let mut found: Vec<Mounted> = std::fs::read("/proc/self/mountinfo")?
        .split(|&byte| byte == b'\n')
        .filter_map(parse_line)
        .filter(|mounted| mounted.point.starts_with(dir) && mounted.point != dir)
        .collect();
    // Later ones may lie on top of earlier ones.
    found.reverse();
    found.sort_by_key(|mounted| std::cmp::Reverse(mounted.point.components().count()));
    Ok(found)
}

/// What is mounted at `point` itself, the topmost.
///
/// # Errors
/// `/proc` cannot be read.
pub fn mounted_at(point: &Path) -> io::Result<Option<Mounted>> {
    let text = std::fs::read("/proc/self/mountinfo")?;
    Ok(text.split(|&byte| byte == b'\n').filter_map(parse_line).rfind(|mounted| mounted.point == point))
}

/// A line of `/proc/self/mountinfo` (proc(5)): id, parent, major:minor, root, mount point, …
fn parse_line(line: &[u8]) -> Option<Mounted> {
    let mut fields = line.split(|&byte| byte == b' ').skip(2);
    let (major, minor) = std::str::from_utf8(fields.next()?).ok()?.split_once(':')?;
    let device = rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?);
    let point = unescape(fields.nth(1)?);
    Some(Mounted { point: PathBuf::from(OsString::from_vec(point)), device })
}

/// Blanks, tabs, newlines and backslashes are written as three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let octal = text.get(at + 1..at + 4).filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        match (text[at], octal) {
            (b'\\', Some(digits)) => {
                plain.push(digits.iter().fold(0_u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')));
                at += 4;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// Whether `dir` lies on the file system with this magic number (statfs(2)).
pub(super) fn is_on(dir: &Path, magic: u64) -> io::Result<bool> {
    let found = rustix::fs::statfs(dir.as_os_str().as_bytes())?.f_type;
    Ok(u64::try_from(found).is_ok_and(|found| found == magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo_are_read_with_their_escapes() {
        let line = br"36 35 7:3 / /data\040dir/a\134b rw,noatime master:1 - ext4 /dev/loop3 rw";
        let mounted = parse_line(line).unwrap();
        assert_eq!(mounted, Mounted { point: r"/data dir/a\b".into(), device: rustix::fs::makedev(7, 3) });
        assert_eq!(parse_line(b""), None);
        assert_eq!(parse_line(b"36 35 x / /y"), None);
        assert_eq!(unescape(br"a\04"), br"a\04");
    }

    #[test]
    fn what_is_mounted_is_found() {
        assert!(mounted_at(Path::new("/proc")).unwrap().is_some());
        assert!(mounted_at(Path::new("/proc/self")).unwrap().is_none());
        let below = mounted_below(Path::new("/")).unwrap();
        assert!(below.iter().any(|mounted| mounted.point == Path::new("/proc")));
        let depths: Vec<usize> = below.iter().map(|mounted| mounted.point.components().count()).collect();
        assert!(depths.is_sorted_by(|a, b| a >= b), "{depths:?}");
        assert!(unmount(Path::new("/nonexistent")).is_err());
    }
}
