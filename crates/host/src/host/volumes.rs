//! The host's side of volumes: made ready and let go without holding up the runtime, watched while something runs.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_sandbox::probe::Mode;
use tracing::{Instrument as _, info_span, warn};

use super::{Host, Running, lock};
use crate::running::HostError;
use crate::volume::{StorageReport, Victim};

/// How often free disk space is looked at while something runs.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The same while it is short, or nearly.
const LOOK_INTERVAL_SHORT: Duration = Duration::from_millis(100);

impl Host {
    /// How volumes are kept on this host, and what does not hold.
    #[must_use]
    pub fn storage_report(&self) -> StorageReport {
        self.inner.volumes.report()
    }

    /// Why a workspace's sandbox was ended by the host itself, if it was since its last start.
    #[must_use]
    pub fn end_reason(&self, workspace: WorkspaceId) -> Option<String> {
        lock(&self.inner.end_reasons).get(&workspace).cloned()
    }

    /// Makes a workspace's volume ready; answers its directory.
    pub(super) async fn ready_volume(&self, label: &str, limits: &Limits) -> Result<PathBuf, HostError> {
        let (inner, name, limits) = (self.inner.clone(), label.to_owned(), limits.clone());
        let ready = tokio::task::spawn_blocking(move || {
            let volume = inner.volumes.ready(&name, &limits)?;
            coditect_sandbox::volume::create(&volume, Mode::of_this_process())?;
            Ok(volume)
        });
        let volume = ready.await.map_err(io::Error::other).flatten().map_err(HostError::Volume)?;
        let (inner, label) = (self.inner.clone(), label.to_owned());
        self.inner.tasks.spawn_blocking(move || {
            if let Err(error) = inner.volumes.settle(&label) {
                warn!(label, %error, "what kind a volume is of could not be written down");
            }
        });
        Ok(volume)
    }

    /// Lets a volume go whose sandbox is not there any more.
    pub(super) async fn release_volume(&self, label: &str) {
        let (inner, name) = (self.inner.clone(), label.to_owned());
        let released = tokio::task::spawn_blocking(move || inner.volumes.release(&name));
        if let Err(error) = released.await.map_err(io::Error::other).flatten() {
            warn!(label, %error, "a volume could not be unmounted; it is tried again when the server starts");
        }
    }

    /// Notes a sandbox that runs, and sees to it that the disk is watched for as long as any does.
    pub(super) fn note_running(&self, workspace: WorkspaceId, entry: Running) {
        let mut running = lock(&self.inner.running);
        running.insert(workspace, entry);
        lock(&self.inner.end_reasons).remove(&workspace);
        // Both sides hold the table's lock, so one that just ends is not taken for one that goes on.
        if !self.inner.watching_space.swap(true, Ordering::AcqRel) {
            let host = self.clone();
            self.inner.watchers.spawn(async move { host.watch_space().await }.instrument(info_span!("disk space")));
        }
    }

    async fn watch_space(&self) {
        let mut interval = LOOK_INTERVAL;
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = self.inner.closed.cancelled() => return,
            }
            {
                let running = lock(&self.inner.running);
                if running.is_empty() {
                    self.inner.watching_space.store(false, Ordering::Release);
                    return;
                }
            }
            let inner = self.inner.clone();
            let seen = tokio::task::spawn_blocking(move || inner.volumes.watch()).await;
            match seen.map_err(io::Error::other).flatten() {
                Ok((victim, soon)) => {
                    interval = if soon { LOOK_INTERVAL_SHORT } else { LOOK_INTERVAL };
                    if let Some(victim) = victim {
                        self.shed(victim);
                    }
                }
                Err(error) => {
                    warn!(%error, "free disk space cannot be told");
                    interval = LOOK_INTERVAL;
                }
            }
        }
    }

    /// Ends a sandbox that takes disk space that there is not: at once, because in a grace it would go on.
    fn shed(&self, victim: Victim) {
        let Ok(workspace) = WorkspaceId::from_label(&victim.label) else { return };
        warn!(%workspace, reason = victim.reason, "ending a workspace");
        lock(&self.inner.end_reasons).insert(workspace, victim.reason);
        let host = self.clone();
        self.inner.tasks.spawn(async move {
            let _turn = host.turn(workspace).await;
            if let Err(error) = host.end(workspace, Duration::ZERO).await {
                warn!(%workspace, %error, "a workspace that takes the disk's last space cannot be ended");
            }
        });
    }
}
