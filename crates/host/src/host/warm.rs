//! Sandboxes prepared ahead: made in the background, nobody's until a start takes one, and never a second tenant's.
//!
//! A prepared sandbox lies in `run/.warm-<name>`; the launcher renames that to `run/<label>` when it becomes a workspace's.
//! Its agent ends by itself when the launcher's helper does, so a host that dies leaves none running; what is left of them
//! on disk and in the control groups is taken away when the host is opened again ([`Host::end_waiting`]).
//!
//! **Invariants**: the policy decides how many ([`coditect_model::warm::target`]); none is made while a start waits; what
//! fails here costs a start nothing but the time of a cold one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use coditect_model::tier;
use coditect_model::warm::{EACH_BYTES, History, Policy, target};
use coditect_sandbox::probe::Mode;
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::Limits;
use tokio::sync::Notify;
use tracing::{Instrument as _, debug, info, info_span, warn};

use super::{Host, StartWorkspace, identity, living_record, lock, remove_run_dir};
use crate::ambient;
use crate::running::HostError;

/// What the names of run directories of prepared sandboxes begin with. No label starts with a dot.
const WAITING: &str = ".warm-";
/// How often the number is looked at when nothing happens: memory comes and goes.
const REVIEW: Duration = Duration::from_secs(10);
/// How long none are made after one could not be.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);
/// What a sandbox is prepared with while no start has told what workspaces here get. Limits that fit need not be set again.
const FIRST_LIMITS: Limits =
    Limits { cpu_millis: 1000, memory_bytes: 512 << 20, pids: 512, open_files: 65_536, terminals: 32 };

/// What the host has prepared, for logs, metrics and `coditect doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmReport {
    /// Why none are prepared, if so.
    pub off: Option<&'static str>,
    /// The most there may be.
    pub max: usize,
    /// How many there should be now.
    pub target: usize,
    /// How many there are.
    pub ready: usize,
    /// How many were made so far.
    pub prepared: u64,
    /// Starts that took one.
    pub bound: u64,
    /// Starts that found none and were cold.
    pub missed: u64,
}

/// The prepared sandboxes and what is known about the demand for them.
pub(super) struct Pool {
    policy: Policy,
    opened: Instant,
    state: Mutex<State>,
    changed: Notify,
    /// Starts under way.
    starting: AtomicUsize,
}

#[derive(Default)]
struct State {
    kept: bool,
    ready: VecDeque<Prepared>,
    history: History,
    limits: Option<tier::Limits>,
    failed: Option<Instant>,
    prepared: u64,
    bound: u64,
    missed: u64,
}

/// One sandbox that waits.
pub(super) struct Prepared {
    record: SandboxRecord,
    pidfd: OwnedFd,
    /// The root file system it was made with.
    base: PathBuf,
}

/// A start under way: until it is over, none are prepared.
pub(super) struct Starting<'a>(&'a Pool);

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        self.0.starting.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_one();
    }
}

impl Pool {
    pub(super) fn new(policy: Policy) -> Self {
        Self {
            policy,
            opened: Instant::now(),
            state: Mutex::default(),
            changed: Notify::new(),
            starting: AtomicUsize::new(0),
        }
    }

    /// Notes that a workspace with these limits is being started.
    pub(super) fn begin(&self, limits: &tier::Limits) -> Starting<'_> {
        self.starting.fetch_add(1, Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.history.note(self.opened.elapsed());
        state.limits = Some(limits.clone());
        Starting(self)
    }

    fn off(&self) -> Option<&'static str> {
        match (self.policy.max, Mode::of_this_process()) {
            (0, _) => Some("`warm.max` is 0"),
            (_, Mode::Unprivileged) => Some("only root can give a sandbox a volume after it was made"),
            (_, Mode::Privileged) => None,
        }
    }

    fn target(&self) -> usize {
        if self.off().is_some() {
            return 0;
        }
        let state = lock(&self.state);
        // A machine that does not say is taken for one with enough: the policy bounds it too.
        let available = memory_available().unwrap_or(u64::MAX);
        let already = EACH_BYTES.saturating_mul(state.ready.len() as u64);
        target(&state.history, self.opened.elapsed(), available.saturating_add(already), &self.policy)
    }
}

impl Host {
    /// Keeps sandboxes prepared from now on, as many as the policy wants, until the host is closed.
    pub fn keep_warm(&self) {
        let pool = &self.inner.warm;
        if let Some(reason) = pool.off() {
            info!(reason, "no sandboxes are prepared ahead: every start is a cold one");
            return;
        }
        if std::mem::replace(&mut lock(&pool.state).kept, true) {
            return;
        }
        let host = self.clone();
        let keep = async move {
            while !host.inner.closed.is_cancelled() {
                host.review().await;
                tokio::select! {
                    () = host.inner.closed.cancelled() => {}
                    () = host.inner.warm.changed.notified() => {}
                    () = tokio::time::sleep(REVIEW) => {}
                }
            }
            loop {
                let Some(unused) = lock(&host.inner.warm.state).ready.pop_front() else { break };
                host.discard(unused).await;
            }
        };
        self.inner.watchers.spawn(keep.instrument(info_span!("warm")));
    }

    /// What is prepared now.
    #[must_use]
    pub fn warm_report(&self) -> WarmReport {
        let pool = &self.inner.warm;
        let target = pool.target();
        let state = lock(&pool.state);
        WarmReport {
            off: pool.off(),
            max: pool.policy.max,
            target,
            ready: state.ready.iter().filter(|prepared| self.is_good(prepared)).count(),
            prepared: state.prepared,
            bound: state.bound,
            missed: state.missed,
        }
    }

    /// Makes the prepared sandboxes as many as they should be, one after the other, as long as no start waits.
    async fn review(&self) {
        let pool = &self.inner.warm;
        while !self.inner.closed.is_cancelled() {
            if let Some(spoiled) = self.take_spoiled() {
                self.discard(spoiled).await;
                continue;
            }
            let target = pool.target();
            let excess = {
                let mut state = lock(&pool.state);
                if state.ready.len() > target { state.ready.pop_front() } else { None }
            };
            if let Some(excess) = excess {
                self.discard(excess).await;
                continue;
            }
            let paused = |state: &State| state.failed.is_some_and(|failed| failed.elapsed() < PAUSE_AFTER_FAILURE);
            let enough = {
                let state = lock(&pool.state);
                state.ready.len() >= target || paused(&state)
            };
            if enough || pool.starting.load(Ordering::Acquire) > 0 {
                return;
            }
            match self.prepare().await {
                Ok(prepared) => {
                    debug!(pid = prepared.record.pid, name = prepared.record.name, "prepared a sandbox");
                    let mut state = lock(&pool.state);
                    state.prepared += 1;
                    state.failed = None;
                    state.ready.push_back(prepared);
                }
                Err(error) => {
                    warn!(%error, "no sandbox can be prepared; it is tried again later");
                    lock(&pool.state).failed = Some(Instant::now());
                }
            }
        }
    }

    /// One that has died, or was made from a base that is not the present one.
    fn take_spoiled(&self) -> Option<Prepared> {
        let mut state = lock(&self.inner.warm.state);
        let spoiled = state.ready.iter().position(|prepared| !self.is_good(prepared))?;
        state.ready.remove(spoiled)
    }

    fn is_good(&self, prepared: &Prepared) -> bool {
        let ended = coditect_sandbox::control::wait_for_end(&prepared.pidfd, Duration::ZERO);
        self.inner.bases.current().is_ok_and(|base| base == prepared.base) && matches!(ended, Ok(false))
    }

    async fn prepare(&self) -> Result<Prepared, HostError> {
        let ids = lock(&self.inner.id_ranges).take().ok_or(HostError::Full)?;
        let name = ambient::sandbox_name();
        let run_dir = self.inner.config.run_dir.join(format!("{WAITING}{name}"));
        // What the last start got: whoever gets the same later need not wait for it to be set.
        let last = lock(&self.inner.warm.state).limits.clone();
        let kbit = last.as_ref().map_or(self.inner.config.network.ready_kbit, |limits| limits.network_kbit);
        let limits = last.as_ref().map_or(FIRST_LIMITS, Limits::from);
        let made = match self.spec(name, ids, &run_dir, limits, None) {
            Ok(spec) => self.make(spec, kbit).await,
            Err(error) => Err(HostError::State(error)),
        };
        match made {
            Ok((record, pidfd)) => Ok(Prepared { base: record.base.clone(), record, pidfd }),
            Err(error) => {
                self.give_up(&run_dir, ids).await;
                Err(error)
            }
        }
    }

    /// Makes a prepared sandbox this workspace's; `None` when there is none, or it cannot be.
    pub(super) async fn bind_prepared(
        &self,
        start: &StartWorkspace,
        label: &str,
        run_dir: &Path,
        volume: &Path,
    ) -> Option<(SandboxRecord, OwnedFd)> {
        let taken = {
            let mut state = lock(&self.inner.warm.state);
            let good = state.ready.iter().position(|prepared| self.is_good(prepared));
            let taken = good.and_then(|index| state.ready.remove(index));
            state.missed += u64::from(taken.is_none());
            taken
        };
        let Prepared { record: waiting, pidfd, base } = taken?;
        // The waiting one's run directory becomes this: it is only in the way if a start was given up half way.
        remove_run_dir(run_dir);
        let (identity, limits) = (identity(start, label, volume.to_owned()), Limits::from(&start.limits));
        let (inner, record, run_dir) = (self.inner.clone(), waiting.clone(), run_dir.to_owned());
        let kbit = start.limits.network_kbit;
        let bind = tokio::task::spawn_blocking(move || {
            // While it is nobody's: what fails here leaves it to be thrown away.
            inner.network.set_limits(&record, kbit).map_err(|error| error.to_string())?;
            inner.launcher.bind(&record, &identity, &limits, &run_dir).map_err(|error| error.to_string())
        });
        match bind.await.map_err(|error| error.to_string()).and_then(std::convert::identity) {
            Ok(record) => {
                lock(&self.inner.warm.state).bound += 1;
                Some((record, pidfd))
            }
            Err(error) => {
                warn!(workspace = %start.workspace, %error, "a prepared sandbox could not be used; a new one is made");
                lock(&self.inner.warm.state).missed += 1;
                self.discard(Prepared { record: waiting, pidfd, base }).await;
                None
            }
        }
    }

    /// Ends a prepared sandbox that nobody got.
    async fn discard(&self, unused: Prepared) {
        let (ids, network) = (unused.record.ids, unused.record.network);
        let run_dir = unused.record.run_dir.clone();
        let record = unused.record;
        let stop = tokio::task::spawn_blocking(move || coditect_sandbox::control::stop(&record, Duration::ZERO));
        match stop.await.map_err(io::Error::other).and_then(std::convert::identity) {
            Ok(()) => {
                remove_run_dir(&run_dir);
                lock(&self.inner.id_ranges).release(ids);
                self.inner.network.release(network);
            }
            // It keeps its ids; the next host that is opened here ends it.
            Err(error) => warn!(%error, path = %run_dir.display(), "a prepared sandbox cannot be ended"),
        }
    }

    /// Ends what an earlier process of this host had prepared, and what was being given to a workspace when it ended.
    pub(super) async fn end_waiting(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.inner.config.run_dir)? {
            let entry = entry?;
            if !entry.file_name().to_string_lossy().starts_with(WAITING) {
                continue;
            }
            if living_record(&entry.path())?.is_some() {
                self.end_unknown(&entry.path()).await.map_err(io::Error::other)?;
            }
            remove_run_dir(&entry.path());
        }
        Ok(())
    }
}

/// What the machine could still give, in bytes.
fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()?.saturating_mul(1024))
}
