//! The one task that keeps the kernel's watches as the clients want them and hands out what happens.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coditect_api::agent::ChangeKind;
use rustix::fs::inotify::ReadFlags;
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::Shared;
use super::kernel::{self, Refusal, stamp};
use crate::files::is_temporary;
use crate::files::work::{SHORT, run as work};

/// How long events are gathered before they are told. The kernel merges repetitions meanwhile.
const GATHER: Duration = Duration::from_millis(50);
/// How often directories without a watch are looked at.
const POLL: Duration = Duration::from_secs(2);
/// A directory that changed this shortly before it was watched may have changed after the client read it.
const RECENT: Duration = Duration::from_secs(2);

type Stamp = (i64, i64, i64, i64, u64);

/// How a wanted directory is being looked at.
enum Watched {
    /// The kernel tells.
    ByKernel(i32),
    /// Its times are compared now and then.
    ByPolling(Option<Stamp>),
    /// Not at all: it is gone, or cannot be watched. Asking anew tries again.
    Not,
}

/// What one attempt found out.
struct Attempt {
    directory: PathBuf,
    outcome: Result<i32, Refusal>,
    stamp: Option<Stamp>,
    recent: bool,
}

struct Pump {
    shared: Arc<Shared>,
    instance: Option<Arc<AsyncFd<OwnedFd>>>,
    directories: HashMap<PathBuf, Watched>,
    /// Directories of each watch: the same one may be wanted under several names.
    names: HashMap<i32, Vec<PathBuf>>,
}

/// Runs until no client wants anything.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut pump = Pump { shared, instance: None, directories: HashMap::new(), names: HashMap::new() };
    let mut polls = interval(POLL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    polls.reset_at(Instant::now() + POLL);
    loop {
        if !pump.reconcile().await {
            return;
        }
        let polling = pump.directories.values().any(|watched| matches!(watched, Watched::ByPolling(_)));
        let instance = pump.instance.clone();
        let readable = async {
            match &instance {
                Some(instance) => instance.readable().await.map(|mut ready| ready.clear_ready()),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = pump.shared.wanted.notified() => {}
            ready = readable => match ready {
                Ok(()) => {
                    sleep(GATHER).await;
                    pump.hand_out().await;
                }
                Err(_) => pump.lose_instance(),
            },
            _ = polls.tick(), if polling => pump.poll().await,
        }
    }
}

impl Pump {
    /// Makes the watches what the clients want. False when they want nothing and the pump is to end.
    async fn reconcile(&mut self) -> bool {
        let wanted: HashSet<PathBuf> = {
            let mut state = self.shared.lock();
            // Asking for a directory that was gone, or could not be watched, tries it again.
            for client in state.clients.values_mut().filter(|client| client.asked) {
                client.asked = false;
                for directory in &client.wanted {
                    if matches!(self.directories.get(directory), Some(Watched::Not)) {
                        self.directories.remove(directory);
                    }
                }
            }
            let wanted: HashSet<PathBuf> =
                state.clients.values().flat_map(|client| client.wanted.iter().cloned()).collect();
            if wanted.is_empty() {
                // Under the same lock as the look, so that a client that comes now starts the next pump.
                state.pumping = false;
                return false;
            }
            wanted
        };
        let unwanted: Vec<PathBuf> = self.directories.keys().filter(|path| !wanted.contains(*path)).cloned().collect();
        for directory in unwanted {
            self.forget(&directory);
        }
        let fresh: Vec<PathBuf> = wanted.into_iter().filter(|path| !self.directories.contains_key(path)).collect();
        if !fresh.is_empty() {
            self.attempt(fresh, true).await;
        }
        true
    }

    fn forget(&mut self, directory: &Path) {
        let Some(Watched::ByKernel(wd)) = self.directories.remove(directory) else { return };
        let Some(names) = self.names.get_mut(&wd) else { return };
        names.retain(|name| name != directory);
        if names.is_empty() {
            self.names.remove(&wd);
            if let Some(instance) = &self.instance {
                kernel::remove(instance.get_ref(), wd);
            }
        }
    }

    fn lose_instance(&mut self) {
        self.instance = None;
        self.names.clear();
        self.directories.clear();
        self.shared.lock().overflow();
    }

    /// Tries to watch directories; `asked`: a client just asked for them, and is to hear when it cannot be done.
    async fn attempt(&mut self, directories: Vec<PathBuf>, asked: bool) {
        if self.instance.is_none() {
            // Without one, every directory is polled and the next look tries again.
            self.instance = kernel::init().and_then(register).ok().map(Arc::new);
        }
        let instance = self.instance.clone();
        let outcome = work(&SHORT, move |_| {
            Ok(directories.into_iter().map(|directory| try_one(instance.as_deref(), directory)).collect::<Vec<_>>())
        })
        .await;
        for attempt in outcome.unwrap_or_default() {
            self.take(attempt, asked);
        }
    }

    fn take(&mut self, attempt: Attempt, asked: bool) {
        let Attempt { directory, outcome, stamp, recent } = attempt;
        let before = self.directories.remove(&directory);
        let changed = match before {
            Some(Watched::ByPolling(before)) => before != stamp,
            _ => recent,
        };
        let mut state = self.shared.lock();
        let watched = match outcome {
            Ok(wd) => {
                let names = self.names.entry(wd).or_default();
                if !names.contains(&directory) {
                    names.push(directory.clone());
                }
                if changed {
                    state.changed(&directory, &directory, ChangeKind::Modified);
                }
                Watched::ByKernel(wd)
            }
            Err(Refusal::Absent) => {
                state.changed(&directory, &directory, ChangeKind::Removed);
                Watched::Not
            }
            Err(Refusal::Exhausted(reason)) => {
                if asked {
                    state.tell(&directory, |pending| pending.failed(&directory, reason));
                }
                if changed {
                    state.changed(&directory, &directory, ChangeKind::Modified);
                }
                Watched::ByPolling(stamp)
            }
            Err(Refusal::Impossible(reason)) => {
                state.tell(&directory, |pending| pending.failed(&directory, &reason));
                Watched::Not
            }
        };
        drop(state);
        self.directories.insert(directory, watched);
    }

    /// Looks at the directories that have no watch, and tries to get one.
    async fn poll(&mut self) {
        let polled = self.directories.iter().filter(|(_, watched)| matches!(watched, Watched::ByPolling(_)));
        let polled: Vec<PathBuf> = polled.map(|(directory, _)| directory.clone()).collect();
        self.attempt(polled, false).await;
    }

    /// Tells the clients what the kernel told.
    async fn hand_out(&mut self) {
        loop {
            let Some(instance) = self.instance.clone() else { return };
            let Ok((all, more)) = kernel::drain(instance.get_ref()) else { return self.lose_instance() };
            for happened in all {
                self.hand_out_one(&happened);
            }
            if !more {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    fn hand_out_one(&mut self, happened: &kernel::Happened) {
        let flags = happened.flags;
        if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.shared.lock().overflow();
            return;
        }
        let ended =
            flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::UNMOUNT | ReadFlags::IGNORED);
        if ended {
            // Under its old name there is nothing any more; whoever shows the new one asks for that.
            for directory in self.names.remove(&happened.wd).unwrap_or_default() {
                self.shared.lock().changed(&directory, &directory, ChangeKind::Removed);
                self.directories.insert(directory, Watched::Not);
            }
            if let Some(instance) = self.instance.as_ref().filter(|_| flags.contains(ReadFlags::MOVE_SELF)) {
                kernel::remove(instance.get_ref(), happened.wd);
            }
            return;
        }
        let kind = if flags.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
            ChangeKind::Created
        } else if flags.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
            ChangeKind::Removed
        } else {
            ChangeKind::Modified
        };
        if happened.name.as_ref().is_some_and(|name| is_temporary(name.as_os_str())) {
            return;
        }
        for directory in self.names.get(&happened.wd).into_iter().flatten() {
            let path = happened.name.as_ref().map_or_else(|| directory.clone(), |name| directory.join(name));
            self.shared.lock().changed(directory, &path, kind);
        }
    }
}

#[expect(
    deprecated,
    reason = "its unsoundness is of types that change descriptors under way; an OwnedFd keeps its own"
)]
fn register(instance: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(instance)
}

fn try_one(instance: Option<&AsyncFd<OwnedFd>>, directory: PathBuf) -> Attempt {
    let outcome = match instance {
        Some(instance) => kernel::add(instance.get_ref(), &directory),
        None => directory
            .metadata()
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
            .and_then(|metadata| if metadata.is_dir() { Err(Errno::MFILE) } else { Err(Errno::NOTDIR) })
            .map_err(|error| kernel::refusal(error, &directory)),
    };
    // Read after the watch stands: what happens from here on is told by the kernel.
    let metadata: io::Result<_> = directory.metadata();
    let recent = metadata.as_ref().ok().and_then(|metadata| metadata.modified().ok()?.elapsed().ok());
    let recent = recent.is_some_and(|age| age < RECENT);
    Attempt { directory, outcome, stamp: metadata.as_ref().ok().map(stamp), recent }
}
