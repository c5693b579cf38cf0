//! ext4 images: what their superblock says, growing, and holding their writers back.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use crate::sys::storage as sys;

/// Where the superblock is, in bytes (Documentation/filesystems/ext4/super.rst).
const SUPERBLOCK_AT: u64 = 1024;
const MAGIC: u16 = 0xEF53;
/// Major number of loop devices (Documentation/admin-guide/devices.txt).
const LOOP_MAJOR: u32 = 7;
/// `s_state`: errors were found while it was mounted.
const STATE_ERRORS: u16 = 2;

/// What an image's superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Size in bytes.
    pub bytes: u64,
    /// Size of a block in bytes.
    pub block_bytes: u64,
    /// Inodes, free ones included.
    pub inodes: u64,
    /// The kernel has met errors in it since it was last checked.
    pub has_errors: bool,
}

impl Superblock {
    /// Reads it from an image.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when there is none that makes sense.
    pub fn read(image: &Path) -> io::Result<Self> {
        let mut raw = [0; 1024];
        File::open(image)?.read_exact_at(&mut raw, SUPERBLOCK_AT).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => io::Error::new(io::ErrorKind::InvalidData, "it is too short"),
            _ => error,
        })?;
        Self::parse(&raw).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no ext4 superblock"))
    }

    fn parse(raw: &[u8; 1024]) -> Option<Self> {
        let u16_at = |at: usize| u16::from_le_bytes([raw[at], raw[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
        let block_log = u32_at(0x18);
        if u16_at(0x38) != MAGIC || block_log > 6 {
            return None;
        }
        let block_bytes = 1024_u64 << block_log;
        let blocks = u64::from(u32_at(0x150)) << 32 | u64::from(u32_at(0x4));
        Some(Self {
            bytes: blocks.checked_mul(block_bytes)?,
            block_bytes,
            inodes: u64::from(u32_at(0)),
            has_errors: u16_at(0x3A) & STATE_ERRORS != 0,
        })
    }
}

/// Lets a mounted ext4 use all of its device, which must be large enough. Needs CAP_SYS_RESOURCE.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] without that right: it can still grow while it is not mounted.
pub fn grow_mounted(mount: &Path, blocks: u64) -> io::Result<()> {
    sys::request(File::open(mount)?.as_fd(), &mut sys::Ext4Resize(blocks)).map(drop)
}

/// Keeps this many bytes of an ext4 on a loop device out of its users' reach, whoever they are: what they try to write
/// beyond is refused with "no space left" before anything is written. What they had been promised (written, not yet on
/// the disk) still finds its place. `device` is what shall be mounted there: anything else is not touched.
///
/// # Errors
/// Something else is mounted there; the kernel's.
pub fn hold_back(mount: &Path, device: u64, bytes: u64) -> io::Result<()> {
    if rustix::fs::major(device) != LOOP_MAJOR || mount.metadata()?.dev() != device {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not mounted", mount.display())));
    }
    let path = Path::new("/sys/fs/ext4").join(super::loop_device::name_of(device)?).join("reserved_clusters");
    let statfs = rustix::fs::statfs(mount)?;
    let block = u64::try_from(statfs.f_bsize).unwrap_or(4096).max(1);
    // All that users can have at most; the kernel wants less than all there are.
    let blocks = (bytes / block).min(statfs.f_blocks);
    std::fs::write(path, blocks.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superblock_is_read_and_nonsense_refused() {
        let mut raw = [0; 1024];
        raw[0..4].copy_from_slice(&5000_u32.to_le_bytes());
        raw[4..8].copy_from_slice(&256_u32.to_le_bytes());
        raw[0x18..0x1c].copy_from_slice(&2_u32.to_le_bytes());
        raw[0x38..0x3a].copy_from_slice(&MAGIC.to_le_bytes());
        raw[0x3a..0x3c].copy_from_slice(&3_u16.to_le_bytes());
        raw[0x150..0x154].copy_from_slice(&1_u32.to_le_bytes());
        let found = Superblock::parse(&raw).unwrap();
        assert_eq!(
            found,
            Superblock { bytes: ((1 << 32) + 256) * 4096, block_bytes: 4096, inodes: 5000, has_errors: true }
        );
        raw[0x18] = 7;
        assert_eq!(Superblock::parse(&raw), None);
        assert_eq!(Superblock::parse(&[0; 1024]), None);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("short"), "short").unwrap();
        let error = Superblock::read(&dir.path().join("short")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
