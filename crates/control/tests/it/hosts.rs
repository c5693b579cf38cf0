//! Hosts for tests: they keep what a real one keeps (sandboxes, volumes, the newest generation seen), and fail when
//! told to.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;

use coditect_api::workspace::PendingLimit;
use coditect_control::{HostError, HostSandbox, HostStart, HostUsage, Hosts};
use coditect_model::audit::files::FileReport;
use coditect_model::id::{HostId, WorkspaceId};
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use tokio::sync::{Notify, broadcast, mpsc};

#[derive(Default)]
struct State {
    sandboxes: HashMap<WorkspaceId, HostStart>,
    volumes: HashSet<WorkspaceId>,
    newest: HashMap<WorkspaceId, Generation>,
    failures: VecDeque<HostError>,
    held: bool,
    starts: usize,
    /// What is answered about limits that do not hold yet.
    pending: Vec<PendingLimit>,
}

pub(crate) struct TestHosts {
    state: Mutex<State>,
    released: Notify,
    exits: broadcast::Sender<WorkspaceId>,
    /// What they report about files, and the one end there is of it.
    pub(crate) files: mpsc::Sender<FileReport>,
    reports: Mutex<Option<mpsc::Receiver<FileReport>>>,
}

impl TestHosts {
    pub(crate) fn new() -> Self {
        let (files, reports) = mpsc::channel(64);
        let reports = Mutex::new(Some(reports));
        Self { state: Mutex::default(), released: Notify::new(), exits: broadcast::channel(64).0, files, reports }
    }

    /// The next commands fail like this.
    pub(crate) fn fail(&self, errors: impl IntoIterator<Item = HostError>) {
        self.state.lock().unwrap().failures.extend(errors);
    }

    /// Starts wait until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.state.lock().unwrap().held = true;
    }

    pub(crate) fn release(&self) {
        self.state.lock().unwrap().held = false;
        self.released.notify_waiters();
    }

    /// The sandbox ends without being told to.
    pub(crate) fn crash(&self, workspace: WorkspaceId) {
        self.state.lock().unwrap().sandboxes.remove(&workspace).unwrap();
        self.exits.send(workspace).unwrap();
    }

    /// The sandbox ends, and nobody is told: the machine was off.
    pub(crate) fn lose(&self, workspace: WorkspaceId) {
        self.state.lock().unwrap().sandboxes.remove(&workspace).unwrap();
    }

    pub(crate) fn running(&self, workspace: WorkspaceId) -> Option<HostStart> {
        self.state.lock().unwrap().sandboxes.get(&workspace).cloned()
    }

    pub(crate) fn has_volume(&self, workspace: WorkspaceId) -> bool {
        self.state.lock().unwrap().volumes.contains(&workspace)
    }

    pub(crate) fn starts(&self) -> usize {
        self.state.lock().unwrap().starts
    }

    /// From now on these limits do not hold when they are changed.
    pub(crate) fn hold_back(&self, pending: Vec<PendingLimit>) {
        self.state.lock().unwrap().pending = pending;
    }

    /// Pretends that a newer command has been seen.
    pub(crate) fn see(&self, workspace: WorkspaceId, generation: Generation) {
        self.state.lock().unwrap().newest.insert(workspace, generation);
    }

    fn command(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        let mut state = self.state.lock().unwrap();
        if let Some(error) = state.failures.pop_front() {
            return Err(error);
        }
        let newest = state.newest.entry(workspace).or_default();
        if *newest > generation {
            return Err(HostError::Stale { seen: *newest });
        }
        *newest = generation;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Hosts for TestHosts {
    async fn start(&self, start: HostStart) -> Result<(), HostError> {
        loop {
            let released = self.released.notified();
            if !self.state.lock().unwrap().held {
                break;
            }
            released.await;
        }
        self.command(start.workspace, start.generation)?;
        let mut state = self.state.lock().unwrap();
        state.starts += 1;
        state.volumes.insert(start.workspace);
        state.sandboxes.entry(start.workspace).or_insert(start);
        Ok(())
    }

    async fn set_limits(
        &self,
        workspace: WorkspaceId,
        generation: Generation,
        limits: &Limits,
    ) -> Result<Vec<PendingLimit>, HostError> {
        self.command(workspace, generation)?;
        let mut state = self.state.lock().unwrap();
        let pending = state.pending.clone();
        if let Some(sandbox) = state.sandboxes.get_mut(&workspace) {
            sandbox.limits = limits.clone();
        }
        Ok(pending)
    }

    async fn stop(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        self.command(workspace, generation)?;
        self.state.lock().unwrap().sandboxes.remove(&workspace);
        Ok(())
    }

    async fn delete(&self, workspace: WorkspaceId, generation: Generation) -> Result<(), HostError> {
        self.command(workspace, generation)?;
        let mut state = self.state.lock().unwrap();
        state.sandboxes.remove(&workspace);
        state.volumes.remove(&workspace);
        Ok(())
    }

    async fn list(&self) -> Vec<HostSandbox> {
        let state = self.state.lock().unwrap();
        let sandbox =
            |start: &HostStart| HostSandbox { workspace: start.workspace, generation: start.generation, alive: true };
        state.sandboxes.values().map(sandbox).collect()
    }

    async fn usage(&self, workspace: WorkspaceId) -> Option<HostUsage> {
        self.running(workspace).map(|_| HostUsage { cpu_ms: 7, memory_bytes: 1 << 20, pids: 2, ..HostUsage::default() })
    }

    fn exits(&self) -> broadcast::Receiver<WorkspaceId> {
        self.exits.subscribe()
    }

    fn file_reports(&self) -> Option<mpsc::Receiver<FileReport>> {
        self.reports.lock().unwrap().take()
    }

    fn host_id(&self) -> HostId {
        HostId::from_bytes([3; 16])
    }
}
