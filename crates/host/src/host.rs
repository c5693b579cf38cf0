//! The host: starts, stops, adopts and forgets sandboxes, one command at a time per workspace.

use std::collections::HashMap;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use coditect_api::workspace::Usage;
use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use coditect_sandbox::agent_config::AgentConfig;
use coditect_sandbox::launcher::Launcher;
use coditect_sandbox::record::SandboxRecord;
use coditect_sandbox::spec::{self, AGENT_LOG, IdRange, Identity, SandboxSpec};
use tokio::net::UnixStream;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, info, info_span, warn};

use crate::bases::Bases;
use crate::generations::Generations;
use crate::id_ranges::IdRanges;
use crate::network::{Network, NetworkConfig};
use crate::notices::Notices;
use crate::port_stream::PortStream;
use crate::relay::{self, ConnectError};
use crate::running::{HostError, Running, Table};
use crate::usage::Samples;
use crate::volume::{StorageConfig, Volumes, make_private_dir};
use crate::{agent_client, ambient};

mod files;
mod limits;
mod volumes;
mod warm;

pub use warm::WarmReport;

/// How long a workspace's processes may take to end before they are killed.
const STOP_GRACE: Duration = Duration::from_secs(3);
/// Digits of the workspace's label in the name of its machine.
const HOSTNAME_DIGITS: usize = 8;
/// Bytes of the agent's log that go into the reason of a failed start.
const LAST_WORDS_BYTES: u64 = 400;
/// Exits that a slow subscriber may lag behind before it is told to list everything again.
const EXITS_BUFFERED: usize = 1024;

/// What a host needs to know.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Volumes and the host's own state.
    pub state_dir: PathBuf,
    /// Sockets and records of running sandboxes.
    pub run_dir: PathBuf,
    /// Root file system of the sandboxes, unless the operator has chosen another base.
    pub base: PathBuf,
    /// The agent's binary.
    pub agent_binary: PathBuf,
    /// Names this installation's cgroups; unique on the machine.
    pub instance: String,
    /// The network of workspaces.
    pub network: NetworkConfig,
    /// Directories that no sandbox may see, even where they lie inside the base.
    pub hide: Vec<PathBuf>,
    /// Sandboxes prepared ahead.
    pub warm: coditect_model::warm::Policy,
    /// How volumes are kept.
    pub storage: StorageConfig,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct StartWorkspace {
    /// Which.
    pub workspace: WorkspaceId,
    /// Number of the command.
    pub generation: Generation,
    /// The tier's limits.
    pub limits: Limits,
}

/// A sandbox that runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// As which generation it was started.
    pub generation: Generation,
    /// Process id of its pid 1, as the machine counts.
    pub pid: u32,
}

/// Why a host cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory of its state.
    #[error("{path}: {source}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The launcher.
    #[error("the sandbox launcher cannot be started: {0}")]
    Launcher(#[from] coditect_sandbox::launcher::LaunchError),
    /// The network, as it is configured.
    #[error("workspaces cannot have the network that is configured: {0}")]
    Network(#[source] io::Error),
}

/// One machine's workspaces. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    config: HostConfig,
    bases: Bases,
    volumes: Volumes,
    launcher: Launcher,
    warm: warm::Pool,
    network: Network,
    running: Arc<Mutex<Table>>,
    id_ranges: Mutex<IdRanges>,
    generations: Mutex<Generations>,
    samples: Mutex<Samples>,
    notices: Arc<Notices>,
    /// One command at a time per workspace.
    commands: Mutex<HashMap<WorkspaceId, Arc<tokio::sync::Mutex<()>>>>,
    exits: broadcast::Sender<WorkspaceId>,
    tasks: TaskTracker,
    /// One for each running sandbox.
    watchers: TaskTracker,
    /// Ends the watchers.
    closed: CancellationToken,
    /// Whether a task looks after the disk's free space.
    watching_space: AtomicBool,
    /// Why the host itself ended sandboxes.
    end_reasons: Mutex<HashMap<WorkspaceId, String>>,
    file_watches: Mutex<files::FileWatches>,
}

/// Every lock here guards plain maps that are consistent between any two statements, so a panic elsewhere does not
/// spoil them.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Opens the host's state and starts the launcher.
    ///
    /// # Errors
    /// A directory that cannot be made, or an agent binary that does not start.
    pub fn open(config: HostConfig) -> Result<Self, OpenError> {
        let directory = |path: PathBuf| move |source| OpenError::Directory { path, source };
        let generations_dir = config.state_dir.join("generations");
        make_private_dir(&config.run_dir).map_err(directory(config.run_dir.clone()))?;
        make_private_dir(&config.state_dir).map_err(directory(config.state_dir.clone()))?;
        let volumes = Volumes::open(&config.state_dir, &config.storage).map_err(directory(config.state_dir.clone()))?;
        let bases = Bases::below(&config.state_dir, &config.base);
        let generations = Generations::open(generations_dir.clone()).map_err(directory(generations_dir))?;
        let launcher = Launcher::spawn(&config.agent_binary)?;
        let network =
            Network::open(&config.network, &config.instance, &config.state_dir).map_err(OpenError::Network)?;
        let running = Arc::new(Mutex::new(Table::default()));
        let table = running.clone();
        let (notices, log) = Notices::open(Arc::new(move || {
            lock(&table).iter().map(|(&workspace, running)| (workspace, running.clone())).collect()
        }));
        let inner = Inner {
            warm: warm::Pool::new(config.warm),
            config,
            bases,
            volumes,
            launcher,
            network,
            running,
            notices,
            id_ranges: Mutex::default(),
            generations: Mutex::new(generations),
            samples: Mutex::default(),
            commands: Mutex::default(),
            exits: broadcast::channel(EXITS_BUFFERED).0,
            tasks: TaskTracker::new(),
            watchers: TaskTracker::new(),
            closed: CancellationToken::new(),
            watching_space: AtomicBool::new(false),
            end_reasons: Mutex::default(),
            file_watches: Mutex::default(),
        };
        if let Some(log) = log {
            let (notices, closed) = (inner.notices.clone(), inner.closed.clone());
            inner.watchers.spawn(async move { closed.run_until_cancelled(notices.run(log)).await });
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Takes over the sandboxes that an earlier process of this host left running, and clears away what is left of
    /// those that have ended since. Call once, before the first command.
    ///
    /// # Errors
    /// The run directory cannot be read.
    pub async fn adopt(&self) -> io::Result<Vec<Status>> {
        self.end_waiting().await?;
        let mut alive = Vec::new();
        for (workspace, run_dir) in sandbox_dirs(&self.inner.config.run_dir)? {
            let Some((record, pidfd)) = living_record(&run_dir)? else {
                info!(%workspace, "a sandbox has ended while the host was away");
                remove_run_dir(&run_dir);
                continue;
            };
            alive.push((workspace, record, run_dir, pidfd));
        }
        let labels = alive.iter().map(|(workspace, ..)| workspace.label()).collect();
        self.inner.volumes.adopt(&labels)?;
        for (workspace, record, run_dir, pidfd) in alive {
            lock(&self.inner.id_ranges).reserve(record.ids);
            self.inner.network.adopt(&record);
            self.inner.tasks.spawn(ask_who_it_is(workspace, run_dir.clone()));
            info!(%workspace, pid = record.pid, "adopted a running sandbox");
            self.insert(workspace, record, run_dir, pidfd);
        }
        let inner = self.inner.clone();
        self.inner.tasks.spawn_blocking(move || {
            if let Err(error) = inner.volumes.sweep() {
                warn!(error = %error, "removed volumes could not be freed");
            }
        });
        let names = lock(&self.inner.running).values().map(|entry| entry.record.group_name()).collect();
        for stray in coditect_sandbox::control::sweep(&self.inner.config.instance, &names)?.strays {
            warn!(name = stray.name, pids = ?stray.pids, "processes of a sandbox without a record; end them by hand");
        }
        self.inner.network.sweep();
        Ok(self.list())
    }

    /// Every sandbox that a host left running in this run directory, without adopting it.
    ///
    /// # Errors
    /// The directory cannot be read; a missing one holds none.
    pub fn list_records(run_dir: &Path) -> io::Result<Vec<Status>> {
        let mut found = Vec::new();
        for (workspace, dir) in sandbox_dirs(run_dir)? {
            if let Some((record, _)) = living_record(&dir)? {
                found.push(Status { workspace, generation: Generation(record.generation), pid: record.pid });
            }
        }
        Ok(found)
    }

    /// What runs here.
    #[must_use]
    pub fn list(&self) -> Vec<Status> {
        let running = lock(&self.inner.running);
        running
            .iter()
            .map(|(&workspace, entry)| Status { workspace, generation: entry.generation, pid: entry.record.pid })
            .collect()
    }

    /// Workspaces whose sandbox has ended, whether told to or not.
    #[must_use]
    pub fn exits(&self) -> broadcast::Receiver<WorkspaceId> {
        self.inner.exits.subscribe()
    }

    /// Starts a workspace's sandbox and waits until its agent answers. Does nothing when it runs already.
    ///
    /// # Errors
    /// See [`HostError`]; nothing is left behind.
    pub async fn start(&self, start: StartWorkspace) -> Result<(), HostError> {
        let workspace = start.workspace;
        let _turn = self.turn(workspace).await;
        self.fence(workspace, start.generation)?;
        let present = lock(&self.inner.running).get(&workspace).cloned();
        if let Some(entry) = present {
            // What runs is what was asked for. What has just died is being cleared away: start anew behind that.
            if !matches!(entry.record.is_alive(), Ok(None)) {
                return Ok(());
            }
            self.cleared(workspace, self.exits()).await;
        }
        let label = workspace.label();
        let run_dir = self.inner.config.run_dir.join(&label);
        self.end_unknown(&run_dir).await?;
        let _starting = self.inner.warm.begin(&start.limits);
        let volume = self.ready_volume(&label, &start.limits).await?;
        let (record, pidfd) = match self.bind_prepared(&start, &label, &run_dir, &volume).await {
            Some(bound) => bound,
            None => match self.launch(&start, &label, &run_dir, volume).await {
                Ok(launched) => launched,
                Err(error) => {
                    self.release_volume(&label).await;
                    return Err(error);
                }
            },
        };
        self.inner.limit_disk(workspace, &record, &start.limits);
        self.insert(workspace, record, run_dir.clone(), pidfd);
        // The socket listens from before the agent runs, so this waits exactly until it answers.
        let started = agent_client::status(&run_dir).await.map(drop).map_err(HostError::from);
        if let Err(error) = started {
            warn!(%workspace, %error, "a sandbox that does not answer is ended");
            self.end(workspace, Duration::ZERO).await?;
            return Err(error);
        }
        Ok(())
    }

    /// Makes a sandbox for a workspace in one go.
    async fn launch(
        &self,
        start: &StartWorkspace,
        label: &str,
        run_dir: &Path,
        volume: PathBuf,
    ) -> Result<(SandboxRecord, OwnedFd), HostError> {
        let ids = lock(&self.inner.id_ranges).take().ok_or(HostError::Full)?;
        let identity = Some(identity(start, label, volume));
        let spec = self.spec(ambient::sandbox_name(), ids, run_dir, (&start.limits).into(), identity);
        let made = match spec {
            Ok(spec) => self.make(spec, start.limits.network_kbit).await,
            Err(error) => Err(HostError::State(error)),
        };
        match made {
            Ok(made) => Ok(made),
            Err(error) => {
                self.give_up(run_dir, ids).await;
                Err(error)
            }
        }
    }

    fn spec(
        &self,
        name: String,
        ids: IdRange,
        run_dir: &Path,
        limits: coditect_sandbox::spec::Limits,
        identity: Option<Identity>,
    ) -> io::Result<SandboxSpec> {
        Ok(SandboxSpec {
            name,
            instance: self.inner.config.instance.clone(),
            ids,
            base: self.inner.bases.current()?,
            run_dir: run_dir.to_owned(),
            hide: self.inner.config.hide.clone(),
            network: spec::Network::Isolated,
            limits,
            identity,
        })
    }

    async fn make(&self, spec: SandboxSpec, kbit: u32) -> Result<(SandboxRecord, OwnedFd), HostError> {
        make_private_dir(&spec.run_dir).map_err(HostError::State)?;
        let run_dir = spec.run_dir.clone();
        let inner = self.inner.clone();
        let span = tracing::Span::current();
        let launch = tokio::task::spawn_blocking(move || {
            let _in_span = span.enter();
            let _held = inner.bases.hold().map_err(HostError::State)?;
            inner.network.launch(&inner.launcher, spec, kbit)
        });
        let record = launch.await.map_err(|error| HostError::Agent(error.to_string()))??;
        match record.is_alive() {
            Ok(Some(pidfd)) => Ok((record, pidfd)),
            Ok(None) => {
                self.inner.network.release(record.network);
                Err(HostError::Agent(format!("it ended at once: {}", last_words(&run_dir))))
            }
            Err(error) => Err(HostError::State(error)),
        }
    }

    /// After a sandbox could not be made. Usually nothing is left. Where one was made all the same and cannot be ended
    /// now, its record and its ids stay taken: the next start ends it.
    async fn give_up(&self, run_dir: &Path, ids: IdRange) {
        match self.end_unknown(run_dir).await {
            Ok(()) => {
                remove_run_dir(run_dir);
                lock(&self.inner.id_ranges).release(ids);
            }
            Err(left) => {
                warn!(path = %run_dir.display(), error = %left, "a sandbox that failed to start is still there")
            }
        }
    }

    /// Ends a workspace's sandbox: its processes are asked first and killed after a grace. Does nothing when none runs.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn stop(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        let _turn = self.turn(workspace).await;
        self.fence(workspace, generation)?;
        self.end(workspace, STOP_GRACE).await
    }

    /// Ends a workspace's sandbox and removes its volume for good.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn delete(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        let _turn = self.turn(workspace).await;
        self.fence(workspace, generation)?;
        self.end(workspace, Duration::ZERO).await?;
        let inner = self.inner.clone();
        inner.volumes.remove(&workspace.label()).map_err(HostError::Volume)?;
        lock(&inner.generations).forget(&workspace.label());
        lock(&inner.commands).remove(&workspace);
        let sweeper = inner.clone();
        inner.tasks.spawn_blocking(move || {
            if let Err(error) = sweeper.volumes.free(&workspace.label()) {
                warn!(error = %error, "a removed volume could not be freed; it is tried again at the next start");
            }
        });
        Ok(())
    }

    /// Ends everything that runs, each with its grace, all at once.
    pub async fn stop_all(&self) -> Vec<(WorkspaceId, Result<(), HostError>)> {
        let mut stops = tokio::task::JoinSet::new();
        for status in self.list() {
            let host = self.clone();
            stops.spawn(async move {
                let _turn = host.turn(status.workspace).await;
                (status.workspace, host.end(status.workspace, STOP_GRACE).await)
            });
        }
        stops.join_all().await
    }

    /// How workspaces reach the network on this machine.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// What a running workspace uses; `None` when it does not run.
    #[must_use]
    pub fn usage(&self, workspace: WorkspaceId) -> Option<Usage> {
        let entry = lock(&self.inner.running).get(&workspace).cloned()?;
        let usage = coditect_sandbox::control::usage(&entry.record).unwrap_or_default();
        let events = coditect_sandbox::control::events(&entry.record).unwrap_or_default();
        if let Some(kills) = events.oom_kills {
            self.inner.notices.counted(workspace, kills);
        }
        let label = workspace.label();
        let now = Instant::now();
        let mut samples = lock(&self.inner.samples);
        let cpu_millis = samples.cpu_rate(&label, now, usage.cpu_us.unwrap_or(0));
        let known = self.inner.volumes.used_bytes(&label);
        let (storage_bytes, count) = if known.is_some() { (known, false) } else { samples.storage(&label, now) };
        drop(samples);
        if count {
            let inner = self.inner.clone();
            self.inner.tasks.spawn_blocking(move || {
                let bytes = inner.volumes.counted_bytes(&label).ok();
                lock(&inner.samples).counted(&label, Instant::now(), bytes);
            });
        }
        Some(Usage {
            cpu_ms: usage.cpu_us.unwrap_or(0) / 1000,
            cpu_millis,
            memory_bytes: usage.memory_bytes.unwrap_or(0),
            pids: usage.pids.and_then(|pids| u32::try_from(pids).ok()).unwrap_or(0),
            storage_bytes,
            oom_kills: events.oom_kills,
            refused_processes: events.refused_processes,
        })
    }

    /// Connects to the agent of a running workspace.
    ///
    /// # Errors
    /// It does not run, or not as this generation.
    pub async fn connect_agent(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
    ) -> Result<UnixStream, ConnectError> {
        relay::agent(&self.run_dir_of(workspace, generation)?).await
    }

    /// Connects to a TCP port that something in a running workspace listens on.
    ///
    /// # Errors
    /// It does not run, not as this generation, or nothing listens.
    pub async fn connect_port(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
        port: u16,
    ) -> Result<PortStream, ConnectError> {
        relay::port(&self.run_dir_of(workspace, generation)?, port).await
    }

    /// Lets go of the sandboxes, which go on running: nothing of this process acts on them any more.
    pub async fn close(&self) {
        self.end_file_reports().await;
        self.inner.closed.cancel();
        self.inner.watchers.close();
        self.inner.watchers.wait().await;
        self.inner.volumes.close();
        let inner = self.inner.clone();
        // It waits for threads of its own.
        let _ = tokio::task::spawn_blocking(move || inner.network.close()).await;
        // What frees space or counts it may take long, and is begun again by whoever opens this host next.
        self.inner.tasks.close();
    }

    fn run_dir_of(&self, workspace: WorkspaceId, generation: Generation) -> Result<PathBuf, ConnectError> {
        let running = lock(&self.inner.running);
        let entry = running.get(&workspace).ok_or(ConnectError::NotRunning)?;
        if entry.generation != generation {
            return Err(ConnectError::OtherGeneration);
        }
        Ok(entry.run_dir.clone())
    }

    async fn turn(&self, workspace: WorkspaceId) -> tokio::sync::OwnedMutexGuard<()> {
        let queue = lock(&self.inner.commands).entry(workspace).or_default().clone();
        queue.lock_owned().await
    }

    fn fence(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        let advanced =
            lock(&self.inner.generations).advance(&workspace.label(), generation).map_err(HostError::State)?;
        advanced.map_err(|newest| HostError::Outdated { got: generation, newest })
    }

    fn insert(&self, workspace: WorkspaceId, record: SandboxRecord, run_dir: PathBuf, pidfd: OwnedFd) {
        let generation = Generation(record.generation);
        let record = Arc::new(record);
        let running = Running { record: record.clone(), generation, run_dir: run_dir.clone() };
        self.inner.notices.watch(workspace, &running);
        self.note_running(workspace, running);
        let (host, inner) = (self.clone(), self.inner.clone());
        inner.watch_files(workspace, record.pid, false);
        let watch = async move {
            let ended = tokio::select! {
                ended = wait_for_exit(pidfd) => ended,
                // Whoever opens this host next watches it from then on.
                () = inner.closed.cancelled() => return,
            };
            if let Err(error) = ended {
                warn!(%error, "the end of a sandbox cannot be seen");
                return;
            }
            info!("the sandbox has ended");
            // Before its volume is let go.
            inner.unwatch_files(workspace).await;
            let cleared = tokio::task::spawn_blocking({
                let record = record.clone();
                move || coditect_sandbox::control::stop(&record, Duration::ZERO)
            });
            if let Ok(Err(error)) = cleared.await {
                warn!(%error, "the sandbox's cgroup could not be removed");
            }
            host.release_volume(&workspace.label()).await;
            remove_run_dir(&run_dir);
            lock(&inner.id_ranges).release(record.ids);
            inner.network.release(record.network);
            lock(&inner.samples).forget(&workspace.label());
            inner.notices.forget(workspace);
            lock(&inner.running).remove(&workspace);
            // No subscriber is no error: they list when they arrive.
            let _ = inner.exits.send(workspace);
        };
        self.inner.watchers.spawn(watch.instrument(info_span!("sandbox", %workspace)));
    }

    /// Waits until the watcher of an ended sandbox has cleared everything of it away: whoever starts it again must find
    /// it gone.
    async fn cleared(&self, workspace: WorkspaceId, mut exits: broadcast::Receiver<WorkspaceId>) {
        while lock(&self.inner.running).contains_key(&workspace) {
            match exits.recv().await {
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
    }

    /// Ends a sandbox that lives although the host does not know it: one whose start was given up half way.
    async fn end_unknown(&self, run_dir: &Path) -> Result<(), HostError> {
        let Some((record, _)) = living_record(run_dir).map_err(HostError::State)? else { return Ok(()) };
        warn!(pid = record.pid, "ending a sandbox that was left behind by an earlier start");
        let network = record.network;
        let stop = tokio::task::spawn_blocking(move || coditect_sandbox::control::stop(&record, Duration::ZERO));
        let stopped = stop.await.map_err(|error| HostError::Stop(error.to_string()))?;
        stopped.map_err(|error| HostError::Stop(error.to_string()))?;
        self.inner.network.release(network);
        Ok(())
    }

    /// Ends a sandbox and waits until nothing of it is left. The caller has the workspace's turn.
    async fn end(&self, workspace: WorkspaceId, grace: Duration) -> Result<(), HostError> {
        let exits = self.exits();
        let Some(entry) = lock(&self.inner.running).get(&workspace).cloned() else { return Ok(()) };
        let asked = match grace {
            Duration::ZERO => false,
            _ => agent_client::shut_down(&entry.run_dir).await.is_ok(),
        };
        let record = entry.record.clone();
        let grace = if asked { grace } else { Duration::ZERO };
        let stop = tokio::task::spawn_blocking(move || coditect_sandbox::control::stop(&record, grace));
        let stopped = stop.await.map_err(|error| HostError::Stop(error.to_string()))?;
        stopped.map_err(|error| HostError::Stop(error.to_string()))?;
        self.cleared(workspace, exits).await;
        Ok(())
    }
}

/// What makes a sandbox this workspace's.
fn identity(start: &StartWorkspace, label: &str, volume: PathBuf) -> Identity {
    let generation = start.generation.0;
    Identity {
        workspace_id: start.workspace,
        hostname: format!("ws-{}", &label[..HOSTNAME_DIGITS]),
        generation,
        volume,
        agent: AgentConfig::new(start.workspace, generation, start.limits.terminals),
    }
}

async fn wait_for_exit(pidfd: OwnedFd) -> io::Result<()> {
    crate::watchable(pidfd)?.readable().await.map(drop)
}

/// Says so in the log when an adopted sandbox's agent is not what it should be. Nobody waits for that: a hundred agents
/// that keep silent would keep a server from starting for minutes.
async fn ask_who_it_is(workspace: WorkspaceId, run_dir: PathBuf) {
    match agent_client::status(&run_dir).await {
        Ok(status) if status.workspace_id == workspace.to_string() => {}
        // Its processes are the user's; they are worth more than our view of them. It stays, and can be stopped.
        Ok(_) => warn!(%workspace, "an adopted sandbox answers as another workspace"),
        Err(error) => warn!(%workspace, error = %error, "an adopted sandbox does not answer"),
    }
}

/// The sandbox that a run directory records, if it lives. A record that makes no sense is none: they are written whole,
/// so only a machine that lost power leaves one, and no sandbox. Any other error means that nobody knows, and what may
/// live must not be forgotten.
fn living_record(run_dir: &Path) -> io::Result<Option<(SandboxRecord, OwnedFd)>> {
    let record = match SandboxRecord::load(run_dir) {
        Ok(Some(record)) => record,
        Ok(None) => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            warn!(path = %run_dir.display(), %error, "a damaged record is cleared away");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(record.is_alive()?.map(|pidfd| (record, pidfd)))
}

/// The run directories of sandboxes: those whose name is a workspace's label.
pub(crate) fn sandbox_dirs(run_dir: &Path) -> io::Result<Vec<(WorkspaceId, PathBuf)>> {
    let entries = match std::fs::read_dir(run_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(workspace) = entry.file_name().to_str().and_then(|name| WorkspaceId::from_label(name).ok()) {
            found.push((workspace, entry.path()));
        }
    }
    Ok(found)
}

/// The end of what the agent wrote on its standard error, for the reason a start failed.
fn last_words(run_dir: &Path) -> String {
    let mut tail = Vec::new();
    // A log that cannot be read says as little as an empty one.
    let _ = std::fs::File::open(run_dir.join(AGENT_LOG)).and_then(|mut log| {
        let end = log.seek(io::SeekFrom::End(0))?;
        log.seek(io::SeekFrom::Start(end.saturating_sub(LAST_WORDS_BYTES)))?;
        log.take(LAST_WORDS_BYTES).read_to_end(&mut tail)
    });
    match String::from_utf8_lossy(&tail).trim() {
        "" => "it left no message".to_owned(),
        text => text.replace(char::is_control, " "),
    }
}

fn remove_run_dir(run_dir: &Path) {
    match std::fs::remove_dir_all(run_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(path = %run_dir.display(), %error, "a run directory could not be removed");
        }
        _ => {}
    }
}
