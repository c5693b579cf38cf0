//! The system calls that no safe wrapper exists for.
//!
//! **Invariants**: every function here is safe to call; each `unsafe` block holds one operation and says why it holds.
#![expect(unsafe_code, reason = "the project's only home for unsafe code")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};

/// Written to `/proc/self/oom_score_adj` of everything the agent starts: when a sandbox is out of memory, what runs in it
/// goes before the agent that keeps its terminals.
const CHILD_OOM_SCORE: &[u8] = b"200";

/// Between fork and exec: makes this child a likelier victim than its parent. It may fail (no /proc) without harm.
fn prefer_as_oom_victim() {
    // SAFETY: open(2) is async-signal-safe and reads a NUL-terminated path of static lifetime.
    let fd = unsafe { libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd >= 0 {
        // SAFETY: write(2) is async-signal-safe and reads a static buffer of the length given.
        unsafe { libc::write(fd, CHILD_OOM_SCORE.as_ptr().cast(), CHILD_OOM_SCORE.len()) };
        // SAFETY: the descriptor was opened above and is used no more.
        unsafe { libc::close(fd) };
    }
}

/// Starts `command` as the leader of a process group of its own.
pub(crate) fn spawn_group_leader(command: &mut Command) -> io::Result<Child> {
    let prepare = || {
        prefer_as_oom_victim();
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and does nothing but async-signal-safe system calls.
    unsafe { command.process_group(0).pre_exec(prepare) };
    command.spawn()
}

/// Starts `command` as the leader of a session of its own whose controlling terminal is its standard input.
pub(crate) fn spawn_session_leader(command: &mut Command) -> io::Result<Child> {
    let lead = || {
        // SAFETY: setsid(2) takes no arguments and is async-signal-safe.
        if unsafe { libc::setsid() } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: TIOCSCTTY takes an integer; descriptor 0 is the terminal by now. ioctl(2) is a plain system call.
        if unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        prefer_as_oom_victim();
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and does nothing but async-signal-safe system calls.
    unsafe { command.pre_exec(lead) };
    command.spawn()
}

/// Starts `command` with `socket` as its descriptor `target`.
pub(crate) fn spawn_with_fd(command: &mut Command, socket: &OwnedFd, target: RawFd) -> io::Result<Child> {
    let source = socket.as_raw_fd();
    let install = move || {
        if source == target {
            // SAFETY: F_SETFD takes an integer; clearing close-on-exec of a descriptor this process owns.
            let done = unsafe { libc::fcntl(source, libc::F_SETFD, 0) };
            return if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        }
        // SAFETY: dup2(2) is async-signal-safe; in the child, whatever `target` was is not used before exec.
        if unsafe { libc::dup2(source, target) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and does nothing but one async-signal-safe system call.
    unsafe { command.pre_exec(install) };
    command.spawn()
}

/// Takes ownership of an inherited descriptor, once.
///
/// # Errors
/// Not open, taken before, or not between 3 and 63.
pub(crate) fn take_inherited(fd: RawFd) -> io::Result<OwnedFd> {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let index = u32::try_from(fd).ok().filter(|index| (3..64).contains(index));
    let bit = 1u64 << index.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    if TAKEN.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {fd} was taken before")));
    }
    // SAFETY: F_GETFD takes no further argument and has no effect.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: F_SETFD takes an integer; the descriptor is open, as was just seen.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is open, came with exec (the callers name the numbers that the parent promised) and is
    // handed out once, which TAKEN sees to.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

mod birth;
mod fanotify;
pub(crate) mod forbidden;
pub(crate) mod hostile;
mod machine;
mod mount;
pub(crate) mod storage;

pub(crate) use birth::{
    Cloned, Net, SingleThreaded, borrow_inherited, clone_for_attempt, clone_into_namespaces, close_all_from,
    default_signals, drop_bounding_set, execute, leave_cgroup_namespace, leave_network_namespace, place_descriptor,
    raise_loopback, signal_descriptor,
};
pub(crate) use fanotify::{fanotify_add, fanotify_group, open_handle};
pub(crate) use machine::{clock_is_kept, landlock_version};
pub(crate) use mount::{MountAttributes, change_mount};
