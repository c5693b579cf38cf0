//! Loop devices (linux/loop.h).

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::Request;

/// The device is free again when its last user closes it.
pub(crate) const LOOP_AUTOCLEAR: u32 = 4;
/// Reads and writes go around the page cache of the file's own file system.
pub(crate) const LOOP_DIRECT_IO: u32 = 16;

const LOOP_SET_CAPACITY: libc::c_ulong = 0x4C07;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;

/// `struct loop_info64`.
#[repr(C)]
struct LoopStatus {
    device: u64,
    inode: u64,
    special_device: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`: a device and its file, joined in one step.
#[repr(C)]
pub(crate) struct LoopConfigure {
    fd: u32,
    block_size: u32,
    info: LoopStatus,
    reserved: [u64; 8],
}

impl LoopConfigure {
    /// Joins `file`, whole, as a device with these flags.
    pub(crate) fn new(file: BorrowedFd<'_>, flags: u32) -> Self {
        let info = LoopStatus {
            device: 0,
            inode: 0,
            special_device: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags,
            file_name: [0; 64],
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        };
        let fd = u32::try_from(file.as_raw_fd()).expect("a borrowed descriptor is open, so not negative");
        Self { fd, block_size: 0, info, reserved: [0; 8] }
    }
}

// SAFETY: LOOP_CONFIGURE reads one `struct loop_config`, whose layout this is.
unsafe impl Request for LoopConfigure {
    const CODE: libc::c_ulong = 0x4C0A;
}

/// Number of a loop device that nobody uses, made if need be. Another process may take it first.
pub(crate) fn loop_free_number(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: LOOP_CTL_GET_FREE takes no argument; ioctl(2) is a plain system call.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE as _, 0) };
    u32::try_from(number).map_err(|_| io::Error::last_os_error())
}

/// Lets a loop device see that its file has another size.
pub(crate) fn loop_read_size_again(device: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: LOOP_SET_CAPACITY takes no argument; ioctl(2) is a plain system call.
    let done = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_SET_CAPACITY as _, 0) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_size() {
        assert_eq!((size_of::<LoopStatus>(), size_of::<LoopConfigure>()), (232, 304));
    }
}
