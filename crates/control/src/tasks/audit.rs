//! Moves audit entries from their inboxes into the chains, removes what is too old, and takes in what hosts report
//! about files.
//!
//! **Invariants**: any number of these may run over one store: of two that meet at a log, one begins again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use coditect_model::ambient::Timestamp;
use coditect_model::audit::Log;
use coditect_model::audit::chain::Head;
use coditect_model::audit::files::FileReport;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::AppError;
use crate::records::audit;

const EVERY: Duration = Duration::from_secs(1);
/// Batches of one log before the next has its turn: a busy tenant does not hold up the others.
const BATCHES_IN_TURN: usize = 10;
/// The end of a log that goes on is written to the server's log this often: a place to compare with, outside the store.
const ANCHOR_EVERY_MS: i64 = 3_600_000;
/// Ends of logs remembered for that; when there are more, all are noted again.
const ANCHORS_MAX: usize = 10_000;
/// Reports written in one transaction.
const REPORTS_BATCH: usize = 100;

pub(crate) async fn run(control: Arc<Control>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut anchors = HashMap::new();
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            _ = tick.tick() => false,
        };
        if let Err(error) = round(&control, &mut anchors).await {
            tracing::warn!(%error, cause = error.cause, "audit entries wait for their place in the log; it is tried again");
        }
        if last {
            return;
        }
    }
}

/// Looks at every log that has waiting entries once.
pub(crate) async fn round(control: &Control, anchors: &mut HashMap<Log, Timestamp>) -> Result<(), AppError> {
    let mut after = None;
    let mut failed = Ok(());
    loop {
        let next =
            control.store.transact("audit: what waits", |txn| async move { audit::waiting(&txn, after).await }).await?;
        let Some(log) = next else { return failed };
        // One log that cannot be written does not hold up the rest.
        match control.chain_log(log, BATCHES_IN_TURN).await {
            Ok((Some(head), _)) => anchor(control.clock.now(), anchors, &head),
            Ok((None, _)) => {}
            Err(error) => failed = Err(error),
        }
        after = Some(log);
    }
}

fn anchor(now: Timestamp, anchors: &mut HashMap<Log, Timestamp>, head: &Head) {
    if anchors.get(&head.log).is_some_and(|at| now.since_ms(*at) < ANCHOR_EVERY_MS) {
        return;
    }
    if anchors.len() >= ANCHORS_MAX {
        anchors.clear();
    }
    anchors.insert(head.log, now);
    tracing::info!(log = %head.log, seq = head.last.seq, hash = %head.last.hash, "end of an audit log");
}

/// Takes in what hosts report. What could not be written is tried again: the hosts wait meanwhile, and count on.
pub(crate) async fn take_reports(
    control: Arc<Control>,
    mut reports: mpsc::Receiver<FileReport>,
    stop: CancellationToken,
) {
    const RETRY: Duration = Duration::from_secs(1);
    let (mut batch, mut tenants) = (Vec::new(), HashMap::new());
    loop {
        // What has come before the end is still written down.
        let taken = tokio::select! {
            biased;
            taken = reports.recv_many(&mut batch, REPORTS_BATCH) => taken,
            () = stop.cancelled() => return,
        };
        if taken == 0 {
            return;
        }
        // Their ids are made once: trying again does not write them twice.
        let named: Vec<_> = batch.drain(..).map(|report| (control.audit_id(), report)).collect();
        let at = control.clock.now();
        while let Err(error) = control.record_file_reports(at, &named, &mut tenants).await {
            tracing::warn!(%error, cause = error.cause, "file operations wait to be written to the audit log");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
}
