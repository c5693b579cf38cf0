//! Users, as control answers and accepts them.

use serde::{Deserialize, Serialize};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// `usr_…`
    pub id: String,
    /// `ten_…`
    pub tenant_id: String,
    /// The canonical e-mail address.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// Name of the user's tier.
    pub tier: String,
    /// `member` or `owner` of the tenant.
    pub role: String,
    /// Administers the installation.
    pub admin: bool,
    /// Cannot log in.
    pub disabled: bool,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Last log-in, milliseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<i64>,
}

/// `POST /api/v5/users`: an administrator makes an account (a tenant's owner makes one in the own tenant).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// E-mail address.
    pub email: String,
    /// What the person is called.
    pub name: String,
    /// Absent: one is made and answered once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Absent: a tenant of their own (administrators), the caller's tenant (owners).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Absent: the default tier. Administrators only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Makes an administrator of the installation. Administrators only.
    #[serde(default)]
    pub admin: bool,
}

/// Answer to [`CreateUser`] and to a password reset by someone else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserWithPassword {
    /// The account.
    pub user: User,
    /// The password that was made, shown this once; absent when the caller chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `POST /api/v5/users/{id}/password`: reset by an administrator. Ends every login of that user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// Absent: one is made and answered once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `PATCH /api/v5/users/{id}`. A user may change the own `name`; the rest is for administrators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    /// New display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// New tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Disables or enables the account; disabling ends every login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Grants or takes the administration of the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}
