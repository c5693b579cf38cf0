//! What a program does that means harm: for attempts inside a sandbox only.

use std::ffi::{CStr, c_long};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// What a forked child does; it does nothing but system calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Harm {
    /// Burns CPU time.
    Spin,
    /// Makes children that do the same.
    Multiply,
}

/// Makes a process that does harm until it is killed, with its process group, whose number it answers. It ends with its
/// maker at the latest.
pub(crate) fn fork_harm(harm: Harm) -> io::Result<i32> {
    // SAFETY: the child does nothing but system calls, so no lock that another thread held is ever waited for.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    // On both sides, as shells do: whoever comes first.
    // SAFETY: setpgid(2) takes integers.
    unsafe { libc::setpgid(pid, 0) };
    if pid > 0 {
        return Ok(pid);
    }
    // SAFETY: PR_SET_PDEATHSIG takes an integer; it changes how this child ends and nothing else.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    loop {
        match harm {
            Harm::Spin => std::hint::spin_loop(),
            Harm::Multiply => {
                // SAFETY: as above: the grandchild goes on in this very loop.
                unsafe { libc::fork() };
            }
        }
    }
}

/// Takes memory, all of it used: asked for in one go, because a process that takes it bit by bit is slowed down by every
/// page of its own program that is thrown out meanwhile.
pub(crate) fn hoard(bytes: usize) -> io::Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
    // SAFETY: a new mapping at a place that the kernel chooses touches nothing that is there.
    let memory = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // What could not be had at first is not told: it is asked for again, page by page.
    for page in (0..bytes).step_by(4096) {
        // SAFETY: below the mapping's length, in a mapping that only this function knows.
        let byte = unsafe { memory.cast::<u8>().add(page) };
        // SAFETY: as above; a byte needs no alignment.
        unsafe { byte.write_volatile(1) };
    }
    // SAFETY: the mapping made above, all of it; nothing refers to it any more.
    unsafe { libc::munmap(memory, bytes) };
    Ok(())
}

/// kill(2) with any process number: -1 is everybody whom this process may signal.
pub(crate) fn signal_any(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill(2) takes integers and touches no memory.
    if unsafe { libc::kill(pid, signal) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reaps one ended child, if there is one.
pub(crate) fn reap_any() -> bool {
    // SAFETY: waitpid(2) without a place for the status touches no memory.
    unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) > 0 }
}

/// Attaches to a process as its debugger, and lets go at once.
pub(crate) fn trace(pid: u32) -> io::Result<()> {
    let pid = pid as libc::pid_t;
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: PTRACE_SEIZE with neither address nor options touches no memory of the caller.
    if unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, none, none) };
    Ok(())
}

/// Reads eight bytes of another process's memory.
pub(crate) fn read_memory(pid: u32, address: usize) -> io::Result<()> {
    let mut bytes = [0_u8; 8];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: bytes.len() };
    // SAFETY: the local buffer is eight bytes long and outlives the call; the remote address is never used here.
    let count = unsafe { libc::process_vm_readv(pid as libc::pid_t, &raw const local, 1, &raw const remote, 1, 0) };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes a descriptor out of another process.
pub(crate) fn take_descriptor(process: BorrowedFd<'_>, number: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_getfd(2) takes integers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), number, 0) };
    let fd = i32::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Another process's resource limits and scheduling, unchanged if that is allowed.
pub(crate) fn touch_process(pid: u32) -> io::Result<()> {
    // SAFETY: prlimit(2) without a new value and without a place for the old one changes and touches nothing.
    let limits =
        unsafe { libc::prlimit(pid as libc::pid_t, libc::RLIMIT_NOFILE, std::ptr::null(), std::ptr::null_mut()) };
    if limits < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Gives this thread a real-time policy.
pub(crate) fn become_real_time() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: sched_setscheduler(2) reads a structure that outlives the call.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes this process more urgent than others.
pub(crate) fn raise_priority() -> io::Result<()> {
    // SAFETY: setpriority(2) takes integers.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Writes a capability set that holds everything into a file's attributes.
pub(crate) fn give_capabilities(path: &CStr) -> io::Result<()> {
    // VFS_CAP_REVISION_2 with the effective bit, all permitted, none inheritable (linux/capability.h).
    const ALL: [u32; 5] = [0x0200_0001, u32::MAX, 0, u32::MAX, 0];
    // SAFETY: setxattr(2) reads two NUL-terminated strings and as many bytes of the array as it holds.
    let done = unsafe {
        libc::setxattr(path.as_ptr(), c"security.capability".as_ptr(), ALL.as_ptr().cast(), size_of_val(&ALL), 0)
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// An inotify instance; a file descriptor that the kernel counts for all.
pub(crate) fn inotify() -> io::Result<OwnedFd> {
    // SAFETY: inotify_init1(2) takes an integer.
    let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Changes an address or the state of an interface of this network namespace.
pub(crate) fn reconfigure_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all zeroes is a valid value of this structure of bytes and integers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // Both characters are ASCII, whatever the sign of c_char.
    request.ifr_name[..2].copy_from_slice(&[108, 111]);
    request.ifr_ifru.ifru_mtu = 1280;
    // SAFETY: SIOCSIFMTU reads a `struct ifreq`, which outlives the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU as _, &raw const request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets an integer option of a socket.
pub(crate) fn set_option(socket: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<()> {
    let one: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&one)).expect("an int is a few bytes long");
    // SAFETY: setsockopt(2) reads an integer of the length given, which outlives the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const one).cast(), length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// getpid(2) by way of the 32-bit table, whose numbers mean other calls to a filter that does not look.
#[cfg(target_arch = "x86_64")]
pub(crate) fn call_of_another_architecture() -> c_long {
    let answer: c_long;
    // SAFETY: call 20 of that table is getpid, which takes nothing and touches no memory; the instruction changes
    // nothing but the result register and those it is known to clobber.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") 20_i64 => answer, out("rcx") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _)
    };
    answer
}
