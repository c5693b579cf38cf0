//! What a machine says about itself only by system calls without a wrapper.

use std::io;

/// `LANDLOCK_CREATE_RULESET_VERSION` (include/uapi/linux/landlock.h).
const LANDLOCK_VERSION: libc::c_uint = 1;

/// The version of Landlock's interface (landlock_create_ruleset(2)).
pub(crate) fn landlock_version() -> io::Result<u32> {
    // SAFETY: asked for its version, the call takes no attributes (NULL, size 0) and touches no memory.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, LANDLOCK_VERSION)
    };
    u32::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// Whether something keeps the machine's clock (adjtimex(2) does not answer `TIME_ERROR`).
pub(crate) fn clock_is_kept() -> io::Result<bool> {
    // SAFETY: `timex` is numbers only, for which all bits zero are values; `modes` 0 asks and changes nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, exclusively borrowed `timex` of the size the kernel's interface has.
    match unsafe { libc::adjtimex(&raw mut state) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer != libc::TIME_ERROR),
    }
}
