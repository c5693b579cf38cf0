//! mount_setattr(2).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// `struct mount_attr` of linux/mount.h.
#[repr(C)]
struct RawAttributes {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// What to change on a mount.
#[derive(Default)]
pub(crate) struct MountAttributes<'a> {
    /// Read-only.
    pub(crate) read_only: bool,
    /// Set-user-id bits and device nodes mean nothing.
    pub(crate) no_suid_no_dev: bool,
    /// Nothing can be executed.
    pub(crate) no_exec: bool,
    /// Mounts neither come nor go by propagation.
    pub(crate) private: bool,
    /// Owners are seen through this user namespace.
    pub(crate) user_namespace: Option<BorrowedFd<'a>>,
    /// Mounts below it too.
    pub(crate) recursive: bool,
}

/// Changes the mount that `dir` and `path` name (an empty path names `dir` itself).
pub(crate) fn change_mount(dir: BorrowedFd<'_>, path: &CStr, change: &MountAttributes<'_>) -> io::Result<()> {
    const RDONLY: u64 = 0x1;
    const NOSUID: u64 = 0x2;
    const NODEV: u64 = 0x4;
    const NOEXEC: u64 = 0x8;
    const IDMAP: u64 = 0x0010_0000;
    let mut raw = RawAttributes { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };
    raw.attr_set |= if change.read_only { RDONLY } else { 0 };
    raw.attr_set |= if change.no_suid_no_dev { NOSUID | NODEV } else { 0 };
    raw.attr_set |= if change.no_exec { NOEXEC } else { 0 };
    raw.propagation = if change.private { libc::MS_PRIVATE } else { 0 };
    if let Some(fd) = change.user_namespace {
        raw.attr_set |= IDMAP;
        raw.userns_fd = u64::try_from(fd.as_raw_fd()).expect("a borrowed descriptor is open, so not negative");
    }
    let flags = libc::AT_EMPTY_PATH | if change.recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: mount_setattr(2) reads a NUL-terminated path and `size` bytes of a structure that both outlive the call;
    // the structure has the kernel's layout (four u64) and no padding.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            dir.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const raw,
            size_of::<RawAttributes>(),
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
