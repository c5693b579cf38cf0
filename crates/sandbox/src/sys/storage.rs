//! ioctl(2) requests about disks and quotas, each with the one structure that belongs to it.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

mod btrfs;
mod loops;
mod quota;

pub(crate) use btrfs::{
    FileSystem, QgroupAssign, QgroupCreate, QgroupLimit, QuotaControl, SubvolumeCreate, SubvolumeDestroy, TreeOf,
};
pub(crate) use loops::{LOOP_AUTOCLEAR, LOOP_DIRECT_IO, LoopConfigure, loop_free_number, loop_read_size_again};
pub(crate) use quota::{GetAttributes, SetAttributes, project_quota_state, project_use, set_project_limits};

/// A structure that an ioctl(2) reads or writes, with its request number.
///
/// # Safety
/// The implementor vouches that the kernel reads or writes at most `size_of::<Self>()` bytes for `CODE`, that every bit
/// pattern the kernel may write is a value of the type, and that the request has no other effect on this process's memory.
pub(crate) unsafe trait Request {
    /// Request number (include/uapi/asm-generic/ioctl.h).
    const CODE: libc::c_ulong;
}

/// Makes a request; answers what ioctl(2) returned.
pub(crate) fn request<R: Request>(fd: BorrowedFd<'_>, argument: &mut R) -> io::Result<libc::c_int> {
    // SAFETY: the pointer is to a live value that the implementor of `Request` vouches for; the descriptor is open.
    let done = unsafe { libc::ioctl(fd.as_raw_fd(), R::CODE as _, std::ptr::from_mut(argument)) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}

/// The size of a mounted ext4, in its blocks (EXT4_IOC_RESIZE_FS).
#[repr(C)]
pub(crate) struct Ext4Resize(pub(crate) u64);

// SAFETY: EXT4_IOC_RESIZE_FS reads one u64.
unsafe impl Request for Ext4Resize {
    const CODE: libc::c_ulong = code(WRITE, b'f', 16, size_of::<Self>());
}

const WRITE: u32 = 1;
const READ: u32 = 2;

/// `_IOC` of asm-generic/ioctl.h.
const fn code(direction: u32, magic: u8, number: u8, size: usize) -> libc::c_ulong {
    assert!(size < 1 << 14, "the size has 14 bits");
    #[expect(clippy::cast_possible_truncation, reason = "fits in 14 bits, as was asserted")]
    let size = size as u32;
    (direction << 30 | size << 16 | (magic as u32) << 8 | number as u32) as libc::c_ulong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_numbers_are_the_kernels() {
        assert_eq!(Ext4Resize::CODE, 0x4008_6610);
        assert_eq!(SubvolumeCreate::CODE, 0x5000_940e);
        assert_eq!(SubvolumeDestroy::CODE, 0x5000_940f);
        assert_eq!(TreeOf::CODE, 0xd000_9412);
        assert_eq!(FileSystem::CODE, 0x8400_941f);
        assert_eq!(QuotaControl::CODE, 0xc010_9428);
        assert_eq!(QgroupAssign::CODE, 0x4018_9429);
        assert_eq!(QgroupCreate::CODE, 0x4010_942a);
        assert_eq!(QgroupLimit::CODE, 0x8030_942b);
        assert_eq!(GetAttributes::CODE, 0x801c_581f);
        assert_eq!(SetAttributes::CODE, 0x401c_5820);
    }
}
