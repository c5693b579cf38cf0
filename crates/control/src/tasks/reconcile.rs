//! Makes workspaces be as wished: compares the store with what the host says, and acts on the difference.
//!
//! **Invariants**: one action at a time for each workspace; every command carries the wish's generation; a running
//! sandbox is announced to waiting requests before its status is committed, because that can be found out again.
//! **Not here**: what to do about a difference (`coditect_model::reconcile::plan`).

mod step;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use coditect_model::id::WorkspaceId;
use futures_util::FutureExt as _;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::AppError;
use crate::records::workspace;
use step::Next;

/// Time between two rounds over everything that is not at rest.
const EVERY: Duration = Duration::from_secs(30);
/// Workspaces acted on at once.
const ACTIONS_MAX: usize = 16;
/// Wait before the second attempt; doubles up to [`RETRY_MAX`].
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Entries of the list read in one transaction.
const PAGE: usize = 1000;

/// What is going on about one workspace.
#[derive(Default)]
struct Flight {
    running: bool,
    /// Something changed while it was acted on.
    again: bool,
    attempt: u32,
}

struct Reconciler {
    control: Arc<Control>,
    slots: Arc<Semaphore>,
    flights: HashMap<WorkspaceId, Flight>,
    steps: JoinSet<(WorkspaceId, Next)>,
    later: JoinSet<WorkspaceId>,
}

pub(crate) async fn run(control: Arc<Control>, mut nudged: mpsc::Receiver<WorkspaceId>, stop: CancellationToken) {
    let mut exits = control.hosts.exits();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reconciler = Reconciler {
        control,
        slots: Arc::new(Semaphore::new(ACTIONS_MAX)),
        flights: HashMap::new(),
        steps: JoinSet::new(),
        later: JoinSet::new(),
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(done) = reconciler.steps.join_next() => reconciler.landed(done),
            Some(id) = nudged.recv() => reconciler.launch(id),
            exit = exits.recv() => match exit {
                Ok(id) => reconciler.launch(id),
                Err(RecvError::Lagged(_)) => reconciler.round().await,
                Err(RecvError::Closed) => exits = reconciler.control.hosts.exits(),
            },
            Some(Ok(id)) = reconciler.later.join_next() => reconciler.launch(id),
            _ = tick.tick() => reconciler.round().await,
        }
    }
    // What was begun is finished: the server's own deadline bounds it.
    reconciler.control.stopping.store(true, Relaxed);
    reconciler.later.abort_all();
    while reconciler.steps.join_next().await.is_some() {}
}

impl Reconciler {
    /// Looks at everything that is not at rest, in the store and on the host.
    async fn round(&mut self) {
        match self.everything().await {
            Ok(ids) => {
                for id in ids {
                    self.launch(id);
                }
                self.control.reconciled.store(true, Relaxed);
            }
            Err(error) => tracing::warn!(%error, cause = error.cause, "the reconciler cannot read its list"),
        }
        self.control.board.sweep();
    }

    async fn everything(&self) -> Result<Vec<WorkspaceId>, AppError> {
        let mut ids = Vec::new();
        loop {
            let after = ids.last().copied();
            let page = self
                .control
                .store
                .transact("list pending workspaces", |txn| async move { workspace::pending(&txn, after, PAGE).await })
                .await?;
            let last = page.len() < PAGE;
            ids.extend(page);
            if last {
                break;
            }
        }
        let known: std::collections::HashSet<WorkspaceId> = ids.iter().copied().collect();
        let sandboxes = self.control.hosts.list().await;
        ids.extend(sandboxes.iter().map(|sandbox| sandbox.workspace).filter(|id| !known.contains(id)));
        Ok(ids)
    }

    fn launch(&mut self, id: WorkspaceId) {
        let flight = self.flights.entry(id).or_default();
        if flight.running {
            flight.again = true;
            return;
        }
        flight.running = true;
        let (control, slots, attempt) = (Arc::clone(&self.control), Arc::clone(&self.slots), flight.attempt);
        self.steps.spawn(async move {
            let _slot = slots.acquire_owned().await;
            // A defect in one step must not leave its workspace marked as being acted on for ever.
            let step = std::panic::AssertUnwindSafe(step::step(&control, id, attempt)).catch_unwind().await;
            (id, step.unwrap_or(Next::Retry))
        });
    }

    fn landed(&mut self, done: Result<(WorkspaceId, Next), tokio::task::JoinError>) {
        // Steps catch their own panics and are never aborted.
        let Ok((id, next)) = done else { return };
        let Some(mut flight) = self.flights.remove(&id) else { return };
        flight.running = false;
        let again = std::mem::take(&mut flight.again);
        match next {
            Next::Done if again => self.launch(id),
            Next::Done => {}
            Next::Retry => {
                flight.attempt = flight.attempt.saturating_add(1);
                let wait = RETRY_FIRST.saturating_mul(1 << (flight.attempt - 1).min(10)).min(RETRY_MAX);
                self.flights.insert(id, flight);
                self.later.spawn(async move {
                    tokio::time::sleep(wait).await;
                    id
                });
            }
            Next::Again => self.launch(id),
        }
    }
}
