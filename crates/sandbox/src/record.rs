//! The record of a sandbox: written into its run directory before the sandbox may run, read by whoever governs it later.
//!
//! **Invariants**: a process is named by pid, start time and boot together, so a reused pid is never taken for it; a
//! record is replaced by rename, so it is never half there.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use coditect_model::id::WorkspaceId;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, Mode as FileMode, OFlags, RenameFlags, renameat_with};
use rustix::process::{Pid, PidfdFlags};
use serde::{Deserialize, Serialize};

use crate::cgroup::Cgroups;
use crate::probe::Mode;
use crate::spec::{AGENT_SOCKET, IdRange, Limits, Network, PORTS_SOCKET, RECORD_FILE};

/// Largest record file that is read, in bytes.
const RECORD_MAX_BYTES: u64 = 64 * 1024;

/// A sandbox that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxRecord {
    /// The sandbox's own name, by which its control groups are called; empty in records of versions that had none, whose
    /// groups were called by the workspace's label.
    #[serde(default)]
    pub name: String,
    /// Whose sandbox it is; `None` while it waits to become somebody's.
    pub workspace_id: Option<WorkspaceId>,
    /// The command that made it, or made it the workspace's; 0 while it is nobody's.
    pub generation: u64,
    /// Its pid 1, as the host sees it.
    pub pid: u32,
    /// When that process began, in clock ticks since boot (`/proc/<pid>/stat` field 22).
    pub start_time_ticks: u64,
    /// The boot that counts from (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// How it was made.
    pub mode: Mode,
    /// Its host ids, as in the specification: taken until it ends, also for a host that adopts it.
    pub ids: IdRange,
    /// The root file system it was made from; empty in records of versions that did not say.
    #[serde(default)]
    pub base: PathBuf,
    /// Its network: its address is taken until it ends.
    #[serde(default)]
    pub network: Network,
    /// The limits it was made with.
    pub limits: Limits,
    /// Where this record, the sockets and the log are.
    pub run_dir: PathBuf,
    /// Its control groups.
    pub cgroups: Cgroups,
}

impl SandboxRecord {
    /// Reads the record of a run directory; `None` when there is none.
    ///
    /// # Errors
    /// The file cannot be read, is larger than a record, or is not one.
    pub fn load(run_dir: &Path) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(run_dir.join(RECORD_FILE), flags, FileMode::empty()) {
            Ok(file) => std::fs::File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut text = String::new();
        file.take(RECORD_MAX_BYTES + 1).read_to_string(&mut text)?;
        if text.len() as u64 > RECORD_MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the sandbox record is too large"));
        }
        let mut record: Self = serde_json::from_str(&text)?;
        // A data directory may have been moved; the record lies where it lies.
        record.run_dir = run_dir.to_owned();
        Ok(Some(record))
    }

    /// Whether the sandbox lives: its pid 1, not another process with the same number. Answers a pidfd of it, which
    /// becomes readable when it ends.
    ///
    /// # Errors
    /// `/proc` cannot be read, or no descriptors are left.
    pub fn is_alive(&self) -> io::Result<Option<OwnedFd>> {
        if self.boot_id != boot_id()? {
            return Ok(None);
        }
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
        let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            // EINVAL: the number belongs to a thread now.
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // After the pidfd is held: if the start time fits now, the pidfd is that process for good.
        match start_time_ticks(self.pid) {
            Ok(ticks) if ticks == self.start_time_ticks => {}
            Ok(_) => return Ok(None),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok((!has_ended(&pidfd)?).then_some(pidfd))
    }

    /// What its control groups are called.
    #[must_use]
    pub fn group_name(&self) -> String {
        match (&self.workspace_id, self.name.is_empty()) {
            (Some(workspace_id), true) => workspace_id.label(),
            _ => self.name.clone(),
        }
    }

    /// Writes the record into its run directory.
    pub(crate) fn store(&self) -> io::Result<()> {
        self.store_in(&self.run_dir)
    }

    /// Writes the record into a directory that will be its run directory.
    pub(crate) fn store_in(&self, dir: &Path) -> io::Result<()> {
        let temporary = dir.join(".sandbox.json.new");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(&temporary, flags, FileMode::RUSR | FileMode::WUSR)?;
        std::fs::File::from(file).write_all(&serde_json::to_vec(self)?)?;
        let record = dir.join(RECORD_FILE);
        // Exchanged where one is there: ext4 writes a file out at once that is renamed over another (auto_da_alloc), which
        // takes longer than all the rest, and a record need not outlive the machine's power.
        match renameat_with(CWD, &temporary, CWD, &record, RenameFlags::EXCHANGE) {
            Ok(()) => std::fs::remove_file(&temporary),
            Err(_) => std::fs::rename(&temporary, &record),
        }
    }

    /// Removes the sockets, then the record, of a sandbox that has ended.
    pub(crate) fn remove_files(&self) -> io::Result<()> {
        for name in [AGENT_SOCKET, PORTS_SOCKET, RECORD_FILE] {
            match std::fs::remove_file(self.run_dir.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the process of a pidfd has ended (it may still wait to be reaped).
pub(crate) fn has_ended(pidfd: &OwnedFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(pidfd, PollFlags::IN)];
    Ok(rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default()))? > 0)
}

/// This boot's id.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// When a process began, in clock ticks since boot.
pub(crate) fn start_time_ticks(pid: u32) -> io::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_start_time(&stat).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc/<pid>/stat"))
}

/// Field 22. The name, in parentheses, may itself hold spaces and parentheses.
fn parse_start_time(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_record(run_dir: &Path) -> SandboxRecord {
        SandboxRecord {
            name: "s-1".to_owned(),
            workspace_id: Some(WorkspaceId::from_bytes([3; 16])),
            generation: 7,
            pid: std::process::id(),
            start_time_ticks: start_time_ticks(std::process::id()).unwrap(),
            boot_id: boot_id().unwrap(),
            mode: Mode::Privileged,
            ids: IdRange::numbered(0).unwrap(),
            base: "/".into(),
            network: Network::Isolated,
            limits: Limits { cpu_millis: 100, memory_bytes: 1 << 26, pids: 16, open_files: 64, terminals: 1 },
            run_dir: run_dir.to_owned(),
            cgroups: Cgroups::default(),
        }
    }

    #[test]
    fn a_record_is_alive_only_for_the_very_process() {
        let dir = tempfile::tempdir().unwrap();
        let record = own_record(dir.path());
        assert!(record.is_alive().unwrap().is_some());
        let reused_pid = SandboxRecord { start_time_ticks: record.start_time_ticks + 1, ..record.clone() };
        assert!(reused_pid.is_alive().unwrap().is_none());
        let other_boot = SandboxRecord { boot_id: "another".to_owned(), ..record.clone() };
        assert!(other_boot.is_alive().unwrap().is_none());
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let ticks = start_time_ticks(child.id()).unwrap();
        let mut of_child = SandboxRecord { pid: child.id(), start_time_ticks: ticks, ..record };
        // A zombie is not alive, nor is a pid that nobody has.
        rustix::process::waitid(
            rustix::process::WaitId::Pid(Pid::from_child(&child)),
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
        )
        .unwrap();
        assert!(of_child.is_alive().unwrap().is_none());
        child.wait().unwrap();
        assert!(of_child.is_alive().unwrap().is_none());
        of_child.pid = u32::MAX;
        assert!(of_child.is_alive().unwrap().is_none());
    }

    #[test]
    fn records_round_trip_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(SandboxRecord::load(dir.path()).unwrap(), None);
        let record = own_record(dir.path());
        record.store().unwrap();
        assert_eq!(SandboxRecord::load(dir.path()).unwrap(), Some(record.clone()));
        record.remove_files().unwrap();
        record.remove_files().unwrap();
        assert_eq!(SandboxRecord::load(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(RECORD_FILE), "{}").unwrap();
        assert!(SandboxRecord::load(dir.path()).is_err());
        std::fs::write(dir.path().join(RECORD_FILE), vec![b' '; 70_000]).unwrap();
        assert!(SandboxRecord::load(dir.path()).is_err());
    }

    #[test]
    fn a_record_of_a_version_without_names_is_still_read() {
        let dir = tempfile::tempdir().unwrap();
        let record = own_record(dir.path());
        let mut old = serde_json::to_value(&record).unwrap();
        old.as_object_mut().unwrap().remove("name");
        std::fs::write(dir.path().join(RECORD_FILE), old.to_string()).unwrap();
        let read = SandboxRecord::load(dir.path()).unwrap().unwrap();
        assert_eq!((read.workspace_id, read.group_name()), (record.workspace_id, record.workspace_id.unwrap().label()));
        assert_eq!(record.group_name(), "s-1");
    }

    #[test]
    fn start_time_is_found_behind_hostile_names() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        assert_eq!(parse_start_time(stat), Some(4711));
        assert_eq!(parse_start_time("42"), None);
    }
}
