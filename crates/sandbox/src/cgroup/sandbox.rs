//! Making, limiting, freezing, measuring and removing the groups of one sandbox.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{CgroupLayout, Cgroups, Controller, Events, read_number, write_control};
use crate::spec::Limits;

/// Shortest CPU period: at 100 ms a keystroke beside a busy process waits up to 60 ms, at 10 ms about 11.
const CPU_PERIOD_MIN_US: u64 = 10_000;
/// Longest CPU period the kernel takes.
const CPU_PERIOD_MAX_US: u64 = 1_000_000;
/// Smallest CPU quota the kernel takes.
const CPU_QUOTA_MIN_US: u64 = 1_000;
/// Which part of a sandbox's memory the buffers of its TCP connections may have besides, on version 1.
const SOCKET_MEMORY_PART: u64 = 4;
/// Room left under a memory limit that is lowered while processes run: they go on taking memory meanwhile.
const MEMORY_MARGIN_BYTES: u64 = 4 << 20;
/// How often memory is taken back before a lower limit is given up for now.
const RECLAIMS_MAX: u32 = 5;
/// A group stays busy for moments after its last process has ended.
const REMOVE_DEADLINE: Duration = Duration::from_secs(3);
/// How long a freeze may take until every process stands still.
const FREEZE_DEADLINE: Duration = Duration::from_secs(2);

/// Quota and period in microseconds: as short a period as the smallest quota allows.
pub(super) fn cpu_quota_and_period(cpu_millis: u32) -> (u64, u64) {
    let millis = u64::from(cpu_millis.max(1));
    let period = (CPU_QUOTA_MIN_US * 1000).div_ceil(millis).clamp(CPU_PERIOD_MIN_US, CPU_PERIOD_MAX_US);
    ((period * millis / 1000).max(CPU_QUOTA_MIN_US), period)
}

impl Cgroups {
    /// Makes the groups of a sandbox and sets their limits. What was made is removed again when a step fails.
    ///
    /// # Errors
    /// Which file could not be made or written.
    pub(crate) fn create(layout: &CgroupLayout, instance: &str, name: &str, limits: &Limits) -> io::Result<Self> {
        let mut groups = Self { v2_controllers: layout.v2_controllers.clone(), ..Self::default() };
        let made = (|| {
            if let Some(own) = &layout.v2 {
                groups.v2 = Some(make(own, instance, name, |parent| {
                    if layout.hands_on(parent)? {
                        return Ok(());
                    }
                    layout.hand_on_controllers(own)?;
                    layout.hand_on_controllers(parent)
                })?);
            }
            for (&controller, own) in &layout.v1 {
                groups.v1.insert(controller, make(own, instance, name, |_| Ok(()))?);
            }
            match groups.set_limits(limits)? {
                Memory::Held => Ok(()),
                // Nothing is in a new group, so nothing can be in use.
                Memory::InUse(_) => Err(io::Error::other("the memory limit does not take in a new control group")),
            }
        })();
        match made {
            Ok(()) => Ok(groups),
            Err(error) => {
                // The first error is the one to tell.
                let _ = groups.remove();
                Err(error)
            }
        }
    }

    /// Moves a process into the groups it is not born into.
    pub(crate) fn attach(&self, pid: u32, born_into_v2: bool) -> io::Result<()> {
        let mut seen: Vec<&Path> = Vec::new();
        let v2 = self.v2.iter().filter(|_| !born_into_v2);
        for group in v2.chain(self.v1.values()) {
            if !seen.contains(&group.as_path()) {
                seen.push(group);
                control(group, "cgroup.procs", &pid.to_string())?;
            }
        }
        Ok(())
    }

    /// Sets the limits, of a new group or a living one. A memory limit below what is in use and cannot be given back is
    /// not set: nothing is killed for it.
    pub(crate) fn set_limits(&self, limits: &Limits) -> io::Result<Memory> {
        let mut memory = Memory::Held;
        let (quota, period) = cpu_quota_and_period(limits.cpu_millis);
        if let Some(group) = &self.v2 {
            if self.v2_controllers.contains(&Controller::Cpu) {
                control(group, "cpu.max", &format!("{quota} {period}"))?;
            }
            if self.v2_controllers.contains(&Controller::Memory) {
                memory = set_memory_v2(group, limits.memory_bytes)?;
                // One process is ended, not all of them: the agent and the user's other programs go on.
                control(group, "memory.oom.group", "0")?;
                // Swap would only make a sandbox at its limit slow for everybody; absent where swap is not accounted.
                optional(control(group, "memory.swap.max", "0"))?;
            }
            if self.v2_controllers.contains(&Controller::Pids) {
                control(group, "pids.max", &limits.pids.to_string())?;
            }
        }
        if let Some(group) = self.v1.get(&Controller::Cpu) {
            // Quota and period are checked together at every write: without a quota any period is fine.
            control(group, "cpu.cfs_quota_us", "-1")?;
            control(group, "cpu.cfs_period_us", &period.to_string())?;
            match control(group, "cpu.cfs_quota_us", &quota.to_string()) {
                // More than a group above has: then that one's limit is what holds.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {}
                other => other?,
            }
        }
        if let Some(group) = self.v1.get(&Controller::Memory) {
            memory = set_memory_v1(group, limits.memory_bytes)?;
            // Version 1 counts the buffers of TCP apart from memory, and only once they have a limit.
            let sockets = (limits.memory_bytes / SOCKET_MEMORY_PART).to_string();
            optional(control(group, "memory.kmem.tcp.limit_in_bytes", &sockets))?;
        }
        if let Some(group) = self.v1.get(&Controller::Pids) {
            control(group, "pids.max", &limits.pids.to_string())?;
        }
        Ok(memory)
    }

    /// Limits reading from and writing to one disk, each. Answers whether this machine has the controller for it.
    pub(crate) fn set_disk_rate(&self, device: &str, bytes_per_second: u64) -> io::Result<bool> {
        if let Some(group) = self.v2.as_ref().filter(|_| self.v2_controllers.contains(&Controller::Io)) {
            control(group, "io.max", &format!("{device} rbps={bytes_per_second} wbps={bytes_per_second}"))?;
            return Ok(true);
        }
        let Some(group) = self.v1.get(&Controller::Io) else { return Ok(false) };
        for file in ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"] {
            control(group, file, &format!("{device} {bytes_per_second}"))?;
        }
        Ok(true)
    }

    /// What the sandbox ran into so far.
    pub(crate) fn events(&self) -> io::Result<Events> {
        let v2 = |controller| self.v2.as_ref().filter(|_| self.v2_controllers.contains(&controller));
        let oom_kills = match (v2(Controller::Memory), self.v1.get(&Controller::Memory)) {
            (Some(group), _) => stat_field(&group.join("memory.events"), "oom_kill")?,
            (None, Some(group)) => stat_field(&group.join("memory.oom_control"), "oom_kill")?,
            (None, None) => None,
        };
        let refused_processes = match v2(Controller::Pids).or_else(|| self.v1.get(&Controller::Pids)) {
            Some(group) => stat_field(&group.join("pids.events"), "max")?,
            None => None,
        };
        Ok(Events { oom_kills, refused_processes })
    }

    /// The groups whose names the kernel's log uses when it ends a process for memory, or refuses one.
    pub(crate) fn named_in_the_log(&self) -> impl Iterator<Item = &Path> {
        let v1 = [Controller::Memory, Controller::Pids].into_iter().filter_map(|controller| self.v1.get(&controller));
        self.v2.iter().chain(v1).map(PathBuf::as_path)
    }

    /// Stops every process where it stands, and waits until they do; or lets them run on.
    pub(crate) fn freeze(&self, frozen: bool) -> io::Result<()> {
        if let Some(group) = &self.v2 {
            control(group, "cgroup.freeze", if frozen { "1" } else { "0" })?;
            return wait_until(FREEZE_DEADLINE, || {
                let events = std::fs::read_to_string(group.join("cgroup.events"))?;
                Ok(!frozen || events.lines().any(|line| line == "frozen 1"))
            });
        }
        if let Some(group) = self.v1.get(&Controller::Freezer) {
            let state = if frozen { "FROZEN" } else { "THAWED" };
            control(group, "freezer.state", state)?;
            return wait_until(FREEZE_DEADLINE, || {
                Ok(std::fs::read_to_string(group.join("freezer.state"))?.trim() == state)
            });
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "this machine has no control group that can freeze"))
    }

    /// Kills everything in the groups that can be killed as a whole, and thaws, so that the rest can die.
    pub(crate) fn kill(&self) -> io::Result<()> {
        if let Some(group) = &self.v2 {
            optional(control(group, "cgroup.kill", "1"))?;
        }
        if let Some(group) = self.v1.get(&Controller::Freezer) {
            optional(control(group, "freezer.state", "THAWED"))?;
        }
        Ok(())
    }

    /// CPU time used so far in microseconds, memory in use (without the page cache that would be given back first) in
    /// bytes, and processes.
    pub(crate) fn usage(&self) -> io::Result<(Option<u64>, Option<u64>, Option<u64>)> {
        let v2 = |controller| self.v2.as_ref().filter(|_| self.v2_controllers.contains(&controller));
        let cpu = if let Some(group) = &self.v2 {
            stat_field(&group.join("cpu.stat"), "usage_usec")?
        } else if let Some(group) = self.v1.get(&Controller::Cpuacct) {
            Some(read_number(&group.join("cpuacct.usage"))? / 1000)
        } else {
            None
        };
        let memory = if let Some(group) = v2(Controller::Memory) {
            let cache = stat_field(&group.join("memory.stat"), "inactive_file")?.unwrap_or(0);
            Some(read_number(&group.join("memory.current"))?.saturating_sub(cache))
        } else if let Some(group) = self.v1.get(&Controller::Memory) {
            let cache = stat_field(&group.join("memory.stat"), "total_inactive_file")?.unwrap_or(0);
            Some(read_number(&group.join("memory.usage_in_bytes"))?.saturating_sub(cache))
        } else {
            None
        };
        let pids = match v2(Controller::Pids).or_else(|| self.v1.get(&Controller::Pids)) {
            Some(group) => Some(read_number(&group.join("pids.current"))?),
            None => None,
        };
        Ok((cpu, memory, pids))
    }

    /// Removes the groups once they are empty, and the instance's group above them if this was the last.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for group in self.v2.iter().chain(self.v1.values()) {
            remove_group(group, REMOVE_DEADLINE)?;
        }
        Ok(())
    }
}

/// Removes a group, waiting for its last process to be gone from it.
pub(crate) fn remove_group(group: &Path, deadline: Duration) -> io::Result<()> {
    wait_until(deadline, || match std::fs::remove_dir(group) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => Ok(false),
        Err(error) => Err(name(group, error)),
    })
    .map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, format!("{} still has processes", group.display()))
        }
        _ => error,
    })?;
    if let Some(parent) = group.parent() {
        // Refused while other workspaces are in it, which is right.
        let _ = std::fs::remove_dir(parent);
    }
    Ok(())
}

fn make(own: &Path, instance: &str, own_name: &str, prepare: impl Fn(&Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let parent = own.join(instance);
    let group = parent.join(own_name);
    // Another workspace's end may remove the parent between the two steps: then once more.
    for _ in 0..16 {
        match std::fs::create_dir(&group) {
            // Whoever made the parent may have died before it was prepared.
            Ok(()) => {
                return match prepare(&parent) {
                    Ok(()) => Ok(group),
                    Err(error) => {
                        // The first error is the one to tell.
                        let _ = remove_group(&group, REMOVE_DEADLINE);
                        Err(error)
                    }
                };
            }
            // Left behind by a sandbox that died unseen. It is empty, or this is not the only sandbox.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if std::fs::read_to_string(group.join("cgroup.procs"))?.trim().is_empty() {
                    return prepare(&parent).map(|()| group);
                }
                let text = format!("{} already has processes: another sandbox of this name lives", group.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => match std::fs::create_dir(&parent) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(name(&parent, error)),
                _ => {}
            },
            Err(error) => return Err(name(&group, error)),
        }
    }
    Err(name(&group, io::Error::from(io::ErrorKind::NotFound)))
}

/// What became of a memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// It holds.
    Held,
    /// So many bytes are in use and cannot be given back, so the old one holds.
    InUse(u64),
}

/// A limit below what is in use would have the kernel kill. So first as much as possible is taken back, and new memory
/// is held up meanwhile (`memory.high`); only a limit that then has room is set.
fn set_memory_v2(group: &Path, bytes: u64) -> io::Result<Memory> {
    let current = || read_number(&group.join("memory.current"));
    if current()? <= bytes.saturating_sub(MEMORY_MARGIN_BYTES) {
        control(group, "memory.max", &bytes.to_string())?;
        return Ok(Memory::Held);
    }
    control(group, "memory.high", &bytes.saturating_sub(MEMORY_MARGIN_BYTES).to_string())?;
    let set = (|| {
        for _ in 0..RECLAIMS_MAX {
            let excess = current()?.saturating_sub(bytes.saturating_sub(MEMORY_MARGIN_BYTES));
            if excess == 0 {
                control(group, "memory.max", &bytes.to_string())?;
                return Ok(Memory::Held);
            }
            match control(group, "memory.reclaim", &excess.to_string()) {
                // Less than asked for could be taken back.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => {}
                other => optional(other)?,
            }
        }
        Ok(Memory::InUse(current()?))
    })();
    control(group, "memory.high", "max")?;
    set
}

/// Memory together with swap must never be under memory alone, at any moment: raise the one first, lower the other.
/// The kernel takes back what it can by itself, and refuses a limit for which that is not enough.
fn set_memory_v1(group: &Path, bytes: u64) -> io::Result<Memory> {
    let both = group.join("memory.memsw.limit_in_bytes");
    let files = match both.exists().then(|| read_number(&both)).transpose()? {
        None => vec!["memory.limit_in_bytes"],
        Some(before) if before >= bytes => vec!["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
        Some(_) => vec!["memory.memsw.limit_in_bytes", "memory.limit_in_bytes"],
    };
    for file in files {
        match control(group, file, &bytes.to_string()) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                return Ok(Memory::InUse(read_number(&group.join("memory.usage_in_bytes"))?));
            }
            other => other?,
        }
    }
    Ok(Memory::Held)
}

fn control(group: &Path, file: &str, text: &str) -> io::Result<()> {
    let path = group.join(file);
    write_control(&path, text).map_err(|error| name(&path, error))
}

/// Keeps the error number, for callers that look at it, only where nothing is added to the message.
fn name(path: &Path, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::EBUSY | libc::ESRCH | libc::EAGAIN) => error,
        // The group was removed between the opening of its file and the writing: gone is gone.
        Some(libc::ENODEV) => io::Error::new(io::ErrorKind::NotFound, format!("{}: {error}", path.display())),
        _ => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
    }
}

fn optional(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn stat_field(path: &Path, field: &str) -> io::Result<Option<u64>> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(' ')?.trim().parse().ok()))
}

/// The kernel tells nobody when these states are reached in version 1, so they are looked at.
fn wait_until(deadline: Duration, mut done: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(50);
    while !done()? {
        if started.elapsed() > deadline {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_goes_while_it_is_written_to_is_gone() {
        // What the kernel answers to a write through a descriptor whose group was removed meanwhile.
        let removed = name(Path::new("group/cgroup.kill"), io::Error::from_raw_os_error(libc::ENODEV));
        optional(Err(removed)).unwrap();
        let refused = name(Path::new("group/cgroup.kill"), io::Error::from_raw_os_error(libc::EACCES));
        assert!(optional(Err(refused)).is_err());
    }

    #[test]
    fn small_shares_get_the_shortest_period_that_holds_the_smallest_quota() {
        assert_eq!(cpu_quota_and_period(200), (2_000, 10_000));
        assert_eq!(cpu_quota_and_period(4_000), (40_000, 10_000));
        assert_eq!(cpu_quota_and_period(100), (1_000, 10_000));
        assert_eq!(cpu_quota_and_period(50), (1_000, 20_000));
        assert_eq!(cpu_quota_and_period(10), (1_000, 100_000));
        for millis in 1..10_000 {
            let (quota, period) = cpu_quota_and_period(millis);
            assert!((CPU_PERIOD_MIN_US..=CPU_PERIOD_MAX_US).contains(&period) && quota >= CPU_QUOTA_MIN_US);
            // Never more than one part in a hundred beside the share asked for.
            assert!((quota * 1000).abs_diff(period * u64::from(millis)) * 100 <= period * u64::from(millis));
        }
    }
}
