//! Governing sandboxes that run: limits, use, freezing, the end, and what is left after a crash.
//!
//! **Invariants**: everything works from a [`SandboxRecord`] alone, so whoever adopts a sandbox governs it as its maker
//! did.
//! **Not here**: asking the agent to end in good order; that is a request on its socket.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, setrlimit};

pub use crate::cgroup::Events;
use crate::cgroup::{CgroupLayout, Controller, Memory, write_control};
use crate::probe::Mode;
use crate::record::SandboxRecord;
use crate::settings::SETTINGS;
use crate::spec::{Limits, SPARE_TERMINALS};

/// How long the kernel may take to end the processes of a killed sandbox.
const KILL_DEADLINE: Duration = Duration::from_secs(10);
/// How long a group that is swept may take to become empty.
const SWEEP_DEADLINE: Duration = Duration::from_millis(100);
/// Which part of the machine's memory the buffers of all TCP connections may have together, on version 2.
const SOCKET_MEMORY_PART: u64 = 2;

/// What a sandbox uses now. `None`: this machine does not count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time since it began, in microseconds.
    pub cpu_us: Option<u64>,
    /// Memory in bytes, without the page cache that would be given back first.
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// What [`sweep`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Names of sandboxes whose empty groups were removed.
    pub removed: BTreeSet<String>,
    /// Groups of no known sandbox that hold processes.
    pub strays: Vec<Stray>,
}

/// A group that holds processes although no known sandbox is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The sandbox's name ([`SandboxRecord::group_name`]).
    pub name: String,
    /// The group.
    pub group: PathBuf,
    /// Its processes.
    pub pids: Vec<u32>,
}

/// Makes this process ready to have sandboxes; to be called once at start, before the launcher. On a version 2 machine
/// it moves the processes of its own control group to a leaf (`coditect-serve`), because a group with processes cannot
/// hand controllers on: run it in a group of its own (systemd: `Delegate=yes`, and `KillMode=process`, so that sandboxes
/// outlive it). As root it raises the machine's limits on inotify, terminals, process numbers and open files where they are
/// lower than many workspaces need, and where
/// version 1 groups are used it sets the control group option `favordynmods`, without which a start waits for the kernel.
/// Answers what could not be done, in words for the log.
#[must_use]
pub fn prepare() -> Vec<String> {
    let mut warnings = Vec::new();
    // The soft limit is for programs that use select(2). Each connection takes two.
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        warnings.push(format!("the limit on open files cannot be raised: {error}"));
    }
    match CgroupLayout::detect() {
        Ok(layout) => {
            let layout = layout.writable();
            if let Err(error) = layout.vacate_own_group() {
                warnings.push(format!("control groups cannot be handed on to workspaces: {error}"));
            }
            if Mode::of_this_process() == Mode::Privileged {
                if let Err(error) = layout.favour_joining() {
                    warnings
                        .push(format!("starting a workspace takes some milliseconds longer (favordynmods): {error}"));
                }
                if layout.v2_controllers.contains(&Controller::Memory)
                    && let Err(error) = raise_socket_memory()
                {
                    warnings.push(format!("net.ipv4.tcp_mem cannot be raised: {error}"));
                }
            }
        }
        Err(error) => warnings.push(format!("control groups cannot be found: {error}")),
    }
    if Mode::of_this_process() == Mode::Privileged {
        for setting in SETTINGS.iter().filter(|setting| setting.at_start) {
            if let Err(error) = setting.raise() {
                warnings.push(format!("{} cannot be raised to {}: {error}", setting.name, setting.least));
            }
        }
    }
    warnings
}

/// Lets TCP buffers of all workspaces together have [`SOCKET_MEMORY_PART`] of the machine's memory. Version 2 counts them
/// as memory of each workspace, which bounds them there; the kernel's common pool, a tenth of the memory, would be
/// used up by a few tenants to the harm of all others. (Version 1 has a limit of its own for them.)
fn raise_socket_memory() -> io::Result<()> {
    let path = PathBuf::from("/proc/sys/net/ipv4/tcp_mem");
    let text = std::fs::read_to_string(&path)?;
    let now: Vec<u64> = text.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [low, pressure, high] = now[..] else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{text:?}")));
    };
    let machine = rustix::system::sysinfo();
    let memory_bytes = machine.totalram.saturating_mul(u64::from(machine.mem_unit));
    let least = memory_bytes / SOCKET_MEMORY_PART / rustix::param::page_size() as u64;
    if high >= least && pressure >= least {
        return Ok(());
    }
    write_control(&path, &format!("{low} {} {}", pressure.max(least), high.max(least)))
}

/// Ends a sandbox: waits up to `grace` for it to end by itself (the caller asked its agent to), then kills it; waits
/// until the last process is gone; removes its control groups, sockets and record. Doing it again is fine.
///
/// # Errors
/// The kernel did not end it within ten seconds, or something could not be removed.
pub fn stop(record: &SandboxRecord, grace: Duration) -> io::Result<()> {
    if let Some(pidfd) = record.is_alive()?
        && !wait_for_end(&pidfd, grace)?
    {
        // The end of pid 1 is the end of its pid namespace: the kernel kills the rest, and pid 1 is not over before
        // they are. The groups are killed too, for a sandbox whose pid 1 hangs in a file system.
        match rustix::process::pidfd_send_signal(&pidfd, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        record.cgroups.kill()?;
        if !wait_for_end(&pidfd, KILL_DEADLINE)? {
            let text = format!("sandbox {} (pid {}) does not end after SIGKILL", record.group_name(), record.pid);
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
    }
    record.cgroups.remove()?;
    record.remove_files()
}

/// Ends and removes what a helper that died had made of a sandbox that it had not recorded yet: nobody else ever has its
/// name, so whatever is in groups of this name is that.
pub(crate) fn clear_unrecorded(instance: &str, name: &str) -> io::Result<()> {
    let layout = CgroupLayout::detect()?.writable();
    for own in layout.v2.iter().chain(layout.v1.values()) {
        let group = own.join(instance).join(name);
        let members = || match std::fs::read_to_string(group.join("cgroup.procs")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other,
        };
        for line in members()?.lines() {
            let Some(pid) = line.parse().ok().and_then(Pid::from_raw) else { continue };
            let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
            // Held now: if the number still stands there, it is this very process.
            if members()?.lines().any(|again| again == line) {
                // It may have ended just now.
                let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
            }
        }
        crate::cgroup::remove_group(&group, KILL_DEADLINE)?;
    }
    Ok(())
}

/// Waits until the process of a pidfd has ended, for at most `limit`. Answers whether it has.
///
/// # Errors
/// The descriptor is not a pidfd.
pub fn wait_for_end(pidfd: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let started = Instant::now();
    loop {
        let left = limit.saturating_sub(started.elapsed());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What a sandbox uses now.
///
/// # Errors
/// Its control groups are gone.
pub fn usage(record: &SandboxRecord) -> io::Result<Usage> {
    let (cpu_us, memory_bytes, pids) = record.cgroups.usage()?;
    Ok(Usage { cpu_us, memory_bytes, pids })
}

/// A limit that does not hold in a living sandbox yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheld {
    /// Its name in the tier.
    pub limit: &'static str,
    /// Why not, and when it will, in words for the workspace's owner.
    pub reason: String,
    /// Whether trying again may help while the sandbox lives.
    pub retry: bool,
}

/// Sets other limits on a living sandbox, without ending anything in it. Answers those that do not hold yet: a memory
/// limit below what is in use; open files, which are a limit of each process and inherited; terminals beyond what the
/// sandbox was made for. How many terminals there may be is the agent's to know besides.
///
/// # Errors
/// A control group that is gone or refuses for another reason.
pub fn set_limits(record: &SandboxRecord, limits: &Limits) -> io::Result<Vec<Unheld>> {
    let mut unheld = Vec::new();
    if let Memory::InUse(bytes) = record.cgroups.set_limits(limits)? {
        unheld.push(Unheld {
            limit: "memory_bytes",
            reason: format!(
                "{} MiB are in use, more than the new limit of {} MiB. It is set as soon as there is room below it, or at \
                 the next start; nothing is ended for it.",
                bytes >> 20,
                limits.memory_bytes >> 20
            ),
            retry: true,
        });
    }
    if limits.open_files != record.limits.open_files {
        let reason = "each program keeps the limit on open files that it was started with; the new one holds from the \
                      workspace's next start."
            .to_owned();
        unheld.push(Unheld { limit: "open_files", reason, retry: false });
    }
    let terminals_made = record.limits.terminals.saturating_add(SPARE_TERMINALS);
    if limits.terminals > terminals_made {
        let reason = format!(
            "{terminals_made} terminals are possible until the workspace's next start, then {}.",
            limits.terminals
        );
        unheld.push(Unheld { limit: "terminals", reason, retry: false });
    }
    Ok(unheld)
}

/// Limits how many bytes a second a sandbox reads from and writes to the disk that its volume lies on, each. On version
/// 1 only what programs wait for is held up: reads, and writes that are forced out; what the kernel writes later on its
/// own is not counted to anybody. Answers why it cannot be held on this machine, if so.
///
/// # Errors
/// The volume cannot be looked at, or the control group refuses.
pub fn set_disk_rate(record: &SandboxRecord, volume: &Path, bytes_per_second: u64) -> io::Result<Option<String>> {
    let Some(device) = crate::block_device::below(volume)? else {
        return Ok(Some("the volume lies on no disk of its own that the kernel could slow down".to_owned()));
    };
    Ok(match record.cgroups.set_disk_rate(&device, bytes_per_second)? {
        true => None,
        false => Some("this machine has no control group for disks (`io`, `blkio`)".to_owned()),
    })
}

/// What a sandbox ran into since it began.
///
/// # Errors
/// Its control groups are gone.
pub fn events(record: &SandboxRecord) -> io::Result<Events> {
    record.cgroups.events()
}

/// Whether a control group that the kernel's log names is this sandbox's. The log gives the path in the hierarchy, of
/// which this process may see only a part; the last two names are the installation's and the sandbox's own.
#[must_use]
pub fn is_named(record: &SandboxRecord, group: &str) -> bool {
    let last_two = |path: &Path| {
        let mut names = path.components().rev().map(|name| name.as_os_str().to_owned());
        names.next().zip(names.next())
    };
    let named = last_two(Path::new(group));
    named.is_some() && record.cgroups.named_in_the_log().any(|own| last_two(own) == named)
}

/// Stops every process of a sandbox where it stands; answers once they all do.
///
/// # Errors
/// The machine has no group that can freeze, or it took more than two seconds.
pub fn freeze(record: &SandboxRecord) -> io::Result<()> {
    record.cgroups.freeze(true)
}

/// Lets a frozen sandbox run on.
///
/// # Errors
/// The machine has no group that can freeze.
pub fn thaw(record: &SandboxRecord) -> io::Result<()> {
    record.cgroups.freeze(false)
}

/// Removes the control groups that dead sandboxes of this installation left behind, and lists those that still hold
/// processes without belonging to a sandbox in `live` (by [`SandboxRecord::group_name`]).
///
/// # Errors
/// The groups cannot be listed.
pub fn sweep(instance: &str, live: &BTreeSet<String>) -> io::Result<Sweep> {
    let layout = CgroupLayout::detect()?.writable();
    let mut found = Sweep::default();
    let mut seen = BTreeSet::new();
    for own in layout.v2.iter().chain(layout.v1.values()) {
        let parent = own.join(instance);
        let entries = match std::fs::read_dir(&parent) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let group = entry.path();
            if !entry.file_type()?.is_dir() || live.contains(&name) || !seen.insert(group.clone()) {
                continue;
            }
            let text = std::fs::read_to_string(group.join("cgroup.procs"))?;
            let pids: Vec<u32> = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect();
            if pids.is_empty() {
                crate::cgroup::remove_group(&group, SWEEP_DEADLINE)?;
                found.removed.insert(name);
            } else {
                found.strays.push(Stray { name, group, pids });
            }
        }
        // Refused while workspaces are in it, which is right.
        let _ = std::fs::remove_dir(&parent);
    }
    Ok(found)
}
