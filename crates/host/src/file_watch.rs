//! Watches the files of running workspaces for the audit log, from outside, where no workspace can stop it.
//!
//! A volume that is a file system of its own (an image) is watched whole: every name that is made, written, renamed,
//! removed or changed, through whatever mount. One that shares a file system with others is watched through the
//! sandbox's own mounts, where the kernel tells of writes alone; the log says which.
//!
//! **Invariants**: memory, reports and time are bounded for each workspace, whatever happens in it: the kernel's queue is
//! read at most [`DRAIN_EVENTS_MAX`] events at a time with pauses between, operations are counted by
//! [`window::Window`], and while reports cannot be handed over, counting goes on; what is lost is said to be lost. No
//! descriptor of a volume outlives its watch.
//! **Not here**: writing the log (crate `control`).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use coditect_model::audit::files::{FileReport, Source};
use coditect_model::audit::{Action, clean, clean_name};
use coditect_model::id::WorkspaceId;
use coditect_sandbox::file_events::{self, BUFFER_BYTES, Event, FileEvents, Operation};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxAttributes, StatxFlags};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::ambient::now;
use window::{Window, about};

mod window;

/// Over how long operations are counted together.
pub(crate) const WINDOW: Duration = Duration::from_secs(30);
/// Pause between two readings of the kernel's queue, which holds 16,384 events (`fs.fanotify.max_queued_events`) and
/// puts those about one name together: short, so that a process is mostly still there to be asked for its name.
const DRAIN_EVERY: Duration = Duration::from_millis(10);
/// The same while [`BUSY_EVENTS`] come at a time: a workspace that makes as much work for the host as it can gets this.
const DRAIN_EVERY_BUSY: Duration = Duration::from_millis(100);
const BUSY_EVENTS: usize = 500;
/// Events read at a time.
const DRAIN_EVENTS_MAX: usize = 20_000;
/// Processes whose names are remembered at once.
const PROCESSES_MAX: usize = 256;
/// Reports of all workspaces that wait for the control plane.
pub(crate) const REPORTS_MAX: usize = 4096;
/// How long the last reports of a workspace may wait for room.
const LAST_REPORTS_TIMEOUT: Duration = Duration::from_secs(2);

const WHOLE: &str = "every operation is watched";
const WRITES: &str = "writing is watched, through the workspace's own mounts; on this kind of volume the kernel does not \
                      tell of names that are made, renamed or removed without writing";
const AWAY: &str = "the server was away: what happened to files meanwhile, and in the half minute before it went, may be \
                    missing";
/// Instead of the name of a process that was over before it could be asked.
const ENDED: &str = "(ended)";
const UNWATCHED: &str = "files are not watched: the machine does not let the server (that takes root)";

/// Where a workspace's files are.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) workspace: WorkspaceId,
    /// The host's own directory.
    pub(crate) state_dir: PathBuf,
    /// Pid 1 of the sandbox.
    pub(crate) pid: u32,
    /// It ran before this process did.
    pub(crate) adopted: bool,
}

/// How much of the files is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coverage {
    Whole,
    Writes,
}

/// One workspace's watch.
struct Watch {
    target: Target,
    events: FileEvents,
    coverage: Coverage,
    /// The volume, for finding directories by their handles.
    volume: OwnedFd,
    volume_path: PathBuf,
    window: Window,
    processes: HashMap<i32, (Source, String)>,
    buffer: Vec<u8>,
}

fn mounted(path: &Path) -> bool {
    let found = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
    found.is_ok_and(|found| {
        found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
            && found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
    })
}

impl Watch {
    /// Blocks for as long as the disk takes.
    fn open(target: Target) -> io::Result<Self> {
        let label = target.workspace.label();
        let image = target.state_dir.join("mounts").join(&label);
        let events = FileEvents::open()?;
        let whole = mounted(&image) && events.watch_file_system(&image).is_ok();
        let volume_path = if mounted(&image) { image } else { target.state_dir.join("volumes").join(&label) };
        if !whole {
            // The sandbox's root is a read-only tmpfs, so these two names are its mounts and nothing else.
            for name in ["workspace", "home/dev"] {
                events.watch_mount(&PathBuf::from(format!("/proc/{}/root/{name}", target.pid)))?;
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            window: Window::new(target.workspace),
            coverage: if whole { Coverage::Whole } else { Coverage::Writes },
            volume: rustix::fs::open(&volume_path, flags, Mode::empty())?,
            volume_path,
            events,
            target,
            processes: HashMap::new(),
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// Counts what waits in the kernel's queue; whether nothing waits any more, and how much it was.
    fn drain(&mut self) -> io::Result<(bool, usize)> {
        let mut seen = 0;
        let at = now();
        // A process may be another program by now.
        self.processes.clear();
        let mut buffer = std::mem::take(&mut self.buffer);
        let outcome = loop {
            match self.events.read(&mut buffer) {
                Ok(0) => break Ok(true),
                Ok(length) => {
                    for event in file_events::events(&buffer[..length]) {
                        seen += 1;
                        self.count(&event, at);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if seen >= DRAIN_EVENTS_MAX {
                break Ok(false);
            }
        };
        self.buffer = buffer;
        outcome.map(|empty| (empty, seen))
    }

    /// What was counted, as reports; counting begins anew.
    fn reports(&mut self) -> Vec<FileReport> {
        let mut reports = self.window.take();
        for report in &mut reports {
            // git's commands are mostly over at once; what they do in a repository's own directory is known by the place.
            let place = report.directory.as_deref().unwrap_or_default();
            if report.process.as_deref() == Some(ENDED) && place.split('/').any(|part| part == ".git") {
                report.source = Some(Source::Git);
            }
        }
        reports
    }

    fn count(&mut self, event: &Event<'_>, at: coditect_model::ambient::Timestamp) {
        if event.lost() {
            self.window.lose(at);
        }
        let Some(place) = event.place else { return };
        // What the host does itself: counting space, making first files.
        if u32::try_from(event.pid).is_ok_and(|pid| pid == std::process::id()) {
            return;
        }
        if self.processes.len() >= PROCESSES_MAX {
            self.processes.clear();
        }
        let agent = self.target.pid;
        let (source, process) = self.processes.entry(event.pid).or_insert_with(|| name_of(event.pid, agent));
        let (volume, volume_path) = (&self.volume, &self.volume_path);
        let locate = |handle: file_events::Handle<'_>| {
            handle.path(volume.as_fd()).ok().and_then(|path| inside(&path, volume_path))
        };
        for operation in event.operations() {
            let action = match operation {
                Operation::Created => Action::FileCreated,
                Operation::Written => Action::FileModified,
                Operation::Renamed => Action::FileRenamed,
                Operation::Deleted => Action::FileDeleted,
                Operation::Attributes => Action::FileAttributes,
            };
            let name = || match event.to.filter(|_| operation == Operation::Renamed) {
                Some(to) => {
                    let directory = locate(to.directory).unwrap_or_else(|| "/…".to_owned());
                    // A name has no slash, so the first arrow before one is ours.
                    format!("{} → {directory}/{}", clean_name(place.name), clean_name(to.name))
                }
                None => clean_name(place.name),
            };
            let done = window::Operation { at, action, source: *source, process };
            self.window.add(&done, place.directory.key(), || locate(place.directory), name);
        }
    }
}

/// Through what a process works, and what it calls itself: the tenant's word, except for the agent's.
fn name_of(pid: i32, agent: u32) -> (Source, String) {
    if u32::try_from(pid).is_ok_and(|pid| pid == agent) {
        return (Source::Api, "coditect-agent".to_owned());
    }
    // It may have ended; its number may even be somebody else's by now, of the same workspace most likely.
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = clean(String::from_utf8_lossy(&name).trim_end_matches('\n'));
    match name.as_str() {
        "" => (Source::Program, ENDED.to_owned()),
        git if git == "git" || git.starts_with("git-") => (Source::Git, name),
        _ => (Source::Program, name),
    }
}

/// A place on the volume as the workspace's user sees it.
fn inside(path: &Path, volume: &Path) -> Option<String> {
    use std::os::unix::ffi::OsStrExt as _;
    let inner = clean_name(path.strip_prefix(volume).ok()?.as_os_str().as_bytes());
    Some(match inner.strip_prefix("home") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/home/dev{rest}"),
        _ => format!("/{inner}"),
    })
}

/// Watches until told to end, then reports the rest.
pub(crate) async fn run(target: Target, reports: mpsc::Sender<FileReport>, end: CancellationToken) {
    let (workspace, adopted) = (target.workspace, target.adopted);
    let opened = tokio::task::spawn_blocking(move || Watch::open(target)).await.map_err(io::Error::other).flatten();
    let watch = match opened {
        Ok(watch) => watch,
        Err(error) => {
            warn!(%workspace, %error, "a workspace's files cannot be watched for the audit log");
            let told = FileReport { note: Some(UNWATCHED), ..about(workspace, Action::FilesLost, now()) };
            last(&reports, vec![told]).await;
            return;
        }
    };
    let note = if watch.coverage == Coverage::Whole { WHOLE } else { WRITES };
    let mut waiting = vec![FileReport { note: Some(note), ..about(workspace, Action::FilesWatched, now()) }];
    if adopted {
        waiting.push(FileReport { note: Some(AWAY), ..about(workspace, Action::FilesLost, now()) });
    }
    if let Err(error) = watch_until(watch, &reports, waiting, end).await {
        warn!(%workspace, %error, "watching a workspace's files broke off");
        let note = Some("watching broke off; what happens to files from here on is not in this log");
        last(&reports, vec![FileReport { note, ..about(workspace, Action::FilesLost, now()) }]).await;
    }
}

async fn watch_until(
    watch: Watch,
    reports: &mpsc::Sender<FileReport>,
    mut waiting: Vec<FileReport>,
    end: CancellationToken,
) -> io::Result<()> {
    // Its own descriptor of the queue: the watch goes to the thread that drains it and comes back.
    let queue = rustix::io::fcntl_dupfd_cloexec(&watch.events, 0)?;
    #[expect(deprecated, reason = "an OwnedFd cannot be closed behind its back; the replacement is an unsafe function")]
    let queue = AsyncFd::with_interest(queue, tokio::io::Interest::READABLE)?;
    let mut watch = watch;
    let mut due = tokio::time::Instant::now() + WINDOW;
    hand_over(reports, &mut waiting);
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            () = tokio::time::sleep_until(due) => {
                due = tokio::time::Instant::now() + WINDOW;
                hand_over(reports, &mut waiting);
                // While reports wait for room, the window goes on.
                if waiting.is_empty() {
                    waiting = watch.reports();
                    hand_over(reports, &mut waiting);
                }
            }
            ready = queue.readable() => {
                let mut ready = ready?;
                let (empty, seen);
                (watch, (empty, seen)) = drained(watch).await?;
                if empty {
                    ready.clear_ready();
                }
                let pause = if seen < BUSY_EVENTS { DRAIN_EVERY } else { DRAIN_EVERY_BUSY };
                tokio::select! {
                    () = end.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
    // Where the sandbox has ended, nothing is added to the queue any more, and it is shorter than two readings. Where the
    // server goes and the sandbox stays, what comes later is said to be missing.
    for _ in 0..2 {
        (watch, _) = drained(watch).await?;
    }
    waiting.extend(watch.reports());
    // Whoever lets the volume go waits for this.
    drop(watch);
    last(reports, waiting).await;
    Ok(())
}

async fn drained(mut watch: Watch) -> io::Result<(Watch, (bool, usize))> {
    let drain = move || watch.drain().map(|outcome| (watch, outcome));
    tokio::task::spawn_blocking(drain).await.map_err(io::Error::other).flatten()
}

fn hand_over(reports: &mpsc::Sender<FileReport>, waiting: &mut Vec<FileReport>) {
    let room = reports.capacity().min(waiting.len());
    for report in waiting.drain(..room) {
        if reports.try_send(report).is_err() {
            debug!("nobody takes file reports any more");
        }
    }
}

/// Hands over what there is no later time for.
async fn last(reports: &mpsc::Sender<FileReport>, waiting: Vec<FileReport>) {
    for report in waiting {
        let workspace = report.workspace;
        match tokio::time::timeout(LAST_REPORTS_TIMEOUT, reports.send(report)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => {
                warn!(%workspace, "the last file operations of a workspace did not reach the audit log");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
