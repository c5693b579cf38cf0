//! `/api/v5/auth/*`.

use serde::{Deserialize, Serialize};

use crate::session::OpenedSession;
use crate::user::User;

/// Shortest password, in characters (NIST SP 800-63B section 3.1.1.2 asks for 8 or more).
pub const PASSWORD_MIN_CHARS: usize = 10;
/// Longest password, in bytes: bounds what an unauthenticated caller can make us hash.
pub const PASSWORD_MAX_BYTES: usize = 256;

/// How the caller keeps its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenDelivery {
    /// In the answer's body, for programs.
    #[default]
    Body,
    /// In HttpOnly cookies, for browsers; scripts never see a token.
    Cookie,
}

/// `POST /api/v5/auth/register`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// E-mail address.
    pub email: String,
    /// Password, [`PASSWORD_MIN_CHARS`] characters to [`PASSWORD_MAX_BYTES`] bytes.
    pub password: String,
    /// What the person is called.
    pub name: String,
    /// Code of an invitation: register into that tenant instead of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// The one-time token printed at first start: makes this account an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_token: Option<String>,
    /// Where the tokens go.
    #[serde(default)]
    pub delivery: TokenDelivery,
}

/// `POST /api/v5/auth/login`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Where the tokens go.
    #[serde(default)]
    pub delivery: TokenDelivery,
}

/// `POST /api/v5/auth/refresh`. Browsers send an empty object: theirs is in a cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token. It works once: the answer carries the next one. A second use ends the whole login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
}

/// Answer to register, login and refresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedIn {
    /// Who logged in.
    pub user: User,
    /// Seconds until the access token expires; refresh before that.
    pub expires_in_s: u64,
    /// With delivery `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// With delivery `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// The session used last, ready to be resumed, if there is one (login only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<OpenedSession>,
}

/// `POST /api/v5/auth/validate` and `GET /api/v5/auth/me`: whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Identity {
    /// The user.
    pub user: User,
    /// When the access token expires, milliseconds since the epoch.
    pub expires_at: i64,
}

/// `POST /api/v5/auth/claim-admin`: a logged-in user redeems the one-time token printed at first start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ClaimAdmin {
    /// The token.
    pub setup_token: String,
}

/// `POST /api/v5/auth/password`: change one's own password. Ends every other login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The present one.
    pub current: String,
    /// The new one.
    pub new: String,
}
