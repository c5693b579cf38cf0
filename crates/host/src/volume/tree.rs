//! Directories of volumes: made private, counted, removed.
//!
//! **Invariants**: the host opens tenant-made names only relative to directory descriptors and never through symbolic
//! links; removal works on trees of any depth (a tenant can make one far deeper than a path is long).

use std::io;
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

fn open_dir<P: rustix::path::Arg>(at: impl std::os::fd::AsFd, path: P) -> rustix::io::Result<rustix::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// Removes a tree without recursion and without paths: directories found below are first moved up beside their parent,
/// so that no more than two levels are ever open.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = open_dir(CWD, path)?;
    let mut moved: u64 = 0;
    loop {
        let mut progress = false;
        let mut directories = Vec::new();
        for entry in Dir::read_from(&top)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            progress = true;
            match rustix::fs::unlinkat(&top, name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => directories.push(name.to_owned()),
                other => other?,
            }
        }
        for name in directories {
            // Owner bits may have been taken away; root does not need them, an ordinary user does.
            let _ = rustix::fs::chmodat(&top, &name, Mode::RWXU, AtFlags::empty());
            let child = open_dir(&top, &name)?;
            for entry in Dir::read_from(&child)? {
                let entry = entry?;
                let inner = entry.file_name();
                if matches!(inner.to_bytes(), b"." | b"..") {
                    continue;
                }
                match rustix::fs::unlinkat(&child, inner, AtFlags::empty()) {
                    Err(Errno::ISDIR | Errno::PERM) => {
                        let _ = rustix::fs::chmodat(&child, inner, Mode::RWXU, AtFlags::empty());
                        loop {
                            moved += 1;
                            // A tenant may have used the name; the next number is as good.
                            let flags = rustix::fs::RenameFlags::NOREPLACE;
                            match rustix::fs::renameat_with(&child, inner, &top, format!("{moved}"), flags) {
                                Err(Errno::EXIST) => {}
                                other => break other?,
                            }
                        }
                    }
                    other => other?,
                }
            }
            rustix::fs::unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
        }
        if !progress {
            break;
        }
    }
    std::fs::remove_dir(path)
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
