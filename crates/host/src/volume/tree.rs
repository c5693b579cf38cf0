//! Directories of volumes: made private, counted, removed.
//!
//! **Invariants**: the host opens tenant-made names only relative to directory descriptors and never through symbolic
//! links; removal works on trees of any depth (a tenant can make one far deeper than a path is long).

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Entries that one estimate of a volume's use looks at, at most.
const USE_ENTRIES_MAX: u64 = 500_000;
/// Directories that one estimate of a volume's use holds open, at most: deeper ones are not counted.
const USE_DEPTH_MAX: usize = 64;

/// Bytes allocated below a directory: exact up to [`USE_ENTRIES_MAX`] entries and [`USE_DEPTH_MAX`] levels.
pub(super) fn allocated_bytes(path: &Path) -> io::Result<u64> {
    let root = open_dir(CWD, path)?;
    let (mut bytes, mut entries) = (0, 0);
    let mut stack = vec![Dir::new(root)?];
    while let Some(dir) = stack.last_mut() {
        let Some(entry) = dir.next() else {
            stack.pop();
            continue;
        };
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        entries += 1;
        if entries > USE_ENTRIES_MAX {
            break;
        }
        let fd = dir.fd()?;
        // A tenant may remove it at any moment: what is gone uses nothing.
        let Ok(stat) = rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        if FileType::from_raw_mode(stat.st_mode).is_dir()
            && stack.len() < USE_DEPTH_MAX
            && let Ok(child) = open_dir(stack[stack.len() - 1].fd()?, name)
        {
            stack.push(Dir::new(child)?);
        }
    }
    Ok(bytes)
}

/// Makes a directory (and its parents) that only this process's user may enter.
///
/// # Errors
/// It cannot be made, or belongs to somebody else.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

fn open_dir<P: rustix::path::Arg>(at: impl std::os::fd::AsFd, path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// Removes a tree without paths: directories found below are first moved up beside their parent, so that no more than a
/// few levels are ever open.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = open_dir(CWD, path)?;
    empty(&top, None, &mut 0)?;
    std::fs::remove_dir(path)
}

/// Empties `top`. A btrfs subvolume that a tenant made inside is a file system of its own as far as moving goes: nothing
/// but subvolumes moves out of it. It is emptied as a top of its own, and the subvolumes in it move to `above`, so this
/// never calls itself more than once.
fn empty(top: &OwnedFd, above: Option<&OwnedFd>, moved: &mut u64) -> io::Result<()> {
    loop {
        let mut progress = false;
        let mut directories = Vec::new();
        for entry in Dir::read_from(top)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            progress = true;
            match rustix::fs::unlinkat(top, name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => directories.push(name.to_owned()),
                other => other?,
            }
        }
        for name in directories {
            if let Some(above) = above
                && move_up(top, &name, above, moved)?
            {
                continue;
            }
            // Owner bits may have been taken away; root does not need them, an ordinary user does.
            let _ = rustix::fs::chmodat(top, &name, Mode::RWXU, AtFlags::empty());
            let child = open_dir(top, &name)?;
            if !empty_into(&child, top, moved)? {
                if above.is_some() {
                    // Subvolumes were moved away above, so this cannot be one.
                    return Err(Errno::XDEV.into());
                }
                empty(&child, Some(top), moved)?;
            }
            rustix::fs::unlinkat(top, &name, AtFlags::REMOVEDIR)?;
        }
        if !progress {
            return Ok(());
        }
    }
}

/// Removes the files of `child` and moves its directories up into `top`; false when one cannot be moved there.
fn empty_into(child: &OwnedFd, top: &OwnedFd, moved: &mut u64) -> io::Result<bool> {
    for entry in Dir::read_from(child)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match rustix::fs::unlinkat(child, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => {
                let _ = rustix::fs::chmodat(child, name, Mode::RWXU, AtFlags::empty());
                if !move_up(child, name, top, moved)? {
                    return Ok(false);
                }
            }
            other => other?,
        }
    }
    Ok(true)
}

/// Moves a directory under a free number; false when that is another file system.
fn move_up(from: &OwnedFd, name: &std::ffi::CStr, to: &OwnedFd, moved: &mut u64) -> io::Result<bool> {
    loop {
        *moved += 1;
        // A tenant may have used the name; the next number is as good.
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from, name, to, format!("{moved}"), flags) {
            Err(Errno::EXIST) => {}
            Err(Errno::XDEV) => return Ok(false),
            other => return Ok(other.map(|()| true)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_deeper_than_any_path_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("label");
        make_private_dir(&root).unwrap();
        let mut here = open_dir(CWD, &root).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&here, "deeper", Mode::RWXU).unwrap();
            rustix::fs::openat(&here, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
            here = open_dir(&here, "deeper").unwrap();
        }
        std::fs::create_dir(root.join("1")).unwrap();
        // Some file systems keep small directories and empty files without any block.
        std::fs::write(root.join("data"), vec![7; 10_000]).unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("out")).unwrap();
        std::fs::write(dir.path().join("kept"), "kept").unwrap();
        assert!(allocated_bytes(&root).unwrap() > 0);
        remove_tree(&root).unwrap();
        assert!(!root.exists());
        assert_eq!(std::fs::read_to_string(dir.path().join("kept")).unwrap(), "kept");
    }

    #[test]
    fn use_is_counted_in_allocated_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let before = allocated_bytes(dir.path()).unwrap();
        std::fs::write(dir.path().join("data"), vec![7; 100_000]).unwrap();
        std::fs::File::create(dir.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
        let grown = allocated_bytes(dir.path()).unwrap() - before;
        assert!((100_000..200_000).contains(&grown), "{grown}");
    }
}
