//! The system calls between clone and exec.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Proof that this process has one thread: only then may a clone of it go on as an ordinary program, because no lock
/// can be held by a thread that the clone does not have.
#[derive(Debug)]
pub(crate) struct SingleThreaded(());

impl SingleThreaded {
    /// Looks whether this process has one thread.
    pub(crate) fn check() -> io::Result<Self> {
        let threads = std::fs::read_dir("/proc/self/task")?.count();
        if threads == 1 { Ok(Self(())) } else { Err(io::Error::other(format!("the launcher has {threads} threads"))) }
    }
}

/// Which of the two one is after a clone.
pub(crate) enum Cloned {
    /// The new process.
    Child,
    /// The old one, with the new one's id and a pidfd of it.
    Parent(u32, OwnedFd),
}

/// The namespaces a sandbox is born into. Its cgroup namespace comes later ([`leave_cgroup_namespace`]): its root is where
/// the process is at that moment, and in version 1 groups it is not born.
const NAMESPACES: i32 =
    libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Whose network a clone is born into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Net {
    /// A namespace of its own, which its user namespace owns.
    New,
    /// The one its parent is in.
    Parents,
}

/// clone3(2) into new namespaces of every kind, the network's as asked, and into a version 2 control group if one is
/// given.
pub(crate) fn clone_into_namespaces(
    _proof: &SingleThreaded,
    net: Net,
    cgroup: Option<BorrowedFd<'_>>,
) -> io::Result<Cloned> {
    clone3(net, cgroup)
}

/// As [`clone_into_namespaces`], for a process with threads: the child runs `body`, which must do nothing but system
/// calls (no allocation, no lock), and ends with its answer as exit code.
pub(crate) fn clone_for_attempt(body: fn(RawFd) -> u8, pipe: BorrowedFd<'_>) -> io::Result<(u32, OwnedFd)> {
    match clone3(Net::New, None)? {
        Cloned::Parent(pid, pidfd) => Ok((pid, pidfd)),
        Cloned::Child => {
            let code = i32::from(body(pipe.as_raw_fd()));
            // SAFETY: _exit(2) ends the process without running handlers, which belong to the parent.
            unsafe { libc::_exit(code) }
        }
    }
}

fn clone3(net: Net, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    // include/uapi/linux/sched.h; wider than an int.
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut pidfd: RawFd = -1;
    // SAFETY: all zeroes is a valid value of this structure of integers: nothing asked for.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    let net = if net == Net::New { libc::CLONE_NEWNET } else { 0 };
    let flags = u32::try_from(NAMESPACES | net | libc::CLONE_PIDFD).expect("none of the flags is the sign bit");
    args.flags = u64::from(flags);
    args.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    if let Some(group) = cgroup {
        args.flags |= INTO_CGROUP;
        args.cgroup = u64::try_from(group.as_raw_fd()).expect("a borrowed descriptor is open, so not negative");
    }
    // SAFETY: without CLONE_VM the child has a copy of this memory and goes on on a copy of this stack, as after fork;
    // `args` and `pidfd` outlive the call. What the child may do is the callers' care (see `SingleThreaded`).
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<libc::clone_args>()) };
    match pid {
        0 => Ok(Cloned::Child),
        pid if pid > 0 => {
            // SAFETY: the kernel has just put a new descriptor there, and nobody else knows it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent(u32::try_from(pid).expect("a process id is a positive int"), pidfd))
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes the control groups that this process is in the roots of all it can see of them.
pub(crate) fn leave_cgroup_namespace() -> io::Result<()> {
    // SAFETY: unshare(2) of this namespace changes how names of groups are shown and nothing else.
    if unsafe { libc::unshare(libc::CLONE_NEWCGROUP) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Puts the calling thread alone into a new network namespace.
pub(crate) fn leave_network_namespace() -> io::Result<()> {
    // SAFETY: unshare(2) of this namespace changes which network the thread's later calls mean, and nothing else.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Blocks SIGCHLD and answers a descriptor that becomes readable when a child has ended.
pub(crate) fn signal_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: all zeroes is a valid signal set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is initialised and outlives the call; SIGCHLD is a signal.
    unsafe { libc::sigaddset(&raw mut set, libc::SIGCHLD) };
    // SAFETY: the set outlives the call; the old mask is not asked for.
    if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the set outlives the call; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives every signal its default effect and unblocks all: the launcher's own choices must not be inherited.
pub(crate) fn default_signals() -> io::Result<()> {
    for signal in 1..=64 {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP && !(32..34).contains(&signal) {
            // SAFETY: SIG_DFL is a valid disposition for any signal that can be caught; no handler is installed.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    // SAFETY: all zeroes is the empty signal set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set outlives the call; the old mask is not asked for.
    if unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sets the loopback interface of this network namespace up.
pub(crate) fn raise_loopback() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all zeroes is a valid value of this structure of bytes and integers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // Both characters are ASCII, whatever the sign of c_char.
    request.ifr_name[..2].copy_from_slice(&[108, 111]);
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).expect("flags of 7 bits");
    // SAFETY: SIOCSIFFLAGS reads a `struct ifreq`, which outlives the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Empties the capability bounding set, so that no program can ever gain a capability.
pub(crate) fn drop_bounding_set() -> io::Result<()> {
    for capability in 0..64 {
        // SAFETY: PR_CAPBSET_DROP takes an integer and changes nothing but this process's capability set.
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) } < 0 {
            let error = io::Error::last_os_error();
            // The first number that is no capability any more.
            return if error.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(error) };
        }
    }
    Ok(())
}

/// Makes `fd` available under the number `target`, open across exec, replacing what was there.
pub(crate) fn place_descriptor(fd: BorrowedFd<'_>, target: RawFd) -> io::Result<()> {
    // SAFETY: only called between clone and exec, where the numbers 0 to 4 are given out anew and no Rust value that
    // owns one of them is used afterwards. dup2(2) touches no memory.
    if unsafe { libc::dup2(fd.as_raw_fd(), target) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes the descriptors from `first` up to (not including) `keep`, and all from `keep` on at exec.
pub(crate) fn close_all_from(first: u32, keep: u32) -> io::Result<()> {
    // SAFETY: only called between clone and exec; every Rust value that still owns a descriptor in this range is leaked
    // by exec and never used again. The call touches no memory.
    if unsafe { libc::syscall(libc::SYS_close_range, first, keep - 1, 0) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: only sets close-on-exec flags.
    if unsafe { libc::syscall(libc::SYS_close_range, keep, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Becomes the program that `fd` is open on. Returns only if that fails.
pub(crate) fn execute(fd: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> io::Error {
    let list = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (list(arguments), list(environment));
    let empty: &CStr = c"";
    // SAFETY: execveat(2) reads a NUL-terminated path and two NULL-terminated arrays of NUL-terminated strings, which
    // all outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_raw_fd(),
            empty.as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}

/// A descriptor that the parent holds open for its child, by number.
pub(crate) fn borrow_inherited(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: only called in the child of `clone_for_attempt`, whose copy of the descriptor nobody closes before it
    // ends: the child runs nothing else.
    unsafe { BorrowedFd::borrow_raw(fd) }
}
