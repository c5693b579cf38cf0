//! Users, their passwords, their tenants, and the indexes by e-mail address and over all users.

use coditect_model::ambient::Timestamp;
use coditect_model::id::{TenantId, UserId};
use coditect_model::name::{Email, UserName};
use coditect_model::role::Role;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TenantRecord {
    pub(crate) id: TenantId,
    pub(crate) created_at: Timestamp,
}
record!(TenantRecord, 1, "tenant");

/// A user's profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) id: UserId,
    pub(crate) tenant: TenantId,
    pub(crate) email: Email,
    pub(crate) name: UserName,
    pub(crate) tier: String,
    pub(crate) role: Role,
    pub(crate) admin: bool,
    pub(crate) disabled: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) last_login_at: Option<Timestamp>,
}
record!(UserRecord, 1, "user");

impl UserRecord {
    pub(crate) fn to_api(&self) -> coditect_api::user::User {
        coditect_api::user::User {
            id: self.id.to_string(),
            tenant_id: self.tenant.to_string(),
            email: self.email.as_str().to_owned(),
            name: self.name.as_str().to_owned(),
            tier: self.tier.clone(),
            role: role_word(self.role).to_owned(),
            admin: self.admin,
            disabled: self.disabled,
            created_at: self.created_at.0,
            last_login_at: self.last_login_at.map(|at| at.0),
        }
    }
}

/// A role as the API writes it.
pub(crate) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Owner => "owner",
    }
}

/// A password's PHC string, apart from the profile so that reading users never loads it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PasswordRecord {
    pub(crate) phc: String,
    pub(crate) changed_at: Timestamp,
}
record!(PasswordRecord, 1, "password");

/// Where a user of the indexes lives.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct UserPlace {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
}
record!(UserPlace, 1, "index entry of a user");

pub(crate) async fn get(txn: &Txn, tenant: TenantId, user: UserId) -> Result<Option<UserRecord>, AppError> {
    super::get(txn, &keys::user_profile(tenant, user)).await
}

/// Writes a user's profile. The address never changes after [`insert`].
pub(crate) fn put(txn: &Txn, record: &UserRecord) {
    super::put(txn, &keys::user_profile(record.tenant, record.id), record);
    let admin = keys::administrator(record.id);
    if record.admin && !record.disabled {
        super::put(txn, &admin, &UserPlace { tenant: record.tenant, user: record.id });
        // The set-up token is good until somebody administers, however they came to.
        super::setup::clear(txn);
    } else {
        txn.clear(&admin);
    }
}

/// Writes a new user with every index entry; `false` when the address is taken.
pub(crate) async fn insert(txn: &Txn, record: &UserRecord) -> Result<bool, AppError> {
    let by_email = keys::email(&record.email);
    let place = UserPlace { tenant: record.tenant, user: record.id };
    if let Some(holder) = super::get::<UserPlace>(txn, &by_email).await? {
        // Its own entry: the commit before this attempt was not known to have happened, and did.
        return Ok(holder.user == record.id);
    }
    super::put(txn, &by_email, &place);
    super::put(txn, &keys::user_tenant(record.id), &place);
    super::put(txn, &keys::tenant_user(record.tenant, record.id), &place);
    let tenant = keys::tenant_profile(record.tenant);
    if txn.get(&tenant).await?.is_none() {
        super::put(txn, &tenant, &TenantRecord { id: record.tenant, created_at: record.created_at });
    }
    put(txn, record);
    Ok(true)
}

pub(crate) async fn tenant_exists(txn: &Txn, tenant: TenantId) -> Result<bool, AppError> {
    Ok(txn.get(&keys::tenant_profile(tenant)).await?.is_some())
}

pub(crate) async fn by_email(txn: &Txn, email: &Email) -> Result<Option<UserPlace>, AppError> {
    super::get(txn, &keys::email(email)).await
}

/// Where any user of the installation lives. For administrators, and for ids out of our own records.
pub(crate) async fn place(txn: &Txn, user: UserId) -> Result<Option<UserPlace>, AppError> {
    super::get(txn, &keys::user_tenant(user)).await
}

pub(crate) async fn password(txn: &Txn, tenant: TenantId, user: UserId) -> Result<Option<PasswordRecord>, AppError> {
    super::get(txn, &keys::user_password(tenant, user)).await
}

pub(crate) fn put_password(txn: &Txn, tenant: TenantId, user: UserId, record: &PasswordRecord) {
    super::put(txn, &keys::user_password(tenant, user), record);
}

/// A page of users after `after`: of one tenant, or of all.
pub(crate) async fn page(
    txn: &Txn,
    tenant: Option<TenantId>,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<UserRecord>, AppError> {
    let mut range = tenant.map_or_else(keys::all_users, keys::tenant_users);
    if let Some(after) = after {
        let last = tenant.map_or_else(|| keys::user_tenant(after), |tenant| keys::tenant_user(tenant, after));
        range = range.after(&last);
    }
    let mut users = Vec::new();
    for place in super::list::<UserPlace>(txn, range, limit).await? {
        users.extend(get(txn, place.tenant, place.user).await?);
    }
    Ok(users)
}

/// Up to two administrators that can log in: enough to know whether one is the last.
pub(crate) async fn administrators(txn: &Txn) -> Result<Vec<UserPlace>, AppError> {
    super::list(txn, keys::administrators(), 2).await
}
