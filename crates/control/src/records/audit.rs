//! The audit logs: an inbox that actions write to, and the chain that entries are moved into.
//!
//! **Invariants**: an action's entry lies under a key of its own, so that no two actions collide; an entry leaves the
//! inbox in the transaction that gives it its place and signs the new head, and gets one place however often it is
//! written; only [`chain`] and [`cut`] write chains, and both read the head, so that of two at once one begins again.

use coditect_model::ambient::Timestamp;
use coditect_model::audit::chain::{self, Head, Link, Place, START};
use coditect_model::audit::{Entry, Log};
use coditect_store::{RangeOptions, Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// Entries that one transaction gives their places.
pub(crate) const CHAIN_BATCH: usize = 100;
/// How long it is remembered that an entry got its place: longer than any transaction is tried again.
const AUDITED_KEPT_S: i64 = 3600;

record!(Entry, 1, "audit entry");
record!(Link, 1, "place of an audit entry");
record!(Head, 1, "end of an audit log");

/// What signs the ends of logs. It never changes: what was signed long ago must verify.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AuditKeyRecord {
    /// The private key's 32 bytes in URL-safe base 64. The store's file is readable by its owner only.
    pub(crate) seed: String,
    pub(crate) created_at: Timestamp,
}
record!(AuditKeyRecord, 1, "audit key");

/// The installation's audit key; `fresh` when it has none yet.
pub(crate) async fn key(txn: &Txn, fresh: &AuditKeyRecord) -> Result<AuditKeyRecord, AppError> {
    if let Some(present) = super::get(txn, &keys::audit_key()).await? {
        return Ok(present);
    }
    super::put(txn, &keys::audit_key(), fresh);
    Ok(fresh.clone())
}

/// Writes an entry, in the transaction of what it is about. `at` is when it is written, of the same attempt or another.
pub(crate) fn append(txn: &Txn, log: Log, at: Timestamp, entry: &Entry) {
    super::put(txn, &keys::audit_inbox(log, at, entry.id), entry);
}

/// The first log behind `after` that has entries without a place.
pub(crate) async fn waiting(txn: &Txn, after: Option<Log>) -> Result<Option<Log>, AppError> {
    let mut range = keys::audit_inboxes();
    if let Some(after) = after {
        range.begin = keys::audit_inbox_of(after).end;
    }
    let first = txn.range(range, RangeOptions::limit(1).snapshot()).await?;
    Ok(first.first().and_then(|(key, _)| keys::audit_inbox_entry(key)).map(|(log, ..)| log))
}

pub(crate) async fn head(txn: &Txn, log: Log) -> Result<Option<Head>, AppError> {
    super::get(txn, &keys::audit_head(log)).await
}

/// Gives the oldest waiting entries of a log their places. Answers the head, and whether more may wait.
pub(crate) async fn chain(
    txn: &Txn,
    log: Log,
    now: Timestamp,
    seed: &[u8; 32],
) -> Result<(Option<Head>, bool), AppError> {
    // Read without a conflict range: what arrives meanwhile is for the next batch. The head is read with one.
    let pairs = txn.range(keys::audit_inbox_of(log), RangeOptions::limit(CHAIN_BATCH).snapshot()).await?;
    let present = head(txn, log).await?;
    let more = pairs.len() == CHAIN_BATCH;
    if pairs.is_empty() {
        return Ok((present, false));
    }
    if present.is_none() && !forward(txn, log, 0, u64::MAX - 1, 1).await?.is_empty() {
        // Going on from nothing would write over what is there, and sign it.
        return Err(AppError::internal(format!(
            "the audit log {log} has entries and no signed end: somebody removed it"
        )));
    }
    let (mut last, cut) = present.as_ref().map_or((START, START), |head| (head.last, head.cut));
    let mut at = present.as_ref().map_or(Timestamp(0), |head| head.at);
    for (key, value) in pairs {
        txn.clear(&key);
        let (_, written_at, id) =
            keys::audit_inbox_entry(&key).ok_or_else(|| AppError::internal("an audit inbox has a key that is none"))?;
        let mark = keys::audited(log, written_at, id);
        if txn.get(&mark).await?.is_some() {
            // Written again after a commit of unknown outcome that had happened.
            continue;
        }
        let link = chain::link(log, last, at, now, super::decode(&value)?);
        super::put(txn, &keys::audit_link(log, link.seq), &link);
        txn.set(&mark, &[]);
        (last, at) = (Place { seq: link.seq, hash: link.hash }, link.chained_at);
    }
    txn.clear_range(keys::audited_before(log, now.plus_s(-AUDITED_KEPT_S)));
    let head = Head::sign(log, last, cut, at, seed);
    super::put(txn, &keys::audit_head(log), &head);
    Ok((Some(head), more))
}

/// Up to `limit` entries from place `from` on, in order.
pub(crate) async fn forward(txn: &Txn, log: Log, from: u64, to: u64, limit: usize) -> Result<Vec<Link>, AppError> {
    let options = RangeOptions::limit(limit).snapshot();
    let pairs = txn.range(keys::audit_links(log, from, to.saturating_add(1)), options).await?;
    pairs.iter().map(|(_, value)| super::decode(value)).collect()
}

/// Up to `limit` entries before place `before`, newest first.
pub(crate) async fn backward(txn: &Txn, log: Log, before: u64, limit: usize) -> Result<Vec<Link>, AppError> {
    let options = RangeOptions::limit(limit).reversed().snapshot();
    let pairs = txn.range(keys::audit_links(log, 0, before), options).await?;
    pairs.iter().map(|(_, value)| super::decode(value)).collect()
}

/// How much of a log is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    pub(crate) entries: u64,
    /// Entries more than that before any go: a log is not cut for each one.
    pub(crate) slack: u64,
    pub(crate) since: Timestamp,
}

/// Entries looked at for their age in one transaction.
const CUT_PAGE: usize = 200;

/// Removes what is too old or too many from the beginning of a log, and signs the new beginning. Answers the head and
/// how many went.
pub(crate) async fn cut(txn: &Txn, log: Log, keep: Keep, seed: &[u8; 32]) -> Result<Option<(Head, u64)>, AppError> {
    let Some(present) = head(txn, log).await? else { return Ok(None) };
    let many = present.count() > keep.entries.saturating_add(keep.slack);
    let mut to = if many { present.last.seq - keep.entries } else { present.cut.seq };
    // Mostly the first is young enough.
    let old = forward(txn, log, to + 1, present.last.seq, 1).await?.iter().any(|link| link.chained_at < keep.since);
    let page = if old { forward(txn, log, to + 1, present.last.seq, CUT_PAGE).await? } else { Vec::new() };
    to = page.iter().take_while(|link| link.chained_at < keep.since).last().map_or(to, |link| link.seq);
    // The last entry stays whatever its age: the chain goes on from it.
    to = to.min(present.last.seq.saturating_sub(1));
    if to <= present.cut.seq {
        return Ok(None);
    }
    let Some(edge) = forward(txn, log, to, to, 1).await?.pop() else {
        return Err(AppError::internal(format!(
            "the audit log {log} has no entry {to}: `coditect audit verify` says more"
        )));
    };
    let place = Place { seq: edge.seq, hash: edge.hash };
    txn.clear_range(keys::audit_links(log, 0, to + 1));
    let head = Head::sign(log, present.last, place, present.at, seed);
    super::put(txn, &keys::audit_head(log), &head);
    Ok(Some((head, to - present.cut.seq)))
}
