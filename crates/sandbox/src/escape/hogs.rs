//! More than one's share. Each holds on to what it gets for a while, so that a neighbour can be asked how it fares.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};

use super::{Attempt, Class, Outcome, Target};
use crate::spec::WORKSPACE;
use crate::sys::hostile::{self, Harm};

/// One write of those that fill a disk, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Written at most where no limit was told, in bytes.
const UNTOLD_BYTES: u64 = 64 << 20;
/// Files made at most where no limit was told; also the size of the huge directory.
const UNTOLD_FILES: u64 = 10_000;
/// Nesting of the deep directory: far more than a path can name.
const DEPTH: usize = 3000;
/// What a limit may be missed by: what was there before, what is counted in larger units.
const SLACK: u64 = 64;
/// Terminals of a sandbox beyond those it was promised; see `launcher::mounts`.
const SPARE_TERMINALS: u32 = 128;
/// Processes that burn CPU time.
const SPINNERS: usize = 16;
/// How long what is counted for the whole sandbox is tried again when it cannot be had at first.
const END_DEADLINE: Duration = Duration::from_secs(20);

pub(super) const ATTEMPTS: &[Attempt] = &[
    Attempt {
        name: "open-files",
        class: Class::Resources,
        about: "as many open files as there are",
        deadly: false,
        run: open_files,
    },
    Attempt {
        name: "terminals",
        class: Class::Resources,
        about: "as many terminals as there are",
        deadly: false,
        run: terminals,
    },
    Attempt {
        name: "inotify",
        class: Class::Resources,
        about: "all inotify instances of the machine",
        deadly: false,
        run: inotify,
    },
    Attempt {
        name: "deep-directory",
        class: Class::Resources,
        about: "directories far deeper than a path can name",
        deadly: false,
        run: deep_directory,
    },
    Attempt {
        name: "huge-directory",
        class: Class::Resources,
        about: "a directory of ten thousand entries with hostile names",
        deadly: false,
        run: huge_directory,
    },
    Attempt {
        name: "inode-filler",
        class: Class::Resources,
        about: "files until no more can be made",
        deadly: false,
        run: inode_filler,
    },
    Attempt {
        name: "disk-filler",
        class: Class::Resources,
        about: "bytes until no more are taken",
        deadly: false,
        run: disk_filler,
    },
    Attempt {
        name: "temporary-filler",
        class: Class::Resources,
        about: "the same in /tmp, which is memory",
        deadly: true,
        run: temporary_filler,
    },
    Attempt {
        name: "cpu-hog",
        class: Class::Resources,
        about: "sixteen processes that burn CPU time",
        deadly: false,
        run: cpu_hog,
    },
    Attempt {
        name: "fork-bomb",
        class: Class::Resources,
        about: "processes that multiply",
        deadly: false,
        run: fork_bomb,
    },
    Attempt {
        name: "memory-hog",
        class: Class::Resources,
        about: "memory until the kernel ends it",
        deadly: true,
        run: memory_hog,
    },
];

/// What a count that ended at an error says, given what was promised (0 or `None`: nothing).
fn at_limit(what: &str, count: u64, promised: Option<u64>, end: &io::Error) -> Outcome {
    match promised.filter(|limit| *limit > 0) {
        Some(limit) if count > limit.saturating_add(SLACK) => {
            Outcome::Escaped(format!("{count} {what}, of {limit} promised; then: {end}"))
        }
        _ => Outcome::Held(format!("{count} {what}, then: {end}")),
    }
}

fn open_files(target: &Target) -> Outcome {
    let mut open = Vec::new();
    let ceiling = target.open_files.max(1) + 2 * SLACK;
    loop {
        match File::open("/dev/null") {
            Ok(file) if (open.len() as u64) < ceiling || target.open_files == 0 => open.push(file),
            Ok(_) => return Outcome::Escaped(format!("more than {} open files", open.len())),
            Err(error) => return at_limit("open files", open.len() as u64, Some(target.open_files), &error),
        }
    }
}

fn terminals(target: &Target) -> Outcome {
    let mut open = Vec::new();
    let promised = (target.terminals > 0).then(|| u64::from(target.terminals.saturating_add(SPARE_TERMINALS)));
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC;
    loop {
        match rustix::pty::openpt(flags) {
            Ok(terminal) => open.push(terminal),
            Err(error) => return at_limit("terminals", open.len() as u64, promised, &error.into()),
        }
        if promised.is_some_and(|promised| open.len() as u64 > promised + SLACK) {
            return Outcome::Escaped(format!("{} terminals", open.len()));
        }
    }
}

fn inotify(_: &Target) -> Outcome {
    let mut open = Vec::new();
    loop {
        match hostile::inotify() {
            Ok(instance) => open.push(instance),
            Err(error) => return Outcome::Held(format!("{} instances, then: {error}", open.len())),
        }
    }
}

fn directory(name: &str) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let workspace = openat(rustix::fs::CWD, WORKSPACE, flags, Mode::empty())?;
    match rustix::fs::mkdirat(&workspace, name, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => openat(&workspace, name, flags, Mode::empty()),
        Err(error) => Err(error),
    }
}

/// Left where it is: whoever counts or removes the volume must cope.
fn deep_directory(_: &Target) -> Outcome {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut here = match directory("deep") {
        Ok(here) => here,
        Err(error) => return Outcome::Held(error.to_string()),
    };
    for depth in 0..DEPTH {
        let deeper = rustix::fs::mkdirat(&here, "deeper", Mode::RWXU);
        match deeper.and_then(|()| openat(&here, "deeper", flags, Mode::empty())) {
            Ok(deeper) => here = deeper,
            Err(error) => return Outcome::Held(format!("{depth} levels, then: {error}")),
        }
    }
    Outcome::Held(format!("{DEPTH} levels, which the host must cope with"))
}

/// Left where it is, as above.
fn huge_directory(_: &Target) -> Outcome {
    let huge = match directory("huge") {
        Ok(huge) => huge,
        Err(error) => return Outcome::Held(error.to_string()),
    };
    for number in 0..UNTOLD_FILES {
        // Control characters, bytes that are no text, and what a shell or a terminal would act on.
        let mut name = format!("-rf \u{1b}]0;{number}\u{7}\n$(id)").into_bytes();
        name.push(0xff);
        let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(&name);
        let made = match number % 3 {
            0 => rustix::fs::symlinkat("/", &huge, name),
            1 => rustix::fs::mknodat(&huge, name, rustix::fs::FileType::Fifo, Mode::RWXU, 0),
            _ => rustix::fs::mkdirat(&huge, name, Mode::empty()),
        };
        if let Err(error) = made {
            return Outcome::Held(format!("{number} entries, then: {error}"));
        }
    }
    Outcome::Held(format!("{UNTOLD_FILES} entries, which the host must cope with"))
}

fn inode_filler(target: &Target) -> Outcome {
    let most = target.inodes.map_or(UNTOLD_FILES, |inodes| inodes + 4 * SLACK);
    let place = Path::new(WORKSPACE).join(".inodes");
    let mut outcome = None;
    let made = std::fs::create_dir(&place);
    for number in 0..most {
        let file = made
            .as_ref()
            .map_err(|error| io::Error::from(error.kind()))
            .and_then(|()| File::create(place.join(number.to_string())));
        if let Err(error) = file {
            outcome = Some(at_limit("files", number, target.inodes, &error));
            break;
        }
    }
    // Only tidies up.
    let _ = std::fs::remove_dir_all(&place);
    outcome.unwrap_or_else(|| unlimited("files", most, target.inodes))
}

fn unlimited(what: &str, count: u64, promised: Option<u64>) -> Outcome {
    match promised {
        Some(limit) => Outcome::Escaped(format!("{count} {what}, of {limit} promised")),
        None => Outcome::Held(format!("{count} {what}; this machine promises no limit")),
    }
}

/// Writes until there is an error or `most` bytes are there; the file goes again.
fn fill(path: &Path, most: u64) -> (u64, Option<io::Error>) {
    let chunk = vec![0xa5_u8; CHUNK_BYTES];
    let mut written = 0;
    let mut failed = None;
    match File::create(path) {
        Ok(mut file) => {
            while written < most {
                match file.write(&chunk) {
                    Ok(count) => written += count as u64,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            // Delayed allocation may have promised more than there is.
            if let (None, Err(error)) = (&failed, file.sync_all()) {
                failed = Some(error);
            }
        }
        Err(error) => failed = Some(error),
    }
    // Only tidies up.
    let _ = std::fs::remove_file(path);
    (written, failed)
}

fn disk_filler(target: &Target) -> Outcome {
    let most = target.storage_bytes.map_or(UNTOLD_BYTES, |bytes| bytes + 4 * CHUNK_BYTES as u64);
    match fill(&Path::new(WORKSPACE).join(".filler"), most) {
        (written, Some(error)) => at_limit("bytes", written, target.storage_bytes, &error),
        (written, None) => unlimited("bytes", written, target.storage_bytes),
    }
}

fn temporary_filler(target: &Target) -> Outcome {
    if target.memory_bytes == 0 {
        return Outcome::Held("no limit was told".to_owned());
    }
    match fill(Path::new("/tmp/.filler"), target.memory_bytes + 4 * CHUNK_BYTES as u64) {
        (written, Some(error)) => at_limit("bytes", written, Some(target.memory_bytes), &error),
        (written, None) => Outcome::Escaped(format!("{written} bytes, more than all its memory")),
    }
}

/// Ends the group of a harmful child, and reaps until nothing is left of it.
fn end(groups: &[i32]) {
    let begun = Instant::now();
    while begun.elapsed() < END_DEADLINE {
        let mut left = false;
        for group in groups {
            left |= hostile::signal_any(-group, libc::SIGKILL).is_ok();
        }
        while hostile::reap_any() {}
        if !left {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn cpu_hog(target: &Target) -> Outcome {
    let mut groups = Vec::new();
    let mut failed = None;
    for _ in 0..SPINNERS {
        match hostile::fork_harm(Harm::Spin) {
            Ok(pid) => groups.push(pid),
            Err(error) => failed = Some(error),
        }
    }
    std::thread::sleep(target.hog());
    end(&groups);
    match failed {
        Some(error) => Outcome::Held(format!("{} processes, then: {error}", groups.len())),
        None => Outcome::Held(format!("{} processes for {} ms", groups.len(), target.hog_ms)),
    }
}

fn fork_bomb(target: &Target) -> Outcome {
    let bomb = match hostile::fork_harm(Harm::Multiply) {
        Ok(pid) => pid,
        Err(error) => return Outcome::Held(format!("not one process: {error}")),
    };
    std::thread::sleep(target.hog());
    // Counted while they stand still: among them this process gets hardly any time.
    if let Err(error) = hostile::signal_any(-bomb, libc::SIGSTOP) {
        return Outcome::Escaped(format!("unknown: the bomb cannot be stopped: {error}"));
    }
    let most = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter(is_process).count() as u64;
    end(&[bomb]);
    if target.pids > 0 && most > u64::from(target.pids) {
        return Outcome::Escaped(format!("{most} processes, of {} promised", target.pids));
    }
    Outcome::Held(format!("{most} processes at most"))
}

fn is_process(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
}

/// A way to end well is to be ended. Where nothing ends it, it has escaped.
fn memory_hog(target: &Target) -> Outcome {
    if target.memory_bytes == 0 {
        return Outcome::Held("no limit was told".to_owned());
    }
    let most = target.memory_bytes + target.memory_bytes / 4;
    let Ok(bytes) = usize::try_from(most) else { return Outcome::Held("more than an address can hold".to_owned()) };
    match hostile::hoard(bytes) {
        Ok(()) => Outcome::Escaped(format!("{bytes} bytes, of {} promised", target.memory_bytes)),
        Err(error) => Outcome::Held(error.to_string()),
    }
}
