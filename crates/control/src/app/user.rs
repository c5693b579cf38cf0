//! Users, seen by themselves, their tenant's owners and administrators.

use coditect_api::user::{CreateUser, ResetPassword, UpdateUser};
use coditect_model::audit::{Action, Entry};
use coditect_model::id::{LoginId, TenantId, UserId};
use coditect_model::name::{Email, UserName};
use coditect_model::role::Role;
use coditect_model::tier::DEFAULT_TIER;
use coditect_store::Txn;

use super::authority::Authority;
use super::{login, tier};
use crate::caller::Caller;
use crate::control::Control;
use crate::error::AppError;
use crate::records::user::{self, PasswordRecord, UserPlace, UserRecord};
use crate::{password, secret};

impl Control {
    pub(crate) async fn users(
        &self,
        caller: &Caller,
        all: bool,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<UserRecord>, AppError> {
        self.store
            .transact("list users", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let tenant = match &authority {
                    _ if all => {
                        authority.require_admin()?;
                        None
                    }
                    Authority::Operator => None,
                    Authority::User(_) => Some(authority.tenant_owner()?.tenant),
                };
                user::page(&txn, tenant, after, limit).await
            })
            .await
    }

    pub(crate) async fn user(&self, caller: &Caller, id: UserId) -> Result<UserRecord, AppError> {
        self.store
            .transact("get user", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                visible(&txn, &authority, id).await
            })
            .await
    }

    /// Makes an account for somebody. Answers the password when it made one.
    pub(crate) async fn create_user(
        &self,
        caller: &Caller,
        input: CreateUser,
    ) -> Result<(UserRecord, Option<String>), AppError> {
        let email = Email::parse(&input.email).map_err(|error| AppError::value("email", error.to_string()))?;
        let name = UserName::parse(&input.name).map_err(|error| AppError::value("name", error.to_string()))?;
        let tenant: Option<TenantId> = match input.tenant_id.as_deref() {
            Some(text) => Some(text.parse().map_err(|_| AppError::value("tenant_id", "this is not a tenant id"))?),
            None => None,
        };
        let tier = input.tier.as_deref().unwrap_or(DEFAULT_TIER);
        let (asks_admin, asks_tier) = (input.admin, input.tier.is_some());
        // The right to do it, before the expensive hash; and again in the transaction that counts.
        self.store
            .transact("create user: check", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                may_create(&txn, &authority, tenant, asks_admin || asks_tier).await?;
                tier::require(&txn, &self.config, tier).await
            })
            .await?;
        let (made, phc) = self.new_password("password", input.password.as_deref(), &email).await?;
        let now = self.clock.now();
        let (id, own_tenant) = (UserId::random(&*self.entropy), TenantId::random(&*self.entropy));
        let password = &PasswordRecord { phc, changed_at: now };
        let (email, name) = (&email, &name);
        let stamp = self.stamp(caller);
        let record = self
            .store
            .transact("create user", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let joined = may_create(&txn, &authority, tenant, asks_admin || asks_tier).await?;
                tier::require(&txn, &self.config, tier).await?;
                let record = UserRecord {
                    id,
                    tenant: joined.unwrap_or(own_tenant),
                    email: email.clone(),
                    name: name.clone(),
                    tier: tier.to_owned(),
                    role: if joined.is_some() { Role::Member } else { Role::Owner },
                    admin: asks_admin,
                    disabled: false,
                    created_at: now,
                    last_login_at: None,
                };
                if !user::insert(&txn, &record).await? {
                    return Err(AppError::conflict("there is already an account with this e-mail address")
                        .with("field", "email"));
                }
                user::put_password(&txn, record.tenant, id, password);
                let entry = stamp.entry(Action::AccountCreated).to(id).with("email", email.as_str());
                stamp.write(&txn, record.tenant, &entry.with("tier", tier).with("admin", asks_admin));
                Ok(record)
            })
            .await?;
        tracing::info!(by = caller.name(), user = %id, admin = record.admin, "account made for somebody");
        Ok((record, made))
    }

    pub(crate) async fn update_user(
        &self,
        caller: &Caller,
        id: UserId,
        input: UpdateUser,
    ) -> Result<UserRecord, AppError> {
        let name = match input.name.as_deref() {
            Some(text) => Some(UserName::parse(text).map_err(|error| AppError::value("name", error.to_string()))?),
            None => None,
        };
        let until = self.ended_until(self.clock.now());
        let (name, input) = (&name, &input);
        let stamp = self.stamp(caller);
        let (record, ended) = self
            .store
            .transact("update user", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let mut record = visible(&txn, &authority, id).await?;
                let own = matches!(&authority, Authority::User(user) if user.id == id);
                let rest = input.tier.is_some() || input.disabled.is_some() || input.admin.is_some();
                if rest || !own {
                    authority.require_admin()?;
                }
                let before = record.clone();
                let was_admin = record.admin && !record.disabled;
                let mut demoted = false;
                if let Some(name) = name {
                    record.name = name.clone();
                }
                if let Some(tier) = &input.tier {
                    tier::require(&txn, &self.config, tier).await?;
                    record.tier.clone_from(tier);
                }
                if let Some(disabled) = input.disabled {
                    demoted |= disabled;
                    record.disabled = disabled;
                }
                if let Some(admin) = input.admin {
                    demoted |= record.admin && !admin;
                    record.admin = admin;
                }
                if was_admin && (record.disabled || !record.admin) && user::administrators(&txn).await?.len() < 2 {
                    return Err(AppError::conflict(
                        "this is the last administrator; make another one before taking this one away",
                    ));
                }
                user::put(&txn, &record);
                let place = UserPlace { tenant: record.tenant, user: id };
                let ended: Vec<LoginId> =
                    if demoted { login::end_all(&txn, place, None, until).await? } else { Vec::new() };
                if let Some(entry) =
                    difference(stamp.entry(Action::AccountUpdated).to(id), &before, &record, ended.len())
                {
                    stamp.write(&txn, record.tenant, &entry);
                }
                Ok((record, ended))
            })
            .await?;
        self.announce_ended(&ended, until);
        if !ended.is_empty() {
            tracing::info!(by = caller.name(), user = %id, ended = ended.len(), "logins ended by an administrator");
        }
        if input.tier.is_some() {
            self.limits_changed().await;
        }
        Ok(record)
    }

    /// Sets somebody's password and ends their logins. Answers the password when it made one.
    pub(crate) async fn reset_password(
        &self,
        caller: &Caller,
        id: UserId,
        input: ResetPassword,
    ) -> Result<(UserRecord, Option<String>), AppError> {
        let record = self
            .store
            .transact("reset password: check", |txn| async move { resettable(&txn, caller, id).await })
            .await?;
        let (made, phc) = self.new_password("password", input.password.as_deref(), &record.email).await?;
        let now = self.clock.now();
        let (password, until) = (&PasswordRecord { phc, changed_at: now }, self.ended_until(now));
        let stamp = self.stamp(caller);
        let (record, ended) = self
            .store
            .transact("reset password", |txn| async move {
                let record = resettable(&txn, caller, id).await?;
                crate::records::lockout::clear(&txn, &record.email);
                user::put_password(&txn, record.tenant, id, password);
                let place = UserPlace { tenant: record.tenant, user: id };
                let ended = login::end_all(&txn, place, None, until).await?;
                let entry = stamp.entry(Action::PasswordReset).to(id).with("logins_ended", ended.len());
                stamp.write(&txn, record.tenant, &entry);
                Ok::<_, AppError>((record, ended))
            })
            .await?;
        self.announce_ended(&ended, until);
        tracing::info!(by = caller.name(), user = %id, ended = ended.len(), "password reset");
        Ok((record, made))
    }

    /// The chosen password, or one made now, with its hash.
    async fn new_password(
        &self,
        field: &'static str,
        chosen: Option<&str>,
        email: &Email,
    ) -> Result<(Option<String>, String), AppError> {
        let made = chosen.is_none().then(|| secret::password(&*self.entropy));
        if let Some(chosen) = chosen {
            password::check_new(field, chosen, email.as_str())?;
        }
        let text = chosen.or(made.as_deref()).unwrap_or_default();
        let phc = self.passwords.hash(text, &*self.entropy).await?;
        Ok((made, phc))
    }
}

/// What changed of a user, for the audit log; nothing when nothing did.
fn difference(mut entry: Entry, before: &UserRecord, after: &UserRecord, ended: usize) -> Option<Entry> {
    if before.name != after.name {
        entry = entry.with("name", after.name.as_str());
    }
    if before.tier != after.tier {
        entry = entry.with("tier", &after.tier).with("tier_before", &before.tier);
    }
    if before.disabled != after.disabled {
        entry = entry.with("disabled", after.disabled);
    }
    if before.admin != after.admin {
        entry = entry.with("admin", after.admin);
    }
    if ended > 0 {
        entry = entry.with("logins_ended", ended);
    }
    (!entry.details.is_empty()).then_some(entry)
}

/// A user the caller may know of: oneself, those of the tenant one owns, all for administrators.
async fn visible(txn: &Txn, authority: &Authority, id: UserId) -> Result<UserRecord, AppError> {
    let found = match authority {
        Authority::User(me) if me.id == id => return Ok(me.clone()),
        _ if authority.is_admin() => match user::place(txn, id).await? {
            Some(place) => user::get(txn, place.tenant, id).await?,
            None => None,
        },
        Authority::User(me) if me.role == Role::Owner => user::get(txn, me.tenant, id).await?,
        Authority::User(_) | Authority::Operator => None,
    };
    found.ok_or_else(|| AppError::not_found("user"))
}

async fn resettable(txn: &Txn, caller: &Caller, id: UserId) -> Result<UserRecord, AppError> {
    let authority = Authority::read(txn, caller).await?;
    let record = visible(txn, &authority, id).await?;
    authority.require_admin()?;
    Ok(record)
}

/// The tenant the new account joins, none for one of its own; or why the caller may not make it.
async fn may_create(
    txn: &Txn,
    authority: &Authority,
    tenant: Option<TenantId>,
    privileged: bool,
) -> Result<Option<TenantId>, AppError> {
    if authority.is_admin() {
        return match tenant {
            Some(tenant) if !user::tenant_exists(txn, tenant).await? => {
                Err(AppError::value("tenant_id", "there is no such tenant"))
            }
            tenant => Ok(tenant),
        };
    }
    let owner = authority.tenant_owner()?;
    if privileged {
        return Err(AppError::forbidden("only administrators choose the tier or make administrators"));
    }
    if tenant.is_some_and(|tenant| tenant != owner.tenant) {
        return Err(AppError::not_found("tenant"));
    }
    Ok(Some(owner.tenant))
}
