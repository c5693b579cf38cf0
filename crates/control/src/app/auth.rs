//! Accounts: register, log in, refresh, log out, change the password.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use coditect_api::auth::{ChangePassword, LogIn, PASSWORD_MAX_BYTES, Register, TokenDelivery};
use coditect_api::grant::{AccessClaims, Audience};
use coditect_model::ambient::{Timestamp, random_bytes};
use coditect_model::audit::{Action, Actor};
use coditect_model::id::{LoginId, TenantId, UserId};
use coditect_model::name::{Email, UserName};
use coditect_model::role::Role;
use coditect_model::tier::DEFAULT_TIER;

use super::authority::Authority;
use super::login::{self, Presented, RefreshToken};
use crate::caller::Me;
use crate::config::Registration;
use crate::control::Control;
use crate::error::AppError;
use crate::password;
use crate::records::user::{PasswordRecord, UserPlace, UserRecord};
use crate::records::{invitation, lockout, login as login_records, setup, user};

/// Tokens on their way to the client.
pub(crate) struct Issued {
    pub(crate) user: UserRecord,
    pub(crate) login: LoginId,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) delivery: TokenDelivery,
}

/// One answer for a wrong password and for an account that does not exist.
fn wrong_credentials() -> AppError {
    AppError::unauthenticated("the e-mail address or the password is wrong")
}

fn refused_refresh() -> AppError {
    AppError::unauthenticated("this login is over; log in again")
}

impl Control {
    /// Makes an account and logs it in.
    pub(crate) async fn register(&self, input: Register, address: IpAddr) -> Result<Issued, AppError> {
        let now = self.clock.now();
        self.limiters.register.check(address, now).map_err(AppError::rate_limited)?;
        let email = Email::parse(&input.email).map_err(|error| AppError::value("email", error.to_string()))?;
        let name = UserName::parse(&input.name).map_err(|error| AppError::value("name", error.to_string()))?;
        password::check_new("password", &input.password, email.as_str())?;
        let (code, token) = (input.invitation.as_deref(), input.setup_token.as_deref());
        if self.config.registration == Registration::InvitationOnly && code.is_none() && token.is_none() {
            return Err(AppError::forbidden("this installation takes new accounts by invitation only"));
        }
        // Before the expensive hash, and again in the transaction that counts.
        let email = &email;
        self.store
            .transact("register: check", |txn| async move {
                if let Some(code) = code {
                    redeemable(&txn, code, email, now).await?;
                }
                if let Some(token) = token {
                    require_setup(&txn, token).await?;
                }
                match user::by_email(&txn, email).await? {
                    Some(_) => Err(taken()),
                    None => Ok(()),
                }
            })
            .await?;
        let phc = self.passwords.hash(&input.password, &*self.entropy).await?;
        let (id, own_tenant) = (UserId::random(&*self.entropy), TenantId::random(&*self.entropy));
        let (login, refresh) = login::new(&self.config, &*self.entropy, now, input.delivery);
        let password = PasswordRecord { phc, changed_at: now };
        let (name, login_ref, password) = (&name, &login, &password);
        let stamp = self.stamp_from(address).by(Actor::User(id), Some(login.id));
        let record = self
            .store
            .transact("register", |txn| async move {
                if let Some(place) = user::place(&txn, id).await? {
                    // An earlier attempt was committed after all.
                    return user::get(&txn, place.tenant, id).await?.ok_or_else(|| AppError::internal("lost user"));
                }
                let invited = match code {
                    Some(code) => Some(redeemable(&txn, code, email, now).await?),
                    None => None,
                };
                if let Some(token) = token {
                    require_setup(&txn, token).await?;
                }
                let tier = if token.is_some() { self.first_administrator_tier(&txn).await? } else { DEFAULT_TIER };
                let record = UserRecord {
                    id,
                    tenant: invited.as_ref().map_or(own_tenant, |invited| invited.tenant),
                    email: email.clone(),
                    name: name.clone(),
                    tier: tier.to_owned(),
                    role: invited.as_ref().map_or(Role::Owner, |invited| invited.role),
                    admin: token.is_some(),
                    disabled: false,
                    created_at: now,
                    last_login_at: Some(now),
                };
                if !user::insert(&txn, &record).await? {
                    return Err(taken());
                }
                if let Some(invited) = &invited {
                    invitation::clear(&txn, invited);
                }
                user::put_password(&txn, record.tenant, id, password);
                login_records::put(&txn, UserPlace { tenant: record.tenant, user: id }, login_ref);
                let mut entry = stamp.entry(Action::AccountRegistered).to(id).with("email", email.as_str());
                entry = entry.with("tier", tier).with("role", user::role_word(record.role)).with("admin", record.admin);
                if let Some(invited) = &invited {
                    entry = entry.with("invitation", invited.id);
                }
                stamp.write(&txn, record.tenant, &entry);
                Ok(record)
            })
            .await?;
        tracing::info!(user = %record.id, tenant = %record.tenant, admin = record.admin, "account made");
        self.issue(record, login.id, &refresh, input.delivery)
    }

    /// Checks a password and makes a login.
    pub(crate) async fn log_in(&self, input: LogIn, address: IpAddr) -> Result<Issued, AppError> {
        let now = self.clock.now();
        self.limiters.login.check(address, now).map_err(AppError::rate_limited)?;
        // A malformed address has no account; it costs and answers the same.
        let Some(email) = Email::parse(&input.email).ok().filter(|_| input.password.len() <= PASSWORD_MAX_BYTES) else {
            self.passwords.verify("", None).await?;
            let stamp = self.stamp_from(address);
            let entry = stamp.entry(Action::LoginFailed).with("account", self.unknown_account(&input.email));
            self.record(stamp, None, entry).await?;
            return Err(wrong_credentials());
        };
        let stamp = self.stamp_from(address);
        let (email, limits, attempt) = (&email, &self.config.rate_limits, self.attempt());
        // The attempt is counted as a failure before the password is looked at, so that guesses made at the same
        // moment do not all see the same count. Success takes it back.
        let outcome = self
            .store
            .transact("log in: count", |txn| async move {
                let mut attempts = lockout::get(&txn, email).await?;
                attempts.attempt(attempt, now, limits).map_err(AppError::rate_limited)?;
                lockout::put(&txn, email, &attempts);
                let Some(place) = user::by_email(&txn, email).await? else { return Ok((attempts, None)) };
                let password = user::password(&txn, place.tenant, place.user).await?;
                Ok::<_, AppError>((attempts, password.map(|password| (place, password))))
            })
            .await?;
        let (attempts, outcome) = outcome;
        let phc = outcome.as_ref().map(|(_, password)| password.phc.as_str());
        let right = self.passwords.verify(&input.password, phc).await?;
        let place = outcome.as_ref().map(|(place, _)| *place);
        let (true, Some((place, password))) = (right, outcome) else {
            tracing::info!(%address, "log-in refused");
            self.record_refused_login(stamp, place, email, &attempts).await?;
            return Err(wrong_credentials());
        };
        let (login, refresh) = login::new(&self.config, &*self.entropy, now, input.delivery);
        let (until, login_ref, password) = (self.ended_until(now), &login, &password);
        let outcome = self
            .store
            .transact("log in", |txn| async move {
                let mut record = user::get(&txn, place.tenant, place.user).await?.ok_or_else(wrong_credentials)?;
                let present = user::password(&txn, place.tenant, place.user).await?;
                if present.is_none_or(|present| present.phc != password.phc) {
                    return Err(wrong_credentials());
                }
                if record.disabled {
                    let entry = stamp.entry(Action::LoginFailed).to(place.user).with("reason", "account disabled");
                    stamp.write(&txn, place.tenant, &entry);
                    return Ok(None);
                }
                lockout::clear(&txn, email);
                record.last_login_at = Some(now);
                user::put(&txn, &record);
                let ended = login::insert(&txn, place, login_ref, now, until).await?;
                let stamp = stamp.by(Actor::User(place.user), Some(login_ref.id));
                let mut entry = stamp.entry(Action::LoginSuccess).to(place.user);
                if !ended.is_empty() {
                    entry = entry.with("older_logins_ended", ended.len());
                }
                stamp.write(&txn, place.tenant, &entry);
                Ok::<_, AppError>(Some((record, ended)))
            })
            .await?;
        let Some((record, ended)) = outcome else {
            return Err(AppError::forbidden("this account is disabled; ask your administrator"));
        };
        self.announce_ended(&ended, until);
        tracing::info!(user = %record.id, login = %login.id, "logged in");
        self.issue(record, login.id, &refresh, input.delivery)
    }

    /// Trades a refresh token for the next one.
    pub(crate) async fn refresh(&self, text: &str, address: IpAddr) -> Result<Issued, AppError> {
        let now = self.clock.now();
        self.limiters.other.check(address, now).map_err(AppError::rate_limited)?;
        let token = RefreshToken::parse(text).ok_or_else(refused_refresh)?;
        let child = token.child(&*self.entropy);
        let (token, child, config, until) = (&token, &child, &self.config, self.ended_until(now));
        let stamp = self.stamp_from(address);
        // Set by an attempt whose commit may have happened: the next one no longer finds the login it ended.
        let reused = &AtomicBool::new(false);
        let outcome = self
            .store
            .transact("refresh", |txn| async move {
                let Some(place) = login_records::place(&txn, token.login).await? else {
                    return if reused.load(Relaxed) { Ok(None) } else { Err(refused_refresh()) };
                };
                let mut record = login_records::get(&txn, place, token.login).await?.ok_or_else(refused_refresh)?;
                let owner = user::get(&txn, place.tenant, place.user).await?.ok_or_else(refused_refresh)?;
                if owner.disabled {
                    return Err(refused_refresh());
                }
                match login::present(&mut record, token, child, now, config) {
                    Presented::Rotated => {
                        login_records::put(&txn, place, &record);
                        Ok(Some((owner, record.delivery)))
                    }
                    Presented::Reused => {
                        reused.store(true, Relaxed);
                        let mut entry = stamp.entry(Action::RefreshReused).to(place.user);
                        entry.login = Some(token.login);
                        stamp.write(&txn, place.tenant, &entry);
                        login_records::end(&txn, place, token.login, until);
                        Ok(None)
                    }
                    Presented::Unknown | Presented::Expired => Err(refused_refresh()),
                }
            })
            .await?;
        if let Some((owner, delivery)) = outcome {
            return self.issue(owner, token.login, child, delivery);
        }
        tracing::warn!(login = %token.login, "a spent refresh token was presented: the login is ended");
        self.announce_ended(&[token.login], until);
        Err(refused_refresh())
    }

    /// Ends a login.
    pub(crate) async fn log_out(&self, login: LoginId) -> Result<(), AppError> {
        let until = self.ended_until(self.clock.now());
        let stamp = self.stamp_platform();
        self.store
            .transact("log out", |txn| async move {
                if let Some(place) = login_records::place(&txn, login).await? {
                    let stamp = stamp.by(Actor::User(place.user), Some(login));
                    stamp.write(&txn, place.tenant, &stamp.entry(Action::LoginEnded).to(place.user));
                    login_records::end(&txn, place, login, until);
                }
                Ok::<_, AppError>(())
            })
            .await?;
        self.announce_ended(&[login], until);
        Ok(())
    }

    /// The login of a refresh token that is really one of its own; for logging out after the access token expired.
    pub(crate) async fn login_of_refresh_token(&self, text: &str) -> Result<Option<LoginId>, AppError> {
        let Some(token) = RefreshToken::parse(text) else { return Ok(None) };
        let (token, config, now) = (&token, &self.config, self.clock.now());
        self.store
            .transact("log out: find", |txn| async move {
                let Some(place) = login_records::place(&txn, token.login).await? else { return Ok(None) };
                let Some(mut record) = login_records::get(&txn, place, token.login).await? else { return Ok(None) };
                let known = !matches!(login::present(&mut record, token, token, now, config), Presented::Unknown);
                Ok(known.then_some(token.login))
            })
            .await
    }

    /// Changes the caller's own password and ends every other login of theirs.
    pub(crate) async fn change_password(&self, me: Me, input: ChangePassword, address: IpAddr) -> Result<(), AppError> {
        let now = self.clock.now();
        self.limiters.login.check(address, now).map_err(AppError::rate_limited)?;
        let (limits, attempt) = (&self.config.rate_limits, self.attempt());
        let stamp = self.stamp_me(me);
        let (record, present) = self
            .store
            .transact("change password: count", |txn| async move {
                let record = Authority::me(&txn, me).await?;
                let mut attempts = lockout::get(&txn, &record.email).await?;
                attempts.attempt(attempt, now, limits).map_err(AppError::rate_limited)?;
                lockout::put(&txn, &record.email, &attempts);
                let present = user::password(&txn, me.tenant, me.user).await?;
                Ok::<_, AppError>((record, present))
            })
            .await?;
        let phc = present.as_ref().map(|present| present.phc.as_str());
        let short = input.current.len() <= PASSWORD_MAX_BYTES;
        if !short || !self.passwords.verify(&input.current, phc).await? {
            let entry = stamp.entry(Action::PasswordRefused).to(me.user).with("address", address);
            self.record(stamp, Some(me.tenant), entry).await?;
            return Err(AppError::value("current", "the present password is wrong"));
        }
        password::check_new("new", &input.new, record.email.as_str())?;
        let phc = self.passwords.hash(&input.new, &*self.entropy).await?;
        let (until, next, email) = (self.ended_until(now), &PasswordRecord { phc, changed_at: now }, &record.email);
        let ended = self
            .store
            .transact("change password", |txn| async move {
                Authority::me(&txn, me).await?;
                lockout::clear(&txn, email);
                user::put_password(&txn, me.tenant, me.user, next);
                let place = UserPlace { tenant: me.tenant, user: me.user };
                let ended = login::end_all(&txn, place, Some(me.login), until).await?;
                let entry = stamp.entry(Action::PasswordChanged).to(me.user).with("other_logins_ended", ended.len());
                stamp.write(&txn, me.tenant, &entry);
                Ok::<_, AppError>(ended)
            })
            .await?;
        self.announce_ended(&ended, until);
        tracing::info!(user = %me.user, ended = ended.len(), "password changed");
        Ok(())
    }

    /// Writes a refused log-in to the log of the account's tenant, or to the installation's when there is no account;
    /// and that it locked the account, when it did.
    async fn record_refused_login(
        &self,
        stamp: super::audit::Stamp,
        place: Option<UserPlace>,
        email: &Email,
        attempts: &lockout::LockoutRecord,
    ) -> Result<(), AppError> {
        let subject = place.map(|place| place.user.to_string());
        let unknown = self.unknown_account(email.as_str());
        let (subject, unknown) = (&subject, &unknown);
        self.store
            .transact("audit: log-in refused", |txn| async move {
                let describe = |action| {
                    let entry = stamp.entry(action).with("failures", attempts.failures);
                    match subject {
                        Some(user) => entry.to(user).with("account", email.as_str()),
                        None => entry.with("account", unknown),
                    }
                };
                let mut entries = vec![describe(Action::LoginFailed)];
                if attempts.locked_until > 0 {
                    entries.push(describe(Action::LoginLocked).with("until_ms", attempts.locked_until));
                }
                for entry in &entries {
                    match place {
                        Some(place) => stamp.write(&txn, place.tenant, entry),
                        None => stamp.write_installation(&txn, entry),
                    }
                }
                Ok(())
            })
            .await
    }

    fn attempt(&self) -> u64 {
        u64::from_be_bytes(random_bytes(&*self.entropy))
    }

    /// The caller's own account.
    pub(crate) async fn me(&self, me: Me) -> Result<UserRecord, AppError> {
        self.store.transact("me", |txn| async move { Authority::me(&txn, me).await }).await
    }

    /// Until when tokens signed before `now` can be verified.
    pub(crate) fn ended_until(&self, now: Timestamp) -> Timestamp {
        now.plus_s(self.config.token_ttl_max_s() + 1)
    }

    /// Makes committed ends effective here, at once.
    pub(crate) fn announce_ended(&self, logins: &[LoginId], until: Timestamp) {
        for login in logins {
            self.revoked.add(*login, until);
        }
    }

    /// Signs an access token.
    pub(crate) fn issue(
        &self,
        user: UserRecord,
        login: LoginId,
        refresh: &RefreshToken,
        delivery: TokenDelivery,
    ) -> Result<Issued, AppError> {
        let now_s = self.clock.now().as_secs();
        let claims = AccessClaims {
            iss: self.keyring.issuer().to_owned(),
            aud: Audience::Control,
            sub: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            tenant: user.tenant.to_string(),
            tier: user.tier.clone(),
            role: user.role,
            admin: user.admin,
            login: login.to_string(),
            iat: now_s,
            exp: now_s.saturating_add(self.config.access_ttl_s),
        };
        let access_token = self.keyring.sign(&claims).map_err(AppError::internal)?;
        Ok(Issued { user, login, access_token, refresh_token: refresh.text(), delivery })
    }
}

fn taken() -> AppError {
    AppError::conflict("there is already an account with this e-mail address; log in instead").with("field", "email")
}

/// The invitation of a code, if this address may use it now.
async fn redeemable(
    txn: &coditect_store::Txn,
    code: &str,
    email: &Email,
    now: Timestamp,
) -> Result<invitation::InvitationRecord, AppError> {
    let refused = || {
        AppError::forbidden("this invitation has been used, has expired, or is for another address; ask for a new one")
            .with("field", "invitation")
    };
    let found = invitation::by_code(txn, code).await?.ok_or_else(refused)?;
    let fits = found.expires_at > now && found.email.as_ref().is_none_or(|invited| invited == email);
    if fits { Ok(found) } else { Err(refused()) }
}

/// Refuses anything but the set-up token that is waiting.
pub(crate) async fn require_setup(txn: &coditect_store::Txn, token: &str) -> Result<(), AppError> {
    if setup::matches(txn, token).await? {
        return Ok(());
    }
    Err(AppError::forbidden("this set-up link has been used or replaced; the server prints a new one at each start until there is an administrator")
        .with("field", "setup_token"))
}
