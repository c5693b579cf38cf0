//! Who may do what: roles inside a tenant, and the platform's administrators.

use serde::{Deserialize, Serialize};

/// A user's standing in their own tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses workspaces of their own.
    Member,
    /// Also manages the tenant: invitations, members, every workspace's state (not its contents).
    Owner,
}

/// Who makes a request, after authentication. Every authorisation decision takes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The tenant every key of the request is built from.
    pub tenant: crate::id::TenantId,
    /// The user.
    pub user: crate::id::UserId,
    /// Standing in the tenant.
    pub role: Role,
    /// Administers the whole installation: users, tenants, tiers, hosts.
    pub admin: bool,
}
