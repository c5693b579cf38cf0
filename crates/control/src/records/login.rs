//! Logins: the family of refresh tokens that descend from one password entry, and the marks of ended ones.

use coditect_api::auth::TokenDelivery;
use coditect_model::ambient::Timestamp;
use coditect_model::id::{LoginId, TenantId, UserId};
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use super::user::UserPlace;
use crate::error::AppError;

/// Logins of one user kept at once; the one unused for longest makes room for the next.
pub(crate) const LOGINS_MAX: usize = 50;
/// Marks read at once.
const ENDED_PAGE: usize = 1000;

/// A living login. An ended one has no record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginRecord {
    pub(crate) id: LoginId,
    /// Hash of the part that all refresh tokens of this login share: tells a spent token from a made-up one.
    pub(crate) family: String,
    /// Hashes of the secrets that may be used next. More than one only after an answer may have been lost.
    pub(crate) current: Vec<String>,
    /// Hash of the secret used last.
    pub(crate) previous: Option<String>,
    /// When `previous` was first used.
    pub(crate) rotated_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) delivery: TokenDelivery,
}
record!(LoginRecord, 1, "login");

/// Until when tokens of an ended login could still be verified.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct EndedRecord {
    pub(crate) login: LoginId,
    pub(crate) until: Timestamp,
}
record!(EndedRecord, 1, "mark of an ended login");

pub(crate) async fn place(txn: &Txn, login: LoginId) -> Result<Option<UserPlace>, AppError> {
    super::get(txn, &keys::login_owner(login)).await
}

pub(crate) async fn get(txn: &Txn, place: UserPlace, login: LoginId) -> Result<Option<LoginRecord>, AppError> {
    super::get(txn, &keys::user_login(place.tenant, place.user, login)).await
}

pub(crate) fn put(txn: &Txn, place: UserPlace, record: &LoginRecord) {
    super::put(txn, &keys::user_login(place.tenant, place.user, record.id), record);
    super::put(txn, &keys::login_owner(record.id), &place);
}

pub(crate) async fn of_user(txn: &Txn, tenant: TenantId, user: UserId) -> Result<Vec<LoginRecord>, AppError> {
    super::list(txn, keys::user_logins(tenant, user), LOGINS_MAX * 4).await
}

/// Removes a login and marks it as ended until its last token has expired.
pub(crate) fn end(txn: &Txn, place: UserPlace, login: LoginId, until: Timestamp) {
    txn.clear(&keys::user_login(place.tenant, place.user, login));
    txn.clear(&keys::login_owner(login));
    super::put(txn, &keys::ended_login(login), &EndedRecord { login, until });
}

/// Every mark. They live for minutes, so they are few.
pub(crate) async fn ended(txn: &Txn) -> Result<Vec<EndedRecord>, AppError> {
    let mut marks: Vec<EndedRecord> = Vec::new();
    loop {
        let mut range = keys::ended_logins();
        if let Some(last) = marks.last() {
            range = range.after(&keys::ended_login(last.login));
        }
        let page = super::list::<EndedRecord>(txn, range, ENDED_PAGE).await?;
        let last = page.len() < ENDED_PAGE;
        marks.extend(page);
        if last {
            return Ok(marks);
        }
    }
}

pub(crate) fn forget_ended(txn: &Txn, login: LoginId) {
    txn.clear(&keys::ended_login(login));
}
