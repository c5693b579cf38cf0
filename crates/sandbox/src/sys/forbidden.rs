//! System calls that a sandbox must be refused, made with arguments that do no harm where they are not.

use std::ffi::c_long;
use std::io;

/// One call with its arguments. Only this file can make one.
#[derive(Debug)]
pub(crate) struct Forbidden {
    /// Its name and what is special about it.
    pub(crate) name: &'static str,
    number: c_long,
    arguments: [c_long; 4],
}

const fn call(name: &'static str, number: c_long) -> Forbidden {
    with(name, number, [0; 4])
}

const fn with(name: &'static str, number: c_long, arguments: [c_long; 4]) -> Forbidden {
    Forbidden { name, number, arguments }
}

const fn flag(flag: i32) -> [c_long; 4] {
    [flag as c_long, 0, 0, 0]
}

/// Into the kernel: modules, programs for it, its clock, its logs.
pub(crate) const KERNEL: &[Forbidden] = &[
    call("init_module", libc::SYS_init_module),
    with("finit_module", libc::SYS_finit_module, flag(-1)),
    call("delete_module", libc::SYS_delete_module),
    call("kexec_load", libc::SYS_kexec_load),
    #[cfg(target_arch = "x86_64")]
    with("kexec_file_load", libc::SYS_kexec_file_load, [-1, -1, 0, 0]),
    // Command -1: unknown to every kernel that takes the call.
    with("bpf", libc::SYS_bpf, flag(-1)),
    with("perf_event_open", libc::SYS_perf_event_open, [0, 0, -1, -1]),
    with("userfaultfd", libc::SYS_userfaultfd, flag(libc::O_CLOEXEC)),
    call("io_uring_setup", libc::SYS_io_uring_setup),
    with("io_uring_enter", libc::SYS_io_uring_enter, flag(-1)),
    with("io_uring_register", libc::SYS_io_uring_register, flag(-1)),
    call("io_setup", libc::SYS_io_setup),
    with("syslog", libc::SYS_syslog, flag(10)),
    call("acct", libc::SYS_acct),
    // Wrong magic numbers: refused by whoever may restart the machine.
    call("reboot", libc::SYS_reboot),
    call("swapon", libc::SYS_swapon),
    call("swapoff", libc::SYS_swapoff),
    call("settimeofday", libc::SYS_settimeofday),
    with("clock_settime", libc::SYS_clock_settime, flag(-1)),
    with("clock_adjtime", libc::SYS_clock_adjtime, flag(-1)),
    call("adjtimex", libc::SYS_adjtimex),
    call("sethostname", libc::SYS_sethostname),
    call("setdomainname", libc::SYS_setdomainname),
    call("quotactl", libc::SYS_quotactl),
    with("fanotify_init", libc::SYS_fanotify_init, [-1, -1, 0, 0]),
    call("vhangup", libc::SYS_vhangup),
    call("nfsservctl", libc::SYS_nfsservctl),
    call("lookup_dcookie", libc::SYS_lookup_dcookie),
    with("personality(READ_IMPLIES_EXEC)", libc::SYS_personality, flag(0x0040_0000)),
    with("personality(UNAME26)", libc::SYS_personality, flag(0x0002_0000)),
    with("move_pages", libc::SYS_move_pages, [1, 0, 0, 0]),
    with("migrate_pages", libc::SYS_migrate_pages, [1, 0, 0, 0]),
    with("a call that is not invented yet", 4000, [0; 4]),
    #[cfg(target_arch = "x86_64")]
    with("iopl", libc::SYS_iopl, flag(3)),
    #[cfg(target_arch = "x86_64")]
    with("ioperm", libc::SYS_ioperm, [0, 1, 1, 0]),
    #[cfg(target_arch = "x86_64")]
    with("modify_ldt", libc::SYS_modify_ldt, flag(-1)),
    #[cfg(target_arch = "x86_64")]
    call("uselib", libc::SYS_uselib),
    #[cfg(target_arch = "x86_64")]
    with("_sysctl", libc::SYS__sysctl, flag(0)),
];

/// Keys are in no namespace.
pub(crate) const KEYS: &[Forbidden] = &[
    call("add_key", libc::SYS_add_key),
    call("request_key", libc::SYS_request_key),
    // KEYCTL_GET_KEYRING_ID of the session's keyring, without making one.
    with("keyctl", libc::SYS_keyctl, [0, -3, 0, 0]),
];

/// Mounts and roots.
pub(crate) const MOUNTS: &[Forbidden] = &[
    call("mount", libc::SYS_mount),
    call("umount2", libc::SYS_umount2),
    call("pivot_root", libc::SYS_pivot_root),
    call("chroot", libc::SYS_chroot),
    with("open_tree", libc::SYS_open_tree, flag(-1)),
    with("move_mount", libc::SYS_move_mount, [-1, 0, -1, 0]),
    call("fsopen", libc::SYS_fsopen),
    with("fsconfig", libc::SYS_fsconfig, flag(-1)),
    with("fsmount", libc::SYS_fsmount, flag(-1)),
    with("fspick", libc::SYS_fspick, flag(-1)),
    with("mount_setattr", libc::SYS_mount_setattr, flag(-1)),
    // Files by handle, past every directory.
    with("open_by_handle_at", libc::SYS_open_by_handle_at, flag(-1)),
    with("statmount", 457, [0; 4]),
    with("listmount", 458, [0; 4]),
    with("open_tree_attr", 467, flag(-1)),
];

/// Namespaces: with a user namespace of one's own come its capabilities, and the half of the kernel behind them.
pub(crate) const NAMESPACES: &[Forbidden] = &[
    with("setns", libc::SYS_setns, flag(-1)),
    with("unshare(user)", libc::SYS_unshare, flag(libc::CLONE_NEWUSER)),
    with("unshare(mount)", libc::SYS_unshare, flag(libc::CLONE_NEWNS)),
    with("unshare(pid)", libc::SYS_unshare, flag(libc::CLONE_NEWPID)),
    with("unshare(net)", libc::SYS_unshare, flag(libc::CLONE_NEWNET)),
    with("unshare(ipc)", libc::SYS_unshare, flag(libc::CLONE_NEWIPC)),
    with("unshare(uts)", libc::SYS_unshare, flag(libc::CLONE_NEWUTS)),
    with("unshare(cgroup)", libc::SYS_unshare, flag(libc::CLONE_NEWCGROUP)),
    with("unshare(time)", libc::SYS_unshare, flag(0x80)),
    with("clone(user)", libc::SYS_clone, flag(libc::CLONE_NEWUSER | libc::SIGCHLD)),
    with("clone(net)", libc::SYS_clone, flag(libc::CLONE_NEWNET | libc::SIGCHLD)),
    // Its flags are behind a pointer that no filter can follow.
    call("clone3", libc::SYS_clone3),
];

/// Identities.
pub(crate) const IDENTITIES: &[Forbidden] = &[
    call("setuid(0)", libc::SYS_setuid),
    call("setgid(0)", libc::SYS_setgid),
    call("setresuid(0)", libc::SYS_setresuid),
    call("setresgid(0)", libc::SYS_setresgid),
    call("setgroups", libc::SYS_setgroups),
];

/// The terminal of whoever looks at this program's output.
pub(crate) const TERMINALS: &[Forbidden] = &[
    with("TIOCSTI", libc::SYS_ioctl, [0, 0x5412, 0, 0]),
    with("TIOCSTI with high bits", libc::SYS_ioctl, [0, 0x5412 | 1 << 40, 0, 0]),
    with("TIOCLINUX", libc::SYS_ioctl, [0, 0x541c, 0, 0]),
];

const fn socket(name: &'static str, family: i32, kind: i32, protocol: i32) -> Forbidden {
    with(name, libc::SYS_socket, [family as c_long, kind as c_long, protocol as c_long, 0])
}

/// Sockets that are none of a tenant's business.
pub(crate) const SOCKETS: &[Forbidden] = &[
    socket("packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
    socket("packet, datagrams", libc::AF_PACKET, libc::SOCK_DGRAM, 0),
    // To the hypervisor.
    socket("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
    socket("kernel crypto", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    socket("key management", libc::AF_KEY, libc::SOCK_RAW, 2),
    socket("TIPC", libc::AF_TIPC, libc::SOCK_STREAM, 0),
    with("a pair of TIPC", libc::SYS_socketpair, [libc::AF_TIPC as c_long, libc::SOCK_STREAM as c_long, 0, 0]),
    socket("RDS", libc::AF_RDS, libc::SOCK_SEQPACKET, 0),
    socket("Bluetooth", libc::AF_BLUETOOTH, libc::SOCK_RAW, 1),
    socket("CAN", libc::AF_CAN, libc::SOCK_RAW, 1),
    socket("XDP", libc::AF_XDP, libc::SOCK_RAW, 0),
    socket("SMC", 43, libc::SOCK_STREAM, 0),
    socket("SMC by way of IPv4", libc::AF_INET, libc::SOCK_STREAM, 256),
    socket("SCTP", libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP),
    socket("DCCP", libc::AF_INET, 6, 33),
    socket("raw IPv4", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW),
    socket("raw ICMP", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
    socket("raw IPv6", libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_RAW),
    socket("netlink audit", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
    socket("netlink netfilter", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER),
    socket("netlink sock_diag", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG),
    socket("netlink XFRM", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_XFRM),
    socket("netlink generic", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_GENERIC),
    socket("netlink events", libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT),
];

/// getpid(2) by its number in the x32 table, which filters that forget it let pass.
#[cfg(target_arch = "x86_64")]
pub(crate) const OTHER_ABI: Forbidden = call("getpid of x32", 0x4000_0000 | libc::SYS_getpid);

impl Forbidden {
    /// Makes the call.
    pub(crate) fn try_it(&self) -> io::Result<()> {
        let [a, b, c, d] = self.arguments;
        // SAFETY: only the tables above make one of these, and their arguments are numbers, null pointers and
        // descriptors that are not open: the kernel finds nothing of this process to read, write or unmap.
        let answer = unsafe { libc::syscall(self.number, a, b, c, d, 0_i64, 0_i64) };
        if answer < 0 {
            return Err(io::Error::last_os_error());
        }
        if self.number == libc::SYS_clone && answer == 0 {
            // SAFETY: this is the child of a clone that should have been refused; _exit(2) ends it and runs nothing.
            unsafe { libc::_exit(0) };
        }
        Ok(())
    }
}
