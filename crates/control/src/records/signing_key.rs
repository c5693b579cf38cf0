//! Token-signing keys.

use coditect_model::ambient::Timestamp;
use coditect_model::id::SigningKeyId;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// More keys than this are never kept: the current one, and those retired within a token's life.
const KEYS_MAX: usize = 64;

/// An Ed25519 key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SigningKeyRecord {
    pub(crate) id: SigningKeyId,
    /// The private key's 32 bytes in URL-safe base 64. The store's file is readable by its owner only.
    pub(crate) seed: String,
    pub(crate) created_at: Timestamp,
    /// When a newer key took over.
    pub(crate) retired_at: Option<Timestamp>,
}
record!(SigningKeyRecord, 1, "signing key");

pub(crate) async fn list(txn: &Txn) -> Result<Vec<SigningKeyRecord>, AppError> {
    super::list(txn, keys::signing_keys(), KEYS_MAX).await
}

pub(crate) fn put(txn: &Txn, record: &SigningKeyRecord) {
    super::put(txn, &keys::signing_key(record.id), record);
}

pub(crate) fn clear(txn: &Txn, id: SigningKeyId) {
    txn.clear(&keys::signing_key(id));
}
