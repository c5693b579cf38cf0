//! The claims of every token the platform signs (Ed25519 JWT). One audience each, so that none passes for another.

use serde::{Deserialize, Serialize};

/// Who a token is meant for. Checked before anything else in it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The control API: a user's access token.
    Control,
    /// The agent API of one workspace, through the router.
    Workspace,
    /// One port of one workspace, on its own origin: the content of that origin's cookie.
    App,
    /// A one-time ticket that is exchanged for an [`Audience::App`] cookie.
    Ticket,
}

/// What a grant allows inside a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLevel {
    /// Look, do not touch.
    Read,
    /// Everything the owner can do.
    Write,
}

/// Claims of an access token (audience `control`): R1.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer: the control origin.
    pub iss: String,
    /// [`Audience::Control`].
    pub aud: Audience,
    /// `usr_…`
    pub sub: String,
    /// The user's e-mail address.
    pub email: String,
    /// `ten_…`
    pub tenant: String,
    /// Tier name.
    pub tier: String,
    /// `member` or `owner`.
    pub role: coditect_model::role::Role,
    /// Administers the installation.
    pub admin: bool,
    /// `login_…`: what logout and reset end.
    pub login: String,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}

/// Claims of a grant, an app cookie or a ticket (audiences `workspace`, `app`, `ticket`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Issuer: the control origin.
    pub iss: String,
    /// What it is for.
    pub aud: Audience,
    /// `usr_…`
    pub sub: String,
    /// `ten_…`
    pub tenant: String,
    /// `login_…`
    pub login: String,
    /// `ws_…`
    pub workspace: String,
    /// What may be done.
    pub access: AccessLevel,
    /// The port, for `app` and `ticket`; absent there for the files origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Fencing: hosts refuse a grant older than the workspace's present generation.
    pub generation: u64,
    /// Unique; what makes a ticket one-time.
    pub jti: String,
    /// Issued at, seconds since the epoch.
    pub iat: i64,
    /// Expires at, seconds since the epoch.
    pub exp: i64,
}
