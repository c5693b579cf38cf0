//! The system-call filter: an allow-list of what programs in a workspace need.
//!
//! What is not on it is refused (`EPERM`), what is newer than it does not exist (`ENOSYS`), a few calls are decided by
//! their arguments, and calls of another architecture end the process. Written as one classic BPF program, since it needs
//! two answers, ranges and arguments together: first the calls whose arguments decide, then a search tree over ranges of
//! numbers, so that the kernel's reading of it at every start is short. The kernel keeps a bitmap of the calls that are
//! always allowed, so those cost nothing (Documentation/userspace-api/seccomp_filter.rst).
//!
//! **Invariants**: no argument behind a pointer decides anything (the program could change it afterwards); what is
//! compared is the part of an argument that the kernel looks at.

use std::ffi::c_long;

use seccompiler::sock_filter;

mod calls;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the system-call filter is written for x86_64 and aarch64");

/// Every flag of clone(2) and unshare(2) that makes a namespace, but CLONE_NEWTIME, whose bit is a signal in clone(2).
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u32;
const NEW_TIME: u32 = 0x80;

/// Requests of ioctl(2) that are refused.
const IOCTLS: [u32; 8] = [
    // Typing into a terminal that is somebody else's too: TIOCSTI, TIOCLINUX.
    0x5412,
    0x541c,
    // TIOCSETD: other line disciplines, which are drivers for modems and radios.
    0x5423,
    // btrfs: subvolumes and snapshots of one's own would stand beside the volume's quota. BTRFS_IOC_SNAP_CREATE,
    // SUBVOL_CREATE, SNAP_DESTROY, SNAP_CREATE_V2, SUBVOL_CREATE_V2.
    0x5000_9401,
    0x5000_940e,
    0x5000_940f,
    0x5000_9417,
    0x5000_9418,
];
/// personality(2): the default, "which is it?", and the default without address randomisation, for debuggers.
const PERSONALITIES: [u32; 3] = [0, 0xffff_ffff, 0x0004_0000];
/// Options of prctl(2), as ranges. Not among them: where memory lies (35), being an I/O flusher (57, 58), core scheduling
/// (62: keeps a processor's other half from everybody), merging memory with others' (67, 68), and what is newer.
const PRCTLS: [(u32, u32); 7] = [
    (1, 34),
    (36, 56),
    (59, 61),
    (63, 66),
    // PR_GET_AUXV, PR_SET_VMA (names of memory), PR_SET_PTRACER.
    (0x4155_5856, 0x4155_5856),
    (0x5356_4d41, 0x5356_4d41),
    (0x5961_6d61, 0x5961_6d61),
];
/// Protocols of IPv4 and IPv6 sockets: the usual one, ICMP (pings of unprivileged users), TCP, UDP, ICMPv6, multipath TCP.
const PROTOCOLS: [i32; 6] =
    [0, libc::IPPROTO_ICMP, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_ICMPV6, libc::IPPROTO_MPTCP];
/// The bits of a socket's type that are not flags (include/linux/net.h).
const SOCKET_TYPE_MASK: u32 = 0xf;

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

const DENIED: sock_filter = statement(RETURN, errno(libc::EPERM));
const UNKNOWN: sock_filter = statement(RETURN, errno(libc::ENOSYS));
const ALLOWED: sock_filter = statement(RETURN, ALLOW);

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

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).expect("families, types and protocols of sockets are not negative")
}

/// Names of the calls that a workspace may make, those included of which arguments decide.
#[must_use]
pub fn permitted() -> Vec<&'static str> {
    let decided = decided().into_iter().map(|(name, _, _)| name);
    calls::ALLOWED.iter().copied().flatten().map(|(name, _)| name.trim_start_matches("SYS_")).chain(decided).collect()
}

/// The calls whose arguments decide: name, number, and instructions that end in a return on every path.
fn decided() -> Vec<(&'static str, c_long, Vec<sock_filter>)> {
    let not_if = |index, code, values: &[u32]| {
        let mut body = vec![statement(LOAD, argument(index))];
        body.extend(values.iter().flat_map(|value| [when(code, *value), DENIED]));
        body.push(ALLOWED);
        body
    };
    vec![
        ("ioctl", libc::SYS_ioctl, not_if(1, JUMP_EQUAL, &IOCTLS)),
        ("clone", libc::SYS_clone, not_if(0, JUMP_ANY_BIT, &[NEW_NAMESPACES])),
        ("unshare", libc::SYS_unshare, not_if(0, JUMP_ANY_BIT, &[NEW_NAMESPACES | NEW_TIME])),
        ("prctl", libc::SYS_prctl, prctl()),
        ("personality", libc::SYS_personality, personality()),
        ("mknodat", libc::SYS_mknodat, no_devices(2)),
        #[cfg(target_arch = "x86_64")]
        ("mknod", libc::SYS_mknod, no_devices(1)),
        ("socket", libc::SYS_socket, socket()),
        ("socketpair", libc::SYS_socketpair, socket_pair()),
        ("setsockopt", libc::SYS_setsockopt, socket_option()),
    ]
}

fn no_devices(mode: u32) -> Vec<sock_filter> {
    vec![
        statement(LOAD, argument(mode)),
        statement(AND, libc::S_IFMT),
        when(JUMP_EQUAL, libc::S_IFCHR),
        DENIED,
        when(JUMP_EQUAL, libc::S_IFBLK),
        DENIED,
        ALLOWED,
    ]
}

fn personality() -> Vec<sock_filter> {
    let mut body = vec![statement(LOAD, argument(0))];
    body.extend(PERSONALITIES.iter().flat_map(|value| [when(JUMP_EQUAL, *value), ALLOWED]));
    body.push(DENIED);
    body
}

/// Other options are as unknown as a kernel finds those it does not know.
fn prctl() -> Vec<sock_filter> {
    let mut body = vec![statement(LOAD, argument(0))];
    for (first, last) in PRCTLS {
        // Below the range: on to the next; above it: too.
        body.extend([
            sock_filter { code: JUMP_GREATER_OR_EQUAL, jt: 0, jf: 2, k: first },
            sock_filter { code: JUMP_GREATER, jt: 1, jf: 0, k: last },
            ALLOWED,
        ]);
    }
    body.push(statement(RETURN, errno(libc::EINVAL)));
    body
}

/// Local sockets, TCP and UDP; of netlink only what lists one's own interfaces. All else, the hypervisor's vsock, packets
/// as they are on the wire and the many protocols that nobody looked at for years, is as if not compiled in.
fn socket() -> Vec<sock_filter> {
    let no_family = statement(RETURN, errno(libc::EAFNOSUPPORT));
    let no_protocol = statement(RETURN, errno(libc::EPROTONOSUPPORT));
    let mut internet = vec![
        statement(LOAD, argument(1)),
        statement(AND, SOCKET_TYPE_MASK),
        // Programs fall back from raw sockets when they are told that they may not.
        when(JUMP_EQUAL, unsigned(libc::SOCK_RAW)),
        DENIED,
        sock_filter { code: JUMP_GREATER, jt: 0, jf: 1, k: unsigned(libc::SOCK_DGRAM) },
        statement(RETURN, errno(libc::ESOCKTNOSUPPORT)),
        statement(LOAD, argument(2)),
    ];
    internet.extend(PROTOCOLS.iter().flat_map(|value| [when(JUMP_EQUAL, unsigned(*value)), ALLOWED]));
    internet.push(no_protocol.clone());
    let length = u8::try_from(internet.len()).expect("a few instructions");
    let mut body = vec![
        statement(LOAD, argument(0)),
        when(JUMP_EQUAL, unsigned(libc::AF_UNIX)),
        ALLOWED,
        sock_filter { code: JUMP_EQUAL, jt: 1, jf: 0, k: unsigned(libc::AF_INET) },
        sock_filter { code: JUMP_EQUAL, jt: 0, jf: length, k: unsigned(libc::AF_INET6) },
    ];
    body.extend(internet);
    body.extend([
        sock_filter { code: JUMP_EQUAL, jt: 1, jf: 0, k: unsigned(libc::AF_NETLINK) },
        no_family,
        statement(LOAD, argument(2)),
        when(JUMP_EQUAL, unsigned(libc::NETLINK_ROUTE)),
        ALLOWED,
        no_protocol,
    ]);
    body
}

fn socket_pair() -> Vec<sock_filter> {
    vec![
        statement(LOAD, argument(0)),
        when(JUMP_EQUAL, unsigned(libc::AF_UNIX)),
        ALLOWED,
        statement(RETURN, errno(libc::EAFNOSUPPORT)),
    ]
}

/// TCP_ULP puts another protocol of the kernel (TLS) on a socket, of which many ways into the kernel were found; TLS
/// libraries do without.
fn socket_option() -> Vec<sock_filter> {
    vec![
        statement(LOAD, argument(1)),
        sock_filter { code: JUMP_EQUAL, jt: 0, jf: 3, k: unsigned(libc::IPPROTO_TCP) },
        statement(LOAD, argument(2)),
        when(JUMP_EQUAL, unsigned(libc::TCP_ULP)),
        statement(RETURN, errno(libc::ENOPROTOOPT)),
        ALLOWED,
    ]
}

/// The filter, as a program for the kernel.
pub(super) fn program() -> seccompiler::BpfProgram {
    let mut program = vec![
        statement(LOAD, ARCH),
        sock_filter { code: JUMP_EQUAL, jt: 1, jf: 0, k: ARCHITECTURE },
        statement(RETURN, KILL),
        statement(LOAD, NUMBER),
        // A tracer sets -1 to skip a call.
        when(JUMP_EQUAL, u32::MAX),
        UNKNOWN,
        // The x32 bit: another set of calls under other numbers.
        when(JUMP_GREATER_OR_EQUAL, 0x4000_0000),
        statement(RETURN, KILL),
    ];
    for (_, call, body) in decided() {
        let length = u8::try_from(body.len()).expect("blocks are a few instructions long");
        program.push(sock_filter { code: JUMP_EQUAL, jt: 0, jf: length, k: number(call) });
        program.extend(body);
    }
    program.extend(tree(&ranges()));
    program
}

/// All numbers in ascending ranges: where each begins, and its answer.
fn ranges() -> Vec<(u32, sock_filter)> {
    let mut answers = vec![DENIED; calls::LAST_KNOWN as usize + 1];
    let unknown = calls::UNKNOWN.iter().chain(calls::UNKNOWN_NEW).map(|(_, call)| (*call, UNKNOWN));
    let allowed = calls::ALLOWED.iter().copied().flatten().map(|(_, call)| (*call, ALLOWED));
    for (call, answer) in unknown.chain(allowed) {
        answers[number(call) as usize] = answer;
    }
    answers.push(UNKNOWN);
    let mut ranges: Vec<(u32, sock_filter)> = Vec::new();
    for (call, answer) in (0..).zip(answers) {
        if ranges.last().is_none_or(|(_, last)| last.k != answer.k) {
            ranges.push((call, answer));
        }
    }
    ranges
}

/// A binary search for the range that a number is in.
fn tree(ranges: &[(u32, sock_filter)]) -> Vec<sock_filter> {
    match ranges {
        [] => Vec::new(),
        [(_, answer)] => vec![answer.clone()],
        _ => {
            let (below, above) = ranges.split_at(ranges.len() / 2);
            let (below, first) = (tree(below), above[0].0);
            let skip = u8::try_from(below.len()).expect("some dozens of ranges, two instructions each");
            let mut search = vec![sock_filter { code: JUMP_GREATER_OR_EQUAL, jt: skip, jf: 0, k: first }];
            search.extend(below);
            search.extend(tree(above));
            search
        }
    }
}

#[cfg(test)]
mod tests;
