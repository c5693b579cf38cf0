//! Tells workspaces' users what the kernel did to their workspaces: programs ended for memory, processes refused.
//!
//! The kernel's log says which group and which program; one reader serves all workspaces, and none is polled. Its lines
//! are rationed by the kernel for the whole machine, so another workspace may use the ration up: whenever a kill is seen
//! without its line, and where the log cannot be read, the groups' own counters tell that it happened, without a name.
//!
//! **Invariants**: a line is believed about the group it names, never about another; a program's name is what it called
//! itself, at most 15 bytes, and is told to its own user only; what an agent does not take within its deadline is
//! dropped; nothing here grows with how often a workspace runs into its limits.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coditect_api::agent::NoticeKind;
use coditect_model::id::WorkspaceId;
use rustix::fs::{Mode, OFlags, SeekFrom};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::{debug, info, warn};

use crate::agent_client;
use crate::running::Running;

mod kernel_log;

use kernel_log::Line;

/// Notices that wait for one agent; more are counted into the last.
const WAITING_MAX: usize = 8;
/// Longest record of the kernel's log, in bytes (`PRINTK_MESSAGE_MAX`).
const RECORD_MAX_BYTES: usize = 8192;

/// Shortest time between two looks at everybody's counters.
const COMPARE_PAUSE: Duration = Duration::from_secs(1);

/// What is known of running workspaces.
type Finder = Arc<dyn Fn() -> Vec<(WorkspaceId, Running)> + Send + Sync>;

/// Tells users; one for a host.
pub(crate) struct Notices {
    finder: Finder,
    told: Mutex<HashMap<WorkspaceId, Told>>,
    /// Whether the kernel's log is read: then it counts first.
    log_is_read: bool,
}

/// What one workspace's user was told.
struct Told {
    run_dir: PathBuf,
    memory_bytes: u64,
    pids: u32,
    kills: u64,
    refused: bool,
    waiting: VecDeque<NoticeKind>,
    telling: bool,
}

impl Notices {
    /// Opens the kernel's log at its end. Answers a reader to be run, if it can be read.
    pub(crate) fn open(finder: Finder) -> (Arc<Self>, Option<KernelLog>) {
        let log = KernelLog::open().inspect_err(|error| {
            info!(%error, "the kernel's log cannot be read: users are told that programs were ended, not which");
        });
        let log = log.ok();
        (Arc::new(Self { finder, told: Mutex::default(), log_is_read: log.is_some() }), log)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkspaceId, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A workspace runs: from now on its user is told. What happened before (it was adopted) is not told again.
    pub(crate) fn watch(&self, workspace: WorkspaceId, running: &Running) {
        let events = coditect_sandbox::control::events(&running.record).unwrap_or_default();
        let told = Told {
            run_dir: running.run_dir.clone(),
            memory_bytes: running.record.limits.memory_bytes,
            pids: running.record.limits.pids,
            kills: events.oom_kills.unwrap_or(0),
            refused: events.refused_processes.unwrap_or(0) > 0,
            waiting: VecDeque::new(),
            telling: false,
        };
        self.lock().insert(workspace, told);
    }

    /// Its limits are others now.
    pub(crate) fn set_limits(&self, workspace: WorkspaceId, memory_bytes: u64, pids: u32) {
        if let Some(told) = self.lock().get_mut(&workspace) {
            (told.memory_bytes, told.pids) = (memory_bytes, pids);
        }
    }

    /// It has ended.
    pub(crate) fn forget(&self, workspace: WorkspaceId) {
        self.lock().remove(&workspace);
    }

    /// Somebody looked at a workspace's counters. Where the kernel's log cannot be read this is how kills are noticed.
    pub(crate) fn counted(self: &Arc<Self>, workspace: WorkspaceId, kills: u64) {
        if !self.log_is_read {
            self.kills_are(workspace, kills);
        }
    }

    /// Tells of kills that were not told one by one.
    fn kills_are(self: &Arc<Self>, workspace: WorkspaceId, kills: u64) {
        let mut told = self.lock();
        let Some(known) = told.get_mut(&workspace) else { return };
        let count = kills.saturating_sub(known.kills);
        if count > 0 {
            known.kills = kills;
            let limit_bytes = Some(known.memory_bytes);
            self.queue(workspace, known, NoticeKind::OutOfMemory { process: None, count, limit_bytes });
        }
    }

    /// A line of the kernel's log about some group.
    fn read(self: &Arc<Self>, line: &Line<'_>) {
        let group = line.group();
        let running = (self.finder)();
        let Some((workspace, _)) =
            running.into_iter().find(|(_, running)| coditect_sandbox::control::is_named(&running.record, group))
        else {
            return;
        };
        let mut told = self.lock();
        let Some(known) = told.get_mut(&workspace) else { return };
        match line {
            Line::Killed { process, own_limit, .. } => {
                info!(%workspace, own_limit, "a program was ended for memory");
                known.kills += 1;
                let limit_bytes = own_limit.then_some(known.memory_bytes);
                let process = Some(process.clone()).filter(|process| !process.is_empty());
                self.queue(workspace, known, NoticeKind::OutOfMemory { process, count: 1, limit_bytes });
            }
            Line::Refused { .. } if known.refused => {}
            Line::Refused { .. } => {
                info!(%workspace, "a process was refused");
                known.refused = true;
                let limit = known.pids;
                self.queue(workspace, known, NoticeKind::ProcessLimit { limit });
            }
        }
    }

    /// Kills that the log did not describe: the counters say whose they were.
    fn compare_counters(self: &Arc<Self>) {
        for (workspace, running) in (self.finder)() {
            let events = coditect_sandbox::control::events(&running.record).unwrap_or_default();
            if let Some(kills) = events.oom_kills {
                self.kills_are(workspace, kills);
            }
        }
    }

    /// One agent is told one thing after the other; what comes faster than it listens is counted together.
    fn queue(self: &Arc<Self>, workspace: WorkspaceId, told: &mut Told, notice: NoticeKind) {
        if told.waiting.len() >= WAITING_MAX {
            if let (Some(NoticeKind::OutOfMemory { count, .. }), NoticeKind::OutOfMemory { count: more, .. }) =
                (told.waiting.back_mut(), &notice)
            {
                *count += more;
            }
            return;
        }
        told.waiting.push_back(notice);
        if !std::mem::replace(&mut told.telling, true) {
            let (notices, run_dir) = (Arc::clone(self), told.run_dir.clone());
            tokio::spawn(async move {
                while let Some(notice) = notices.next(workspace) {
                    if let Err(error) = agent_client::tell(&run_dir, &notice).await {
                        debug!(%workspace, %error, "an agent was not told what happened to its workspace");
                    }
                }
            });
        }
    }

    fn next(&self, workspace: WorkspaceId) -> Option<NoticeKind> {
        let mut told = self.lock();
        let known = told.get_mut(&workspace)?;
        let next = known.waiting.pop_front();
        known.telling = next.is_some();
        next
    }

    /// Reads the kernel's log for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>, mut log: KernelLog) {
        let mut buffer = vec![0; RECORD_MAX_BYTES];
        let mut undescribed = 0_u64;
        loop {
            match log.next(&mut buffer, undescribed > 0).await {
                Ok(Some(record)) => {
                    if let Some(line) = Line::parse(record) {
                        if let Line::Killed { .. } = line {
                            // Its other line ("Killed process") follows.
                            undescribed = undescribed.saturating_sub(1);
                        }
                        self.read(&line);
                    } else if kernel_log::is_kill(record) {
                        undescribed += 1;
                    }
                }
                // Everything there is has been read.
                Ok(None) => {
                    undescribed = 0;
                    self.compare_counters();
                    // Whoever is killed without end must not keep us looking at everybody's counters without end.
                    tokio::time::sleep(COMPARE_PAUSE).await;
                }
                Err(error) => {
                    warn!(%error, "the kernel's log cannot be read any more: users are not told of programs that are ended");
                    return;
                }
            }
        }
    }
}

/// The kernel's log, from the moment it was opened.
pub(crate) struct KernelLog(AsyncFd<OwnedFd>);

impl KernelLog {
    fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let log = rustix::fs::open("/dev/kmsg", flags, Mode::empty())?;
        rustix::fs::seek(&log, SeekFrom::End(0))?;
        Ok(Self(crate::watchable(log)?))
    }

    /// The next record. `None` when there is none now, and `or_none` asks not to wait for one.
    async fn next<'a>(&mut self, buffer: &'a mut [u8], or_none: bool) -> io::Result<Option<&'a [u8]>> {
        loop {
            let read = if or_none {
                rustix::io::read(self.0.get_ref(), &mut *buffer).map_err(io::Error::from)
            } else {
                self.0
                    .async_io(Interest::READABLE, |log| rustix::io::read(log, &mut *buffer).map_err(io::Error::from))
                    .await
            };
            match read {
                Ok(count) => return Ok(Some(&buffer[..count])),
                // Overwritten before it was read: the next read goes on at the oldest there is.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::PIPE.raw_os_error()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}
