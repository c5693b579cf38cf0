//! Volumes that are an ext4 in a file: made from a template, mounted, grown.
//!
//! **Invariants**: mkfs.ext4 runs on new templates only; an image gets its name when it is complete; an image that makes no
//! sense is left as it is.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use coditect_sandbox::storage::ext4::{self, Superblock};
use coditect_sandbox::storage::loop_device::LoopDevice;
use coditect_sandbox::storage::{copy, mounts};
use rustix::fs::{CWD, RenameFlags};
use tracing::{info, warn};

use super::pool::{attach, patiently};
use super::record::sync_dir;
use super::tools;
use super::tree::make_private_dir;
use super::{MAKING, Resized};

/// The smallest image, in bytes: below it ext4 has no room for a journal. A smaller limit is held all the same.
const IMAGE_BYTES_MIN: u64 = 16 << 20;
/// Blocks of every image, in bytes.
const BLOCK_BYTES: u64 = 4096;
/// Journals of images, in bytes: a 64th of the image within these.
const JOURNAL_BYTES: std::ops::RangeInclusive<u64> = (4 << 20)..=(32 << 20);
/// Changes when templates are made in another way: older ones are not used any more.
const TEMPLATE_VERSION: u32 = 1;

/// An image and where it is mounted.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// Its file.
    pub(super) file: PathBuf,
    /// Where it is or will be mounted.
    pub(super) point: PathBuf,
}

/// Size of the image for a limit.
fn image_bytes(limit: u64) -> u64 {
    (limit / BLOCK_BYTES * BLOCK_BYTES).max(IMAGE_BYTES_MIN)
}

/// Inodes of the image for a limit: no more than fit into a sixteenth of it.
fn image_inodes(limit: u64, bytes: u64) -> u64 {
    limit.min(bytes / BLOCK_BYTES)
}

impl Image {
    /// Makes it as a copy of the template for its size, under its name only when it is complete.
    pub(super) fn make(&self, bytes: u64, inodes: u64) -> io::Result<()> {
        let template = template(self.dir(), image_bytes(bytes), inodes)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let new = self.dir().join(format!("{MAKING}{name}"));
        remove_if_there(&new)?;
        let to = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        copy::copy(&File::open(template)?, &to)?;
        Ok(rustix::fs::renameat_with(CWD, &new, CWD, &self.file, RenameFlags::NOREPLACE)?)
    }

    fn dir(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    /// Makes it ready for its limit and mounts it; answers its device.
    pub(super) fn mount(&self, bytes: u64, may_grow: bool) -> io::Result<u64> {
        let superblock = Superblock::read(&self.file).map_err(|error| self.damaged(&error))?;
        if superblock.has_errors {
            warn!(image = %self.file.display(), "the kernel met errors on this volume: it is checked");
            self.check()?;
        }
        let wanted = image_bytes(bytes);
        if wanted > superblock.bytes {
            if may_grow {
                self.grow_unmounted(wanted)?;
            } else {
                warn!(image = %self.file.display(), "not grown: this host is short of disk space");
            }
        }
        make_private_dir(&self.point)?;
        let device = attach(&self.file)?;
        mounts::mount_ext4(device.path(), &self.point).map_err(|error| self.damaged(&error))?;
        let mounted = mounts_device(&self.point)?;
        drop(device);
        self.hold_to(mounted, bytes)?;
        Ok(mounted)
    }

    /// Unmounts it, once nobody has anything open on it.
    pub(super) fn unmount(&self) -> io::Result<()> {
        match patiently(|| mounts::unmount(&self.point)) {
            // Nothing is mounted there.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {}
            other => other?,
        }
        match std::fs::remove_dir(&self.point) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps what the image has beyond a limit out of reach.
    pub(super) fn hold_to(&self, device: u64, bytes: u64) -> io::Result<()> {
        let size = Superblock::read(&self.file)?.bytes;
        ext4::hold_back(&self.point, device, size.saturating_sub(bytes))
    }

    /// Lets nobody take anything more.
    pub(super) fn brake(&self, device: u64) -> io::Result<()> {
        ext4::hold_back(&self.point, device, u64::MAX)
    }

    /// Bytes it takes from the file system it lies on.
    pub(super) fn allocated_bytes(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(self.file.metadata()?.blocks() * 512)
    }

    /// Makes a new image survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.file)?.sync_all()?;
        sync_dir(self.dir())
    }

    /// Gives the mounted image another limit. It never gets smaller: what is too much is held back.
    pub(super) fn resize_mounted(&self, device: u64, bytes: u64) -> io::Result<Resized> {
        let (wanted, superblock) = (image_bytes(bytes), Superblock::read(&self.file)?);
        let mut outcome = Resized::Now;
        if wanted > superblock.bytes {
            self.extend_file(wanted)?;
            LoopDevice::open(device)?.read_size_again()?;
            match ext4::grow_mounted(&self.point, wanted / superblock.block_bytes) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    outcome = Resized::AtNextStart(
                        "the volume grows at the workspace's next start: the server may not let it grow while it is in \
                         use (it lacks CAP_SYS_RESOURCE)"
                            .to_owned(),
                    );
                }
                other => other?,
            }
        }
        self.hold_to(device, bytes)?;
        Ok(outcome)
    }

    fn grow_unmounted(&self, wanted: u64) -> io::Result<()> {
        self.extend_file(wanted)?;
        // resize2fs wants a file system that was checked.
        self.check()?;
        tools::run("resize2fs", &[], &self.file, &[0])?;
        info!(image = %self.file.display(), mebibytes = wanted >> 20, "a volume has grown");
        Ok(())
    }

    fn extend_file(&self, wanted: u64) -> io::Result<()> {
        let file = File::options().write(true).open(&self.file)?;
        if file.metadata()?.len() < wanted {
            file.set_len(wanted)?;
        }
        Ok(())
    }

    /// Mends what can be mended without losing anything (replays the journal, corrects counters).
    fn check(&self) -> io::Result<()> {
        // 1: corrected. More than that, and a person has to decide.
        tools::run("e2fsck", &["-f", "-p"], &self.file, &[0, 1]).map(drop).map_err(|error| self.damaged(&error))
    }

    fn damaged(&self, error: &io::Error) -> io::Error {
        let file = self.file.display();
        io::Error::new(
            error.kind(),
            format!(
                "its file system {file} cannot be used ({error}): check it with `e2fsck -f {file}`, then start again"
            ),
        )
    }
}

/// Device number of what is mounted at `point`.
fn mounts_device(point: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(point.metadata()?.dev())
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The template in `dir` for images of this size; made at its first use.
fn template(dir: &Path, bytes: u64, inodes: u64) -> io::Result<PathBuf> {
    let inodes = image_inodes(inodes, bytes);
    let path = dir.join(format!(".template-{TEMPLATE_VERSION}-{bytes}-{inodes}"));
    if path.exists() {
        return Ok(path);
    }
    let new = dir.join(format!("{MAKING}template-{bytes}-{inodes}"));
    remove_if_there(&new)?;
    let file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.set_len(bytes)?;
    let journal = (bytes / 64).clamp(*JOURNAL_BYTES.start(), *JOURNAL_BYTES.end()) >> 20;
    let (inodes, journal, block) = (inodes.to_string(), format!("size={journal}"), BLOCK_BYTES.to_string());
    // Nothing is kept back for root; tables and journal stay holes until they are used.
    let extended = "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0";
    let arguments = ["-q", "-F", "-t", "ext4", "-b", &block, "-m", "0", "-N", &inodes, "-J", &journal, "-E", extended];
    tools::run("mkfs.ext4", &arguments, &new, &[0])?;
    file.sync_all()?;
    std::fs::rename(&new, &path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_blocks_and_inodes_fit() {
        assert_eq!(image_bytes(1), IMAGE_BYTES_MIN);
        assert_eq!(image_bytes((100 << 20) + 5), 100 << 20);
        assert_eq!(image_inodes(2_000_000, 10 << 30), 2_000_000);
        assert_eq!(image_inodes(2_000_000, 16 << 20), 4096);
    }
}
