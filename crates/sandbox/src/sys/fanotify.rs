//! fanotify(7) and open_by_handle_at(2).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// Bytes of the longest file handle (`MAX_HANDLE_SZ`).
pub(crate) const HANDLE_MAX_BYTES: usize = 128;

/// `struct file_handle` with room for the longest handle.
#[repr(C)]
struct RawHandle {
    handle_bytes: u32,
    handle_type: i32,
    handle: [u8; HANDLE_MAX_BYTES],
}

/// A notification group that reports directories and names, and never blocks a reader.
pub(crate) fn fanotify_group() -> io::Result<OwnedFd> {
    let flags = libc::FAN_CLASS_NOTIF | libc::FAN_CLOEXEC | libc::FAN_NONBLOCK | libc::FAN_REPORT_DFID_NAME;
    let event_flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: fanotify_init(2) takes two integers.
    let fd = unsafe { libc::syscall(libc::SYS_fanotify_init, flags, event_flags) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds what `path` lies on to a group: its whole file system, or its mount alone.
pub(crate) fn fanotify_add(group: BorrowedFd<'_>, whole: bool, mask: u64, path: &CStr) -> io::Result<()> {
    let kind = if whole { libc::FAN_MARK_FILESYSTEM } else { libc::FAN_MARK_MOUNT };
    let flags = libc::FAN_MARK_ADD | kind;
    // SAFETY: fanotify_mark(2) takes integers and reads a NUL-terminated path that outlives the call.
    let done = unsafe { libc::fanotify_mark(group.as_raw_fd(), flags, mask, libc::AT_FDCWD, path.as_ptr()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Opens, for its place only, what a handle of the file system under `mount` names.
pub(crate) fn open_handle(mount: BorrowedFd<'_>, handle_type: i32, handle: &[u8]) -> io::Result<OwnedFd> {
    let mut raw = RawHandle { handle_bytes: 0, handle_type, handle: [0; HANDLE_MAX_BYTES] };
    let room = raw.handle.get_mut(..handle.len()).ok_or(io::ErrorKind::InvalidInput)?;
    room.copy_from_slice(handle);
    raw.handle_bytes = u32::try_from(handle.len()).map_err(io::Error::other)?;
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    // SAFETY: open_by_handle_at(2) reads a structure that outlives the call, whose `handle_bytes` lie inside it.
    let fd = unsafe { libc::syscall(libc::SYS_open_by_handle_at, mount.as_raw_fd(), &raw const raw, flags) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
