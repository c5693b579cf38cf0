//! The directories of a volume: what a new workspace finds in `/workspace` and in its home.
//!
//! **Invariants**: on disk everything belongs to 1000:1000 (to the caller in unprivileged mode), whatever host ids a
//! sandbox is given; an existing file of the user is never touched.

use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Gid, Uid};

use crate::probe::Mode;
use crate::spec::USER_ID;

/// Directory of the volume that appears as `/workspace`.
pub const WORKSPACE_DIR: &str = "workspace";
/// Directory of the volume that appears as the user's home.
pub const HOME_DIR: &str = "home";

/// First contents of a home directory.
const HOME_FILES: [(&str, &str); 4] = [
    (".bashrc", include_str!("volume/bashrc")),
    (".profile", include_str!("volume/profile")),
    (".inputrc", include_str!("volume/inputrc")),
    (".hushlogin", ""),
];

/// Makes a volume's directories below `volume`, which is made too if need be. Doing it again changes nothing.
///
/// # Errors
/// The file system refuses, or the caller may not give files away (privileged mode without CAP_CHOWN).
pub fn create(volume: &Path, mode: Mode) -> io::Result<()> {
    make_private_dir(volume)?;
    // The home is filled under another name: one that exists is complete.
    let home = volume.join(HOME_DIR);
    if !home.exists() {
        let seed = volume.join(".home.new");
        make_private_dir(&seed)?;
        for (name, text) in HOME_FILES {
            let path = seed.join(name);
            let mut file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&path)?;
            file.write_all(text.as_bytes())?;
            give_away(&path, mode)?;
        }
        give_away(&seed, mode)?;
        std::fs::rename(&seed, &home)?;
    }
    let workspace = volume.join(WORKSPACE_DIR);
    if !workspace.exists() {
        let seed = volume.join(".workspace.new");
        make_private_dir(&seed)?;
        give_away(&seed, mode)?;
        std::fs::rename(&seed, &workspace)?;
    }
    Ok(())
}

fn make_private_dir(path: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn give_away(path: &Path, mode: Mode) -> io::Result<()> {
    match mode {
        Mode::Privileged => {
            let (uid, gid) = (Uid::from_raw(USER_ID), Gid::from_raw(USER_ID));
            let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            Ok(rustix::fs::chownat(rustix::fs::CWD, path, Some(uid), Some(gid), flags)?)
        }
        Mode::Unprivileged => Ok(()),
    }
}

/// Gives everything in a volume directory to `owner` where its file system cannot be mapped. Only for a volume that
/// nothing runs on. Symbolic links are not followed; nothing is done if the directory belongs to `owner` already.
pub(crate) fn hand_over(dir: &Path, owner: u32) -> io::Result<()> {
    use rustix::fs::{AtFlags, FileType, Mode as FileMode, OFlags};
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = rustix::fs::open(dir, open, FileMode::empty())?;
    if rustix::fs::fstat(&top)?.st_uid == owner {
        return Ok(());
    }
    let (uid, gid) = (Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)));
    // The top comes last: if this is interrupted, it is done again.
    let mut pending = vec![rustix::fs::Dir::new(rustix::io::dup(&top)?)?];
    while let Some(dir) = pending.last_mut() {
        let Some(entry) = dir.read() else {
            pending.pop();
            continue;
        };
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let parent = dir.fd()?;
        rustix::fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let child = rustix::fs::openat(parent, name, open, FileMode::empty())?;
            if pending.len() >= DEPTH_MAX {
                return Err(io::Error::other(format!("{DEPTH_MAX} nested directories: too deep to hand over")));
            }
            pending.push(rustix::fs::Dir::new(child)?);
        }
    }
    Ok(rustix::fs::fchown(&top, uid, gid)?)
}

/// Deepest nesting that is handed over; each level holds a descriptor.
const DEPTH_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_volume_belongs_to_its_user_and_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let volume = dir.path().join("v");
        create(&volume, Mode::Privileged).unwrap();
        for name in ["workspace", "home", "home/.bashrc"] {
            let meta = volume.join(name).metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (1000, 1000), "{name}; these tests need root");
        }
        assert_eq!(volume.join("workspace").metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(volume.join("home").metadata().unwrap().mode() & 0o777, 0o700);
        std::fs::write(volume.join("home/.bashrc"), "mine").unwrap();
        create(&volume, Mode::Privileged).unwrap();
        assert_eq!(std::fs::read_to_string(volume.join("home/.bashrc")).unwrap(), "mine");
    }

    #[test]
    fn handing_over_follows_no_link_and_reaches_everything() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, "").unwrap();
        let volume = dir.path().join("v");
        std::fs::create_dir_all(volume.join("a/b/c")).unwrap();
        std::fs::write(volume.join("a/b/c/file"), "").unwrap();
        std::os::unix::fs::symlink(&outside, volume.join("a/link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), volume.join("a/dirlink")).unwrap();
        hand_over(&volume, 4711).unwrap();
        assert_eq!(outside.metadata().unwrap().uid(), 0, "these tests need root");
        for name in ["", "a", "a/b/c", "a/b/c/file", "a/link"] {
            assert_eq!(volume.join(name).symlink_metadata().unwrap().uid(), 4711, "{name}");
        }
    }
}
