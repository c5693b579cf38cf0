//! The one key that health checks write.

use coditect_model::ambient::Timestamp;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// When somebody last looked.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ProbeRecord {
    at: Timestamp,
}
record!(ProbeRecord, 1, "health probe");

pub(crate) async fn probe(txn: &Txn, now: Timestamp) -> Result<(), AppError> {
    // Without a conflict range: probes of several processes do not make each other wait.
    txn.get_snapshot(&keys::health_probe()).await?;
    super::put(txn, &keys::health_probe(), &ProbeRecord { at: now });
    Ok(())
}

pub(crate) async fn read(txn: &Txn) -> Result<(), AppError> {
    txn.get_snapshot(&keys::health_probe()).await?;
    Ok(())
}
