//! The one-time token that makes the first administrator.

use coditect_model::ambient::Timestamp;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;
use crate::secret;

/// The token's hash; the token itself is printed and never kept.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SetupRecord {
    pub(crate) hash: String,
    pub(crate) created_at: Timestamp,
}
record!(SetupRecord, 1, "set-up token");

pub(crate) fn put(txn: &Txn, token: &str, now: Timestamp) {
    let record = SetupRecord { hash: secret::encode(&secret::hash(token.as_bytes())), created_at: now };
    super::put(txn, &keys::setup_token(), &record);
}

/// Whether this is the token that is waiting to be redeemed.
pub(crate) async fn matches(txn: &Txn, token: &str) -> Result<bool, AppError> {
    let Some(record) = super::get::<SetupRecord>(txn, &keys::setup_token()).await? else { return Ok(false) };
    let stored: Option<secret::Hash> = secret::decode(&record.hash).and_then(|bytes| bytes.try_into().ok());
    Ok(stored.is_some_and(|hash| secret::matches(token.as_bytes(), &hash)))
}

pub(crate) fn clear(txn: &Txn) {
    txn.clear(&keys::setup_token());
}
