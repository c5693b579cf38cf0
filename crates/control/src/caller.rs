//! Who makes a request: a user with a login, or the operator on the same machine.

use coditect_model::id::{LoginId, TenantId, UserId};
use coditect_model::role::Principal;

use crate::error::AppError;

/// A request's author, after authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A user.
    User {
        /// Tenant, user and standing, as the access token has them.
        principal: Principal,
        /// The login the token descends from.
        login: LoginId,
        /// When the access token expires, seconds since the epoch.
        expires_at_s: i64,
    },
    /// Whoever holds the installation's operator token: administers, and is nobody in particular.
    Operator,
}

/// A signed-in user, where an operator makes no sense.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) login: LoginId,
    pub(crate) expires_at_s: i64,
}

impl Caller {
    /// The user; the operator has no workspaces, sessions or profile.
    pub(crate) fn user(&self) -> Result<Me, AppError> {
        match self {
            Self::User { principal, login, expires_at_s } => {
                Ok(Me { tenant: principal.tenant, user: principal.user, login: *login, expires_at_s: *expires_at_s })
            }
            Self::Operator => Err(AppError::forbidden("the operator token is not a user; log in as one for this")),
        }
    }

    /// For log lines: never an e-mail address.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::User { principal, .. } => principal.user.to_string(),
            Self::Operator => "operator".to_owned(),
        }
    }
}
