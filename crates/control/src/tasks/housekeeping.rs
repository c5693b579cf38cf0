//! Forgets what is over: marks of ended logins, old counts of wrong passwords; and replaces an old signing key.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::AppError;
use crate::records::{lockout, login};

const EVERY: Duration = Duration::from_secs(60);
/// A count of wrong passwords is forgotten a day after the last one.
const ATTEMPTS_KEPT_S: i64 = 24 * 3600;
/// Counts looked at in one transaction.
const SWEEP_PAGE: usize = 500;

pub(crate) async fn run(control: Arc<Control>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut after = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = round(&control, &mut after).await {
            tracing::warn!(%error, cause = error.cause, "housekeeping will try again");
        }
    }
}

/// One round; `after` is where the sweep of counts goes on.
pub(crate) async fn round(control: &Control, after: &mut Option<Vec<u8>>) -> Result<(), AppError> {
    let now = control.clock.now();
    control
        .store
        .transact("forget ended logins", |txn| async move {
            for mark in login::ended(&txn).await? {
                if mark.until <= now {
                    login::forget_ended(&txn, mark.login);
                }
            }
            Ok::<_, AppError>(())
        })
        .await?;
    control.revoked.sweep(now);
    let (before, from) = (now.plus_s(-ATTEMPTS_KEPT_S), after.clone());
    let from = &from;
    *after = control
        .store
        .transact(
            "forget old attempts",
            |txn| async move { lockout::sweep(&txn, before, from.clone(), SWEEP_PAGE).await },
        )
        .await?;
    control.replace_old_signing_key().await
}
