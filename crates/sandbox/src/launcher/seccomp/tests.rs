//! The filter's answer to every number there is, by running its program.

use std::collections::HashSet;

use super::*;

/// What the program answers to a call with these arguments.
fn answer(program: &[sock_filter], call: u32, arguments: [u64; 6]) -> u32 {
    let field = |offset: u32| match offset {
        NUMBER => call,
        ARCH => ARCHITECTURE,
        offset => {
            let word = arguments[(offset as usize - 16) / 8];
            u32::try_from(word >> (8 * (offset % 8)) & 0xffff_ffff).unwrap()
        }
    };
    let (mut at, mut value) = (0, 0);
    loop {
        let step = &program[at];
        at += 1;
        let holds = match step.code {
            LOAD => {
                value = field(step.k);
                continue;
            }
            AND => {
                value &= step.k;
                continue;
            }
            RETURN => return step.k,
            JUMP_EQUAL => value == step.k,
            JUMP_GREATER => value > step.k,
            JUMP_GREATER_OR_EQUAL => value >= step.k,
            JUMP_ANY_BIT => value & step.k != 0,
            code => panic!("instruction {code:#x}"),
        };
        at += usize::from(if holds { step.jt } else { step.jf });
    }
}

fn call(number: c_long, arguments: [u64; 6]) -> u32 {
    answer(&program(), super::number(number), arguments)
}

#[test]
fn every_number_has_the_answer_of_its_list() {
    let program = program();
    let allowed: HashSet<u32> = calls::ALLOWED.iter().copied().flatten().map(|(_, call)| number(*call)).collect();
    let unknown: HashSet<u32> =
        calls::UNKNOWN.iter().chain(calls::UNKNOWN_NEW).map(|(_, call)| number(*call)).collect();
    let decided: HashSet<u32> = decided().iter().map(|(_, call, _)| number(*call)).collect();
    let listed: usize = calls::ALLOWED.iter().map(|group| group.len()).sum();
    assert_eq!(listed, allowed.len(), "a call is listed twice");
    assert!(allowed.is_disjoint(&unknown) && allowed.is_disjoint(&decided) && unknown.is_disjoint(&decided));
    for number in (0..2000).chain([0x3fff_ffff, 0x4000_0000, 0x4000_0027, u32::MAX]) {
        let expected = match number {
            u32::MAX => errno(libc::ENOSYS),
            0x4000_0000.. => KILL,
            number if decided.contains(&number) => continue,
            number if allowed.contains(&number) => ALLOW,
            number if unknown.contains(&number) || number > calls::LAST_KNOWN => errno(libc::ENOSYS),
            _ => errno(libc::EPERM),
        };
        assert_eq!(answer(&program, number, [0; 6]), expected, "call {number}");
    }
    // The kernel takes 4096 instructions at most; few make every start quick.
    assert!(program.len() < 400, "{}", program.len());
}

#[test]
fn arguments_decide_where_they_must() {
    let refused = errno(libc::EPERM);
    let first = |value: u64| [value, 0, 0, 0, 0, 0];
    for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNET, libc::CLONE_NEWNS] {
        let flag = u64::from(flag.unsigned_abs());
        assert_eq!(call(libc::SYS_clone, first(flag | 17)), refused);
        assert_eq!(call(libc::SYS_unshare, first(flag)), refused);
    }
    let thread = libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_PIDFD;
    assert_eq!(call(libc::SYS_clone, first(u64::from(thread.unsigned_abs()))), ALLOW);
    for request in IOCTLS {
        assert_eq!(call(libc::SYS_ioctl, [0, request.into(), 0, 0, 0, 0]), refused);
        // The kernel looks at the lower half alone.
        assert_eq!(call(libc::SYS_ioctl, [0, u64::from(request) | 1 << 40, 0, 0, 0, 0]), refused);
    }
    for request in [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, 0x4004_9409] {
        assert_eq!(call(libc::SYS_ioctl, [0, request, 0, 0, 0, 0]), ALLOW);
    }
    for (option, expected) in [
        (libc::PR_SET_NAME, ALLOW),
        (libc::PR_SET_PDEATHSIG, ALLOW),
        (libc::PR_SET_NO_NEW_PRIVS, ALLOW),
        (libc::PR_SET_SECCOMP, ALLOW),
        (libc::PR_SET_VMA, ALLOW),
        (libc::PR_SET_PTRACER, ALLOW),
        (libc::PR_SET_MM, errno(libc::EINVAL)),
        (libc::PR_SCHED_CORE, errno(libc::EINVAL)),
        (0, errno(libc::EINVAL)),
        (i32::MAX, errno(libc::EINVAL)),
    ] {
        assert_eq!(call(libc::SYS_prctl, first(u64::from(option.unsigned_abs()))), expected, "prctl {option}");
    }
}

#[test]
fn only_everyday_sockets_can_be_had() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        call(libc::SYS_socket, [family, kind, protocol, 0, 0, 0].map(|value| u64::from(value.unsigned_abs())))
    };
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    for family in [libc::AF_INET, libc::AF_INET6] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_STREAM | flags] {
            assert_eq!(socket(family, kind, 0), ALLOW);
        }
        assert_eq!(socket(family, libc::SOCK_STREAM, libc::IPPROTO_MPTCP), ALLOW);
        assert_eq!(socket(family, libc::SOCK_RAW | flags, libc::IPPROTO_ICMP), errno(libc::EPERM));
        assert_eq!(socket(family, libc::SOCK_STREAM, libc::IPPROTO_SCTP), errno(libc::EPROTONOSUPPORT));
        assert_eq!(socket(family, libc::SOCK_SEQPACKET, 0), errno(libc::ESOCKTNOSUPPORT));
        assert_eq!(socket(family, 10, 0), errno(libc::ESOCKTNOSUPPORT));
    }
    assert_eq!(socket(libc::AF_UNIX, libc::SOCK_SEQPACKET | flags, 0), ALLOW);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW | flags, libc::NETLINK_ROUTE), ALLOW);
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER), errno(libc::EPROTONOSUPPORT));
    for family in
        (0..64).filter(|family| ![libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK].contains(family))
    {
        assert_eq!(socket(family, libc::SOCK_STREAM, 0), errno(libc::EAFNOSUPPORT), "{family}");
        let pair = call(libc::SYS_socketpair, [u64::from(family.unsigned_abs()), 1, 0, 0, 0, 0]);
        assert_eq!(pair, errno(libc::EAFNOSUPPORT), "{family}");
    }
    assert_eq!(call(libc::SYS_socketpair, [1, 1, 0, 0, 0, 0]), ALLOW);
    assert_eq!(call(libc::SYS_setsockopt, [3, 6, 31, 0, 0, 0]), errno(libc::ENOPROTOOPT));
    assert_eq!(call(libc::SYS_setsockopt, [3, 6, 1, 0, 0, 0]), ALLOW);
    assert_eq!(call(libc::SYS_setsockopt, [3, 1, 31, 0, 0, 0]), ALLOW);
}
