//! What is stored, and how: one schema byte, then JSON; keys come from `coditect_store::keys` alone.
//!
//! **Invariants**: only this module and below names keys and reads or writes values; every function takes the ids its
//! key is built from, and the tenant among them comes from the caller's token.

pub(crate) mod audit;
pub(crate) mod health;
pub(crate) mod invitation;
pub(crate) mod lockout;
pub(crate) mod login;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod signing_key;
pub(crate) mod tier;
pub(crate) mod user;
pub(crate) mod workspace;

use coditect_store::{Key, KeyRange, RangeOptions, Txn};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::AppError;

/// A stored value of one kind.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// First byte of the stored form; changes when older programs could misread it.
    const SCHEMA: u8;
    /// For error messages.
    const NOUN: &'static str;
}

pub(crate) fn encode<R: Record>(record: &R) -> Vec<u8> {
    let mut bytes = vec![R::SCHEMA];
    serde_json::to_writer(&mut bytes, record).expect("records are plain data with string keys: they always serialise");
    bytes
}

pub(crate) fn decode<R: Record>(bytes: &[u8]) -> Result<R, AppError> {
    match bytes.split_first() {
        Some((&schema, json)) if schema == R::SCHEMA => serde_json::from_slice(json)
            .map_err(|error| AppError::internal(format!("the stored {} is damaged: {error}", R::NOUN))),
        Some((schema, _)) => Err(AppError::internal(format!(
            "the stored {} has schema {schema}; this program reads {}: it was written by a newer version",
            R::NOUN,
            R::SCHEMA
        ))),
        None => Err(AppError::internal(format!("the stored {} is empty", R::NOUN))),
    }
}

pub(crate) async fn get<R: Record>(txn: &Txn, key: &Key) -> Result<Option<R>, AppError> {
    txn.get(key).await?.as_deref().map(decode).transpose()
}

pub(crate) fn put<R: Record>(txn: &Txn, key: &Key, record: &R) {
    txn.set(key, &encode(record));
}

/// The first `limit` values of a range, in key order.
pub(crate) async fn list<R: Record>(txn: &Txn, range: KeyRange, limit: usize) -> Result<Vec<R>, AppError> {
    txn.range(range, RangeOptions::limit(limit)).await?.iter().map(|(_, value)| decode(value)).collect()
}

macro_rules! record {
    ($type:ty, $schema:literal, $noun:literal) => {
        impl crate::records::Record for $type {
            const SCHEMA: u8 = $schema;
            const NOUN: &'static str = $noun;
        }
    };
}
pub(crate) use record;
