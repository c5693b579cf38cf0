//! Processes of the machine and of others.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Attempt, Class, Outcome, Target, Tries};
use crate::sys::hostile;

/// Descriptors of this process that are looked at, at most.
const DESCRIPTORS_MAX: usize = 4096;

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "foreign-processes",
        class: Class::Processes,
        about: "processes of the host and of neighbours in /proc",
        deadly: false,
        run: foreign_processes,
    },
    Attempt {
        name: "foreign-signals",
        class: Class::Processes,
        about: "signals, priorities and limits of processes of the host and of neighbours, by their numbers there",
        deadly: false,
        run: foreign_signals,
    },
    Attempt {
        name: "agent-signals",
        class: Class::Processes,
        about: "ending or stopping the sandbox's own pid 1 by signals that cannot be caught",
        deadly: false,
        run: agent_signals,
    },
    Attempt {
        name: "agent-memory",
        class: Class::Processes,
        about: "debugging pid 1, its memory, its descriptors, its root and working directory",
        deadly: false,
        run: agent_memory,
    },
    Attempt {
        name: "leaked-descriptors",
        class: Class::Processes,
        about: "descriptors that somebody outside forgot to close, and directories they lead to",
        deadly: false,
        run: leaked_descriptors,
    },
];

fn process_numbers() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn foreign_processes(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    let marker = target.foreign_marker.as_bytes();
    if marker.is_empty() {
        return tries.outcome();
    }
    let numbers = process_numbers();
    tries.expect("pid 1 is seen, so /proc is one", numbers.contains(&1));
    for number in numbers {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let holds = |text: &[u8]| line.windows(text.len()).any(|part| part == text);
        // Whoever was told the whole target is this process, or one that started it.
        let seen = holds(marker) && !holds(b"foreign_marker");
        tries.expect(&format!("process {number} is the sandbox's own"), !seen);
    }
    tries.outcome()
}

fn foreign_signals(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    for foreign in &target.foreign_processes {
        let pid = foreign.pid;
        // One of the sandbox's own may have the same number; it began at another time.
        if crate::record::start_time_ticks(pid).is_ok_and(|began| began != foreign.start_time_ticks) {
            continue;
        }
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
        tries.expect_error(&format!("a signal to {pid}"), hostile::signal_any(number.as_raw_pid(), 0));
        tries.expect_error(&format!("a pidfd of {pid}"), pidfd_open(number, PidfdFlags::empty()));
        tries.expect_error(&format!("limits of {pid}"), hostile::touch_process(pid));
        tries.expect_error(&format!("debugging {pid}"), hostile::trace(pid));
        tries.expect_error(&format!("memory of {pid}"), hostile::read_memory(pid, 0x1000));
    }
    tries.outcome()
}

fn agent_signals(_: &Target) -> Outcome {
    for signal in [libc::SIGSTOP, libc::SIGKILL] {
        if let Err(error) = hostile::signal_any(1, signal) {
            return Outcome::Refused(error.to_string());
        }
    }
    // Had they come through, this would not run.
    Outcome::Held("pid 1 goes on: the kernel keeps both from it".to_owned())
}

fn agent_memory(_: &Target) -> Outcome {
    let mut tries = Tries::new();
    for name in [
        "mem",
        "environ",
        "maps",
        "auxv",
        "stack",
        "syscall",
        "pagemap",
        "io",
        "root/etc/hostname",
        "cwd/x",
        "map_files",
    ] {
        let opened = File::open(format!("/proc/1/{name}")).and_then(|file| {
            // Some are opened and refuse to be read.
            std::io::Read::read(&mut { file }, &mut [0_u8; 8])
        });
        // Nothing in it is as good as a refusal.
        match opened {
            Ok(0) => tries.expect(&format!("/proc/1/{name} is empty"), true),
            other => tries.expect_error(&format!("/proc/1/{name}"), other),
        }
    }
    for name in ["root", "cwd", "exe", "ns/mnt", "ns/user", "ns/net", "ns/pid"] {
        tries.expect_error(&format!("/proc/1/{name}"), std::fs::read_link(format!("/proc/1/{name}")));
    }
    tries.expect_error("/proc/1/fd", std::fs::read_dir("/proc/1/fd"));
    tries.expect_error("/proc/1/task/1/fd", std::fs::read_dir("/proc/1/task/1/fd"));
    tries.expect_error("debugging it", hostile::trace(1));
    tries.expect_error("its memory", hostile::read_memory(1, 0x40_0000));
    match Pid::from_raw(1).map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        Some(Ok(process)) => {
            for number in 0..8 {
                tries.expect_error("its descriptors", hostile::take_descriptor(process.as_fd(), number));
            }
        }
        _ => tries.expect("a pidfd of pid 1 is refused", true),
    }
    tries.outcome()
}

fn leaked_descriptors(target: &Target) -> Outcome {
    let mut tries = Tries::new();
    for entry in std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten().take(DESCRIPTORS_MAX) {
        let path = entry.path();
        // The listing's own descriptor is gone by the time it is looked at, or is another one by then.
        let (Ok(to), Ok(meta)) = (std::fs::read_link(&path), std::fs::metadata(&path)) else { continue };
        let name = to.display().to_string();
        if meta.is_dir() {
            for up in ["..", "../..", "../../../.."] {
                for foreign in &target.foreign_paths {
                    let inside = foreign.strip_prefix("/").unwrap_or(foreign);
                    tries.expect_error(&format!("{name}/{up}"), File::open(path.join(up).join(inside)));
                }
            }
        }
        if !to.is_absolute() || !(meta.is_dir() || meta.is_file()) {
            continue;
        }
        // A file of the sandbox is found again under the name it shows; one of the host is not.
        let again = std::fs::metadata(&to).map(|again| (again.dev(), again.ino()));
        let same = again.is_ok_and(|again| again == (meta.dev(), meta.ino()))
            || name.ends_with(" (deleted)")
            || name.starts_with("/memfd:");
        tries.expect(&format!("descriptor {name} is of this sandbox"), same);
    }
    tries.expect("the descriptors can be listed", Path::new("/proc/self/fd/0").symlink_metadata().is_ok());
    tries.outcome()
}
