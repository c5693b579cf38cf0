//! Tiers that administrators have set; they count before those of the configuration.

use coditect_model::ambient::Timestamp;
use coditect_model::tier::Limits;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// Tiers an installation may have set, at most.
pub(crate) const TIERS_MAX: usize = 200;

/// One tier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TierRecord {
    pub(crate) name: String,
    pub(crate) limits: Limits,
    /// Being removed: nobody is given it any more while it is found out whether somebody has it.
    pub(crate) retiring: bool,
    pub(crate) changed_at: Timestamp,
}
record!(TierRecord, 1, "tier");

pub(crate) async fn get(txn: &Txn, name: &str) -> Result<Option<TierRecord>, AppError> {
    super::get(txn, &keys::tier(name)).await
}

pub(crate) fn put(txn: &Txn, record: &TierRecord) {
    super::put(txn, &keys::tier(&record.name), record);
}

pub(crate) fn clear(txn: &Txn, name: &str) {
    txn.clear(&keys::tier(name));
}

pub(crate) async fn all(txn: &Txn) -> Result<Vec<TierRecord>, AppError> {
    super::list(txn, keys::tiers(), TIERS_MAX).await
}
