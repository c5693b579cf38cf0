//! What a caller may do, read in the transaction that uses it.

use coditect_model::id::WorkspaceId;
use coditect_model::role::Role;
use coditect_store::Txn;

use crate::caller::{Caller, Me};
use crate::error::AppError;
use crate::records::user::{self, UserRecord};
use crate::records::workspace::{self, Workspace};

/// A caller as the store knows them now.
#[derive(Clone, Debug)]
pub(crate) enum Authority {
    User(UserRecord),
    Operator,
}

/// A caller's standing towards one workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Everything, contents included.
    Owner,
    /// Owner of the tenant: see it, stop it.
    Tenant,
    /// Administrator: see it, start and stop it.
    Administrator,
    /// Administrator who holds the machine itself.
    Operator,
}

impl Authority {
    /// Reads the caller's present standing; a user who is gone or disabled is nobody.
    pub(crate) async fn read(txn: &Txn, caller: &Caller) -> Result<Self, AppError> {
        match caller {
            Caller::Operator => Ok(Self::Operator),
            Caller::User { .. } => Ok(Self::User(Self::me(txn, caller.user()?).await?)),
        }
    }

    /// Reads a signed-in user.
    pub(crate) async fn me(txn: &Txn, me: Me) -> Result<UserRecord, AppError> {
        match user::get(txn, me.tenant, me.user).await? {
            Some(record) if !record.disabled => Ok(record),
            _ => Err(AppError::unauthenticated("this account cannot be used any more; log in again")),
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        match self {
            Self::User(user) => user.admin,
            Self::Operator => true,
        }
    }

    /// Refuses whoever does not administer the installation.
    pub(crate) fn require_admin(&self) -> Result<(), AppError> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(AppError::forbidden("only administrators of this installation may do that"))
        }
    }

    /// The user, when they own their tenant.
    pub(crate) fn tenant_owner(&self) -> Result<&UserRecord, AppError> {
        match self {
            Self::User(user) if user.role == Role::Owner => Ok(user),
            Self::User(_) => Err(AppError::forbidden("only owners of the tenant may do that")),
            Self::Operator => {
                Err(AppError::forbidden("the operator token belongs to no tenant; log in as one of its owners"))
            }
        }
    }

    /// A workspace this caller may know of, and how they stand towards it.
    pub(crate) async fn workspace(&self, txn: &Txn, id: WorkspaceId) -> Result<(Workspace, Right), AppError> {
        const NOUN: &str = "workspace";
        match self {
            Self::Operator => {
                let found = workspace::get_anywhere(txn, id).await?;
                found.map(|found| (found, Right::Operator)).ok_or_else(|| AppError::not_found(NOUN))
            }
            Self::User(user) => {
                if let Some(found) = workspace::get(txn, user.tenant, id).await? {
                    if found.record.owner == user.id {
                        return Ok((found, Right::Owner));
                    }
                    if user.admin {
                        return Ok((found, Right::Administrator));
                    }
                    if user.role == Role::Owner {
                        return Ok((found, Right::Tenant));
                    }
                } else if user.admin {
                    let found = workspace::get_anywhere(txn, id).await?;
                    return found.map(|found| (found, Right::Administrator)).ok_or_else(|| AppError::not_found(NOUN));
                }
                Err(AppError::not_found(NOUN))
            }
        }
    }
}

/// A workspace of the user's own: the only kind whose contents anybody gets.
pub(crate) async fn own_workspace(txn: &Txn, user: &UserRecord, id: WorkspaceId) -> Result<Workspace, AppError> {
    match workspace::get(txn, user.tenant, id).await? {
        Some(found) if found.record.owner == user.id => Ok(found),
        _ => Err(AppError::not_found("workspace")),
    }
}
