//! System calls that reach too far into the kernel.

use super::{Attempt, Class, Outcome, Target, Tries};
use crate::sys::forbidden::{self, Forbidden};

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "kernel-calls",
        class: Class::Kernel,
        about: "modules, bpf, perf, io_uring, userfaultfd, the clock, the kernel's log, restarting the machine",
        deadly: false,
        run: |_| each(forbidden::KERNEL),
    },
    Attempt {
        name: "keyrings",
        class: Class::Kernel,
        about: "the kernel's keys, which no namespace divides",
        deadly: false,
        run: |_| each(forbidden::KEYS),
    },
    Attempt {
        name: "x32-calls",
        class: Class::Kernel,
        about: "the same calls under the numbers of the x32 table",
        deadly: true,
        run: x32,
    },
    Attempt {
        name: "i386-calls",
        class: Class::Kernel,
        about: "the same calls by way of the 32-bit entry",
        deadly: true,
        run: i386,
    },
];

/// Each must be answered as not permitted, not there or not supported: any other answer came from inside the call.
pub(super) fn each(calls: &[Forbidden]) -> Outcome {
    let mut tries = Tries::new();
    for call in calls {
        match call.try_it() {
            Err(error) if is_refusal(&error) => tries.refused.push(format!("{}: {error}", call.name)),
            Err(error) => tries.escaped.push(format!("{}: taken, answered {error}", call.name)),
            Ok(()) => tries.escaped.push(format!("{}: it worked", call.name)),
        }
    }
    tries.outcome()
}

fn is_refusal(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EPERM
                | libc::EACCES
                | libc::ENOSYS
                | libc::EAFNOSUPPORT
                | libc::EPROTONOSUPPORT
                | libc::ESOCKTNOSUPPORT
        )
    )
}

#[cfg(target_arch = "x86_64")]
fn x32(_: &Target) -> Outcome {
    match forbidden::OTHER_ABI.try_it() {
        Err(error) => Outcome::Refused(error.to_string()),
        Ok(()) => Outcome::Escaped("a call of the x32 table was answered".to_owned()),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn x32(_: &Target) -> Outcome {
    Outcome::Held("this processor has no such table".to_owned())
}

#[cfg(target_arch = "x86_64")]
fn i386(_: &Target) -> Outcome {
    match crate::sys::hostile::call_of_another_architecture() {
        answer if answer > 0 => Outcome::Escaped(format!("getpid by way of the 32-bit entry answered {answer}")),
        answer => Outcome::Refused(format!("answered {answer}")),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn i386(_: &Target) -> Outcome {
    Outcome::Held("this processor has no such entry".to_owned())
}
