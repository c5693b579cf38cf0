//! Invitations into a tenant. Redeeming one removes it.

use coditect_model::ambient::Timestamp;
use coditect_model::id::{InvitationId, TenantId};
use coditect_model::name::Email;
use coditect_model::role::Role;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use super::user::role_word;
use crate::error::AppError;
use crate::secret;

/// Open invitations of one tenant.
pub(crate) const INVITATIONS_MAX: usize = 500;

/// An open invitation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InvitationRecord {
    pub(crate) id: InvitationId,
    pub(crate) tenant: TenantId,
    pub(crate) email: Option<Email>,
    pub(crate) role: Role,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// Hash of the code, in base 64.
    pub(crate) code_hash: String,
}
record!(InvitationRecord, 1, "invitation");

/// Where the invitation of a code lies.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct InvitationPlace {
    tenant: TenantId,
    invitation: InvitationId,
}
record!(InvitationPlace, 1, "index entry of an invitation");

impl InvitationRecord {
    pub(crate) fn to_api(&self) -> coditect_api::invitation::Invitation {
        coditect_api::invitation::Invitation {
            id: self.id.to_string(),
            email: self.email.as_ref().map(|email| email.as_str().to_owned()),
            role: role_word(self.role).to_owned(),
            created_at: self.created_at.0,
            expires_at: self.expires_at.0,
            code: None,
            url: None,
        }
    }

    fn code_key(&self) -> Option<coditect_store::Key> {
        let hash: secret::Hash = secret::decode(&self.code_hash)?.try_into().ok()?;
        Some(keys::invitation_code(&hash))
    }
}

pub(crate) async fn of_tenant(txn: &Txn, tenant: TenantId) -> Result<Vec<InvitationRecord>, AppError> {
    super::list(txn, keys::tenant_invitations(tenant), INVITATIONS_MAX * 2).await
}

pub(crate) async fn get(
    txn: &Txn,
    tenant: TenantId,
    invitation: InvitationId,
) -> Result<Option<InvitationRecord>, AppError> {
    super::get(txn, &keys::tenant_invitation(tenant, invitation)).await
}

pub(crate) async fn by_code(txn: &Txn, code: &str) -> Result<Option<InvitationRecord>, AppError> {
    let key = keys::invitation_code(&secret::hash(code.as_bytes()));
    match super::get::<InvitationPlace>(txn, &key).await? {
        Some(place) => get(txn, place.tenant, place.invitation).await,
        None => Ok(None),
    }
}

pub(crate) fn put(txn: &Txn, record: &InvitationRecord) {
    super::put(txn, &keys::tenant_invitation(record.tenant, record.id), record);
    if let Some(key) = record.code_key() {
        super::put(txn, &key, &InvitationPlace { tenant: record.tenant, invitation: record.id });
    }
}

pub(crate) fn clear(txn: &Txn, record: &InvitationRecord) {
    txn.clear(&keys::tenant_invitation(record.tenant, record.id));
    if let Some(key) = record.code_key() {
        txn.clear(&key);
    }
}
