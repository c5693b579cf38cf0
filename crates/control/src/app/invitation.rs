//! Invitations, by owners of a tenant.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use coditect_api::invitation::{CreateInvitation, Invitation};
use coditect_model::audit::Action;
use coditect_model::id::InvitationId;
use coditect_model::name::Email;
use coditect_model::role::Role;

use super::authority::Authority;
use crate::caller::Caller;
use crate::control::Control;
use crate::error::AppError;
use crate::records::invitation::{self, INVITATIONS_MAX, InvitationRecord};
use crate::records::user::role_word;
use crate::secret;

impl Control {
    pub(crate) async fn invite(&self, caller: &Caller, input: CreateInvitation) -> Result<Invitation, AppError> {
        let email = match input.email.as_deref() {
            Some(text) => Some(Email::parse(text).map_err(|error| AppError::value("email", error.to_string()))?),
            None => None,
        };
        let role = match input.role.as_deref() {
            None | Some("member") => Role::Member,
            Some("owner") => Role::Owner,
            Some(_) => return Err(AppError::value("role", "the role must be `member` or `owner`")),
        };
        let (id, now) = (InvitationId::random(&*self.entropy), self.clock.now());
        let code = secret::token(&*self.entropy, "cdi_");
        let code_hash = secret::encode(&secret::hash(code.as_bytes()));
        let expires_at = now.plus_s(self.config.invitation_ttl_s);
        let (email, code_hash, stamp) = (&email, &code_hash, self.stamp(caller));
        let record = self
            .store
            .transact("invite", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let tenant = authority.tenant_owner()?.tenant;
                let mut open = 0;
                for other in invitation::of_tenant(&txn, tenant).await? {
                    if other.expires_at <= now {
                        invitation::clear(&txn, &other);
                    } else if other.id != id {
                        open += 1;
                    }
                }
                if open >= INVITATIONS_MAX {
                    return Err(AppError::conflict("there are too many open invitations; withdraw some first"));
                }
                let record = InvitationRecord {
                    id,
                    tenant,
                    email: email.clone(),
                    role,
                    created_at: now,
                    expires_at,
                    code_hash: code_hash.clone(),
                };
                invitation::put(&txn, &record);
                let mut entry = stamp.entry(Action::InvitationCreated).to(id).with("role", role_word(role));
                if let Some(email) = email {
                    entry = entry.with("email", email.as_str());
                }
                stamp.write(&txn, tenant, &entry);
                Ok(record)
            })
            .await?;
        tracing::info!(by = caller.name(), invitation = %id, "invitation made");
        let url = format!("{}/register#invitation={code}", self.config.public_url);
        Ok(Invitation { code: Some(code), url: Some(url), ..record.to_api() })
    }

    pub(crate) async fn invitations(&self, caller: &Caller) -> Result<Vec<Invitation>, AppError> {
        let now = self.clock.now();
        let records = self
            .store
            .transact("list invitations", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                invitation::of_tenant(&txn, authority.tenant_owner()?.tenant).await
            })
            .await?;
        Ok(records.iter().filter(|record| record.expires_at > now).map(InvitationRecord::to_api).collect())
    }

    pub(crate) async fn withdraw_invitation(&self, caller: &Caller, id: InvitationId) -> Result<(), AppError> {
        // Set by an attempt whose commit may have happened.
        let (seen, stamp) = (&AtomicBool::new(false), self.stamp(caller));
        self.store
            .transact("withdraw invitation", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let tenant = authority.tenant_owner()?.tenant;
                match invitation::get(&txn, tenant, id).await? {
                    Some(record) => {
                        seen.store(true, Relaxed);
                        invitation::clear(&txn, &record);
                        stamp.write(&txn, tenant, &stamp.entry(Action::InvitationWithdrawn).to(id));
                        Ok(())
                    }
                    None if seen.load(Relaxed) => Ok(()),
                    None => Err(AppError::not_found("invitation")),
                }
            })
            .await
    }
}
