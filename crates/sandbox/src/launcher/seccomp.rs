//! The system-call filter: what no program in a workspace needs and what kernels have been broken through.
//!
//! A deny-list, because a workspace is for every compiler, debugger and database there is; but with a closed upper end:
//! a call that is newer than this list does not exist. Written as one classic BPF program, since it needs two answers
//! (`EPERM`, `ENOSYS`), ranges and arguments together. The kernel keeps a bitmap of the calls that are always allowed, so
//! those cost nothing (Documentation/userspace-api/seccomp_filter.rst).

use libc::c_long;
use seccompiler::sock_filter;

/// Newest call of the list below (Linux 6.13); later ones are answered as unknown.
const LAST_KNOWN: u32 = 466;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the system-call filter is written for x86_64 and aarch64");

/// Answered with "operation not permitted".
const DENIED: &[c_long] = &[
    // Mounts and roots.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    STATMOUNT,
    LISTMOUNT,
    // Namespaces of others.
    libc::SYS_setns,
    // The kernel itself.
    libc::SYS_kexec_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    QUOTACTL_FD,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    // Keys, which are not in any namespace.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Files by handle, past every directory permission.
    libc::SYS_open_by_handle_at,
    // The machine's clock.
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_sysfs,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];
const STATMOUNT: c_long = 457;
const LISTMOUNT: c_long = 458;
const QUOTACTL_FD: c_long = 443;

/// Answered with "no such call", so that libraries fall back: io_uring acts past the filter, clone3's flags are behind a
/// pointer that a filter cannot follow, and the machine has one small number of asynchronous requests for everybody
/// (fs.aio-max-nr), of which one sandbox could take all.
const UNKNOWN: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_setup,
];

/// Every flag of clone(2) and unshare(2) that makes a namespace, but CLONE_NEWTIME, whose bit is a signal in clone(2).
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
const NEW_TIME: u32 = 0x80;

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// personality(2): the default, "which is it?", and the default without address randomisation, for debuggers.
const PERSONALITIES: [u32; 3] = [0, 0xffff_ffff, 0x0004_0000];

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;

const fn errno(number: i32) -> u32 {
    0x0005_0000 | number as u32
}

/// Where a field is in `struct seccomp_data` (little-endian: an argument's lower half comes first).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

const fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes on with the next instruction if the comparison holds, else skips one.
const fn when(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 1, k }
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).expect("system-call numbers are small and not negative")
}

/// A block that is entered for one call: its instructions end in a return on every path.
fn block(program: &mut Vec<sock_filter>, call: c_long, body: &[sock_filter]) {
    let length = u8::try_from(body.len()).expect("blocks are a few instructions long");
    program.push(sock_filter { code: JUMP_EQUAL, jt: 0, jf: length, k: number(call) });
    program.extend_from_slice(body);
}

/// The filter, as a program for the kernel.
pub(super) fn program() -> seccompiler::BpfProgram {
    let denied = statement(RETURN, errno(libc::EPERM));
    let unknown = statement(RETURN, errno(libc::ENOSYS));
    let allowed = statement(RETURN, ALLOW);
    let mut program = vec![
        statement(LOAD, ARCH),
        sock_filter { code: JUMP_EQUAL, jt: 1, jf: 0, k: ARCHITECTURE },
        statement(RETURN, KILL),
        statement(LOAD, NUMBER),
        // A tracer sets -1 to skip a call.
        when(JUMP_EQUAL, u32::MAX),
        unknown.clone(),
        // The x32 bit: another set of calls under other numbers.
        when(JUMP_GREATER_OR_EQUAL, 0x4000_0000),
        statement(RETURN, KILL),
        when(JUMP_GREATER, LAST_KNOWN),
        unknown.clone(),
    ];
    for &call in DENIED {
        program.extend([when(JUMP_EQUAL, number(call)), denied.clone()]);
    }
    for &call in UNKNOWN {
        program.extend([when(JUMP_EQUAL, number(call)), unknown.clone()]);
    }
    let if_denied = |offset, code, k| [statement(LOAD, offset), when(code, k), denied.clone(), allowed.clone()];
    block(&mut program, libc::SYS_clone, &if_denied(argument(0), JUMP_ANY_BIT, NEW_NAMESPACES));
    block(&mut program, libc::SYS_unshare, &if_denied(argument(0), JUMP_ANY_BIT, NEW_NAMESPACES | NEW_TIME));
    block(
        &mut program,
        libc::SYS_ioctl,
        &[
            statement(LOAD, argument(1)),
            when(JUMP_EQUAL, TIOCSTI),
            denied.clone(),
            when(JUMP_EQUAL, TIOCLINUX),
            denied.clone(),
            allowed.clone(),
        ],
    );
    let kinds = |index| {
        [
            statement(LOAD, argument(index)),
            statement(AND, libc::S_IFMT),
            when(JUMP_EQUAL, libc::S_IFCHR),
            denied.clone(),
            when(JUMP_EQUAL, libc::S_IFBLK),
            denied.clone(),
            allowed.clone(),
        ]
    };
    block(&mut program, libc::SYS_mknodat, &kinds(2));
    #[cfg(target_arch = "x86_64")]
    block(&mut program, libc::SYS_mknod, &kinds(1));
    let mut personality = vec![statement(LOAD, argument(0))];
    for value in PERSONALITIES {
        personality.extend([when(JUMP_EQUAL, value), allowed.clone()]);
    }
    personality.push(denied.clone());
    block(&mut program, libc::SYS_personality, &personality);
    // Local sockets, IPv4 and IPv6; of netlink only what lists one's own interfaces. All else is as if not compiled in.
    let family = |family: i32| u32::try_from(family).expect("address families are not negative");
    let no_family = statement(RETURN, errno(libc::EAFNOSUPPORT));
    block(
        &mut program,
        libc::SYS_socket,
        &[
            statement(LOAD, argument(0)),
            when(JUMP_EQUAL, family(libc::AF_UNIX)),
            allowed.clone(),
            when(JUMP_EQUAL, family(libc::AF_INET)),
            allowed.clone(),
            when(JUMP_EQUAL, family(libc::AF_INET6)),
            allowed.clone(),
            sock_filter { code: JUMP_EQUAL, jt: 1, jf: 0, k: family(libc::AF_NETLINK) },
            no_family.clone(),
            statement(LOAD, argument(2)),
            when(JUMP_EQUAL, family(libc::NETLINK_ROUTE)),
            allowed.clone(),
            statement(RETURN, errno(libc::EPROTONOSUPPORT)),
        ],
    );
    let body = [statement(LOAD, argument(0)), when(JUMP_EQUAL, family(libc::AF_UNIX)), allowed.clone(), no_family];
    block(&mut program, libc::SYS_socketpair, &body);
    program.push(allowed);
    program
}
