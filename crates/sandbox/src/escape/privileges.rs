//! Identities, capabilities, namespaces, mounts.

use std::ffi::CString;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};

use rustix::fs::StatVfsMountFlags;

use super::calls::each;
use super::{Attempt, Class, Outcome, Target, Tries};
use crate::spec::WORKSPACE;
use crate::sys::{forbidden, hostile};

/// Programs of one directory of the base that are looked at, at most.
const PROGRAMS_MAX: usize = 20_000;

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "mounts",
        class: Class::Privileges,
        about: "mounting, by the old calls and the new, chroot, files by handle",
        deadly: false,
        run: |_| each(forbidden::MOUNTS),
    },
    Attempt {
        name: "namespaces",
        class: Class::Privileges,
        about: "namespaces of one's own, above all a user namespace, and joining others'",
        deadly: false,
        run: |_| each(forbidden::NAMESPACES),
    },
    Attempt {
        name: "identities",
        class: Class::Privileges,
        about: "becoming root, group root, any other user",
        deadly: false,
        run: |_| each(forbidden::IDENTITIES),
    },
    Attempt {
        name: "capabilities",
        class: Class::Privileges,
        about: "capabilities in any set, or a way to get one by exec",
        deadly: false,
        run: capabilities,
    },
    Attempt {
        name: "set-user-id",
        class: Class::Privileges,
        about: "set-user-id programs of the base, and file capabilities on one's own",
        deadly: false,
        run: set_user_id,
    },
    Attempt {
        name: "terminal-injection",
        class: Class::Privileges,
        about: "typing into the terminal of whoever looks (TIOCSTI, TIOCLINUX)",
        deadly: false,
        run: |_| each(forbidden::TERMINALS),
    },
    Attempt {
        name: "urgency",
        class: Class::Privileges,
        about: "real-time scheduling, negative niceness, more than the limits of open files and locked memory",
        deadly: false,
        run: urgency,
    },
];

fn capabilities(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    for name in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        tries.expect(&format!("{name} is empty"), field(name) == Some("0000000000000000"));
    }
    tries.expect("no_new_privs is set", field("NoNewPrivs:") == Some("1"));
    tries.expect("a system-call filter is in force", field("Seccomp:") == Some("2"));
    let any = rustix::thread::CapabilitySet::SYS_ADMIN;
    let sets = rustix::thread::CapabilitySets { effective: any, permitted: any, inheritable: any };
    tries.expect_error("taking CAP_SYS_ADMIN", rustix::thread::set_capabilities(None, sets));
    tries.expect_error("undoing no_new_privs", rustix::thread::set_no_new_privs(false));
    tries.outcome()
}

fn set_user_id(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for directory in ["/usr/bin", "/usr/sbin", "/usr/lib/openssh", "/usr/libexec", "/opt"] {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten().take(PROGRAMS_MAX) {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_file() && meta.mode() & 0o6000 != 0 {
                let counts = rustix::fs::statvfs(entry.path())
                    .is_ok_and(|mount| !mount.f_flag.contains(StatVfsMountFlags::NOSUID));
                tries.expect(&format!("{} changes nobody", entry.path().display()), !counts);
            }
        }
    }
    for place in [WORKSPACE, "/home/dev", "/tmp", "/dev/shm", "/run/user/1000", "/usr", "/etc"] {
        let nosuid = rustix::fs::statvfs(place).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOSUID));
        tries.expect(&format!("{place} is mounted without set-user-id"), nosuid);
    }
    let path = format!("{WORKSPACE}/.escape-program");
    let made = std::fs::File::options().write(true).create_new(true).mode(0o700).open(&path);
    match made.and_then(|mut file| file.write_all(b"#!/bin/sh\n")) {
        Ok(()) => {
            tries.expect_error("giving a file to root", chown(&path, Some(0), Some(0)));
            let path = CString::new(path.as_str()).expect("a constant path without NUL");
            tries.expect_error("giving a file capabilities", hostile::give_capabilities(&path));
        }
        Err(error) => tries.refused.push(format!("a program of one's own: {error}")),
    }
    // Only tidies up.
    let _ = std::fs::remove_file(&path);
    tries.outcome()
}

fn urgency(_: &Target) -> Outcome {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let mut tries = Tries::new();
    tries.expect_error("real-time scheduling", hostile::become_real_time());
    tries.expect_error("niceness -20", hostile::raise_priority());
    for resource in [Resource::Nofile, Resource::Memlock, Resource::Sigpending, Resource::Core, Resource::Rtprio] {
        let now = getrlimit(resource);
        let Some(most) = now.maximum else {
            tries.expect(&format!("{resource:?} is limited"), false);
            continue;
        };
        let more = Some(most + 1);
        tries.expect_error(&format!("more {resource:?}"), setrlimit(resource, Rlimit { current: more, maximum: more }));
    }
    tries.outcome()
}
