//! Project quotas: quotactl_fd(2) and the extended attributes of linux/fs.h.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::{READ, Request, WRITE, code};

const PROJECT_QUOTA: u32 = 2;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
const Q_XGETQSTATV: u32 = (b'X' as u32) << 8 | 8;
/// Unit of the limits in `struct if_dqblk`, in bytes.
const LIMIT_UNIT_BYTES: u64 = 1024;

/// `struct if_dqblk`.
#[repr(C)]
#[derive(Default)]
struct DiskQuota {
    bytes_hard: u64,
    bytes_soft: u64,
    bytes_now: u64,
    inodes_hard: u64,
    inodes_soft: u64,
    inodes_now: u64,
    bytes_time: u64,
    inodes_time: u64,
    valid: u32,
}

/// `struct fs_quota_statv`; only its beginning is looked at.
#[repr(C)]
struct QuotaState {
    version: i8,
    pad: u8,
    flags: u16,
    rest: [u32; 63],
}

/// What a project uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProjectUse {
    pub(crate) bytes: u64,
    pub(crate) inodes: u64,
}

/// `struct fsxattr` as FS_IOC_FSGETXATTR writes it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct GetAttributes {
    pub(crate) flags: u32,
    extent_size: u32,
    extents: u32,
    pub(crate) project: u32,
    cow_extent_size: u32,
    pad: [u8; 8],
}

/// `struct fsxattr` as FS_IOC_FSSETXATTR reads it.
#[repr(transparent)]
pub(crate) struct SetAttributes(pub(crate) GetAttributes);

// SAFETY: FS_IOC_FSGETXATTR writes one `struct fsxattr`, whose layout this is; it has no invalid bit patterns.
unsafe impl Request for GetAttributes {
    const CODE: libc::c_ulong = code(READ, b'X', 31, size_of::<Self>());
}

// SAFETY: FS_IOC_FSSETXATTR reads one `struct fsxattr`, whose layout this is.
unsafe impl Request for SetAttributes {
    const CODE: libc::c_ulong = code(WRITE, b'X', 32, size_of::<Self>());
}

/// Whether project quotas of the file system of `file` are counted, and whether they are enforced.
pub(crate) fn project_quota_state(file: BorrowedFd<'_>) -> io::Result<(bool, bool)> {
    const COUNTED: u16 = 1 << 4;
    const ENFORCED: u16 = 1 << 5;
    let mut state = QuotaState { version: 1, pad: 0, flags: 0, rest: [0; 63] };
    // SAFETY: Q_XGETQSTATV writes one `struct fs_quota_statv` of version 1 (160 bytes), which the structure is no smaller than.
    let done = unsafe {
        libc::syscall(
            libc::SYS_quotactl_fd,
            file.as_raw_fd(),
            Q_XGETQSTATV << 8 | PROJECT_QUOTA,
            0_u32,
            std::ptr::from_mut(&mut state),
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((state.flags & COUNTED != 0, state.flags & ENFORCED != 0))
}

/// Sets the hard limits of a project.
pub(crate) fn set_project_limits(file: BorrowedFd<'_>, project: u32, bytes: u64, inodes: u64) -> io::Result<()> {
    quota(file, Q_SETQUOTA, project, &mut limits(bytes, inodes))
}

/// What a project uses.
pub(crate) fn project_use(file: BorrowedFd<'_>, project: u32) -> io::Result<ProjectUse> {
    let mut now = DiskQuota::default();
    quota(file, Q_GETQUOTA, project, &mut now)?;
    Ok(ProjectUse { bytes: now.bytes_now, inodes: now.inodes_now })
}

/// Hard limits in the kernel's units. Zero would mean "none": the least limit is one unit.
fn limits(bytes: u64, inodes: u64) -> DiskQuota {
    const BYTES_VALID: u32 = 1;
    const INODES_VALID: u32 = 4;
    DiskQuota {
        bytes_hard: (bytes / LIMIT_UNIT_BYTES).max(1),
        inodes_hard: inodes.max(1),
        valid: BYTES_VALID | INODES_VALID,
        ..DiskQuota::default()
    }
}

fn quota(file: BorrowedFd<'_>, command: u32, project: u32, argument: &mut DiskQuota) -> io::Result<()> {
    // SAFETY: Q_GETQUOTA writes and Q_SETQUOTA reads one `struct if_dqblk`, whose layout this is; nothing else is touched.
    let done = unsafe {
        libc::syscall(
            libc::SYS_quotactl_fd,
            file.as_raw_fd(),
            command << 8 | PROJECT_QUOTA,
            project,
            std::ptr::from_mut(argument),
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_size() {
        assert_eq!((size_of::<DiskQuota>(), size_of::<GetAttributes>()), (72, 28));
        assert!(size_of::<QuotaState>() >= 160);
    }

    #[test]
    fn limits_are_in_kibibytes_and_never_none() {
        let set = limits(10 << 20, 1000);
        assert_eq!((set.bytes_hard, set.bytes_soft, set.inodes_hard, set.valid), (10 << 10, 0, 1000, 5));
        let least = limits(0, 0);
        assert_eq!((least.bytes_hard, least.inodes_hard), (1, 1));
    }
}
