//! Grants: the short-lived rights to talk to one workspace, as tokens that the router verifies offline.

use coditect_api::grant::{AccessLevel, Audience, Grant};
use coditect_api::session::Access;
use coditect_model::ambient::Timestamp;
use coditect_model::audit::Action;
use coditect_model::id::{HostId, LoginId, TicketId, UserId, WorkspaceId};
use coditect_model::workspace::{Generation, State};

use super::authority::{Authority, Right, own_workspace};
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;
use crate::keyring::TokenError;
use crate::records::workspace::Workspace;
use crate::records::{login, user, workspace};

/// Subject of grants that the operator asked for: nobody's user id.
const OPERATOR: &str = "operator";
/// How long a positive answer about a login is believed without asking the store again. A login that ends in this
/// process is known at once.
const LIVE_FOR_MS: i64 = 30_000;
/// Positive answers kept.
const LIVE_MAX: usize = 50_000;

/// Why a token gives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Not ours, altered, or for another audience.
    #[error("the token is not valid")]
    Invalid,
    /// It was good once.
    #[error("the token has expired")]
    Expired,
    /// The login it came from has ended, or the access it stands for was taken away.
    #[error("the login behind the token has ended")]
    Ended,
    /// The store cannot be asked now; trying again is right.
    #[error("logins cannot be checked at the moment")]
    Unavailable,
}

/// Where a workspace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// The host that runs it, when it runs.
    pub host: Option<HostId>,
    /// What grants for it carry: those of another generation are refused.
    pub generation: Generation,
    /// What is so.
    pub state: State,
    /// Why it failed or ended, when it did.
    pub reason: Option<String>,
}

/// Whom a grant is for.
struct Subject {
    sub: String,
    tenant: String,
    login: LoginId,
}

impl Control {
    /// Checks signature, issuer, audience, time, and that its login has not ended here. Offline.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub fn verify_grant(&self, token: &str, audience: Audience) -> Result<Grant, GrantError> {
        let grant: Grant = self.keyring.verify(token, audience, self.clock.now()).map_err(|error| match error {
            TokenError::Invalid => GrantError::Invalid,
            TokenError::Expired => GrantError::Expired,
        })?;
        let login: LoginId = grant.login.parse().map_err(|_| GrantError::Invalid)?;
        if self.revoked.contains(login) { Err(GrantError::Ended) } else { Ok(grant) }
    }

    /// A fresh application token for the user, workspace and port of a ticket or an older application token.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub async fn renew_app_grant(&self, grant: &Grant) -> Result<String, GrantError> {
        let workspace = self.check_held(grant).await?;
        let now = self.clock.now();
        let renewed = Grant {
            aud: Audience::App,
            generation: workspace.grant_generation().0,
            jti: TicketId::random(&*self.entropy).to_string(),
            iat: now.as_secs(),
            exp: now.as_secs().saturating_add(self.config.app_ttl_s),
            ..grant.clone()
        };
        self.keyring.sign(&renewed).map_err(|_| GrantError::Unavailable)
    }

    /// Whether login and access behind a grant still hold, whatever its own expiry says. From memory, mostly.
    pub async fn login_is_live(&self, grant: &Grant) -> bool {
        let Ok(login) = grant.login.parse::<LoginId>() else { return false };
        let Ok(workspace) = grant.workspace.parse::<WorkspaceId>() else { return false };
        if self.revoked.contains(login) {
            return false;
        }
        let now = self.clock.now();
        if self.live.recently(login, workspace, now) {
            return true;
        }
        match self.check_held(grant).await {
            Ok(_) => {
                self.live.remember(login, workspace, now);
                true
            }
            // A store that stumbles does not cut everybody's connections: their logins were good a moment ago.
            Err(GrantError::Unavailable) => true,
            Err(GrantError::Invalid | GrantError::Expired | GrantError::Ended) => false,
        }
    }

    /// The logins that end from now on. A receiver that lags asks again about everything it holds.
    #[must_use]
    pub fn login_ended(&self) -> tokio::sync::broadcast::Receiver<LoginId> {
        self.revoked.subscribe()
    }

    /// Login alive, user enabled, workspace there and still theirs.
    async fn check_held(&self, grant: &Grant) -> Result<Workspace, GrantError> {
        let login: LoginId = grant.login.parse().map_err(|_| GrantError::Invalid)?;
        let id: WorkspaceId = grant.workspace.parse().map_err(|_| GrantError::Invalid)?;
        if self.revoked.contains(login) {
            return Err(GrantError::Ended);
        }
        let operator = grant.sub == OPERATOR;
        if operator && login != self.operator_login {
            return Err(GrantError::Ended);
        }
        let user_id = grant.sub.parse::<UserId>().ok();
        let now = self.clock.now();
        let found = self
            .store
            .transact("check grant", |txn| async move {
                if operator {
                    return workspace::get_anywhere(&txn, id).await;
                }
                let Some(place) = login::place(&txn, login).await? else { return Ok(None) };
                let alive = login::get(&txn, place, login).await?.is_some_and(|record| record.expires_at > now);
                if !alive || Some(place.user) != user_id {
                    return Ok(None);
                }
                match user::get(&txn, place.tenant, place.user).await? {
                    Some(owner) if !owner.disabled => {
                        let found = workspace::get(&txn, place.tenant, id).await?;
                        Ok::<_, AppError>(found.filter(|found| found.record.owner == owner.id))
                    }
                    _ => Ok(None),
                }
            })
            .await
            .map_err(|_| GrantError::Unavailable)?;
        let mut found = found.ok_or(GrantError::Ended)?;
        self.board.overlay(&mut found);
        Ok(found)
    }

    /// Where a workspace of the user's own is, with a fresh grant for it.
    pub(crate) fn access(&self, me: Me, workspace: &Workspace) -> Result<Access, AppError> {
        self.access_for(Subject { sub: me.user.to_string(), tenant: me.tenant.to_string(), login: me.login }, workspace)
    }

    fn access_for(&self, subject: Subject, workspace: &Workspace) -> Result<Access, AppError> {
        let label = workspace.record.id.label();
        let grant = self.grant(subject, workspace, Audience::Workspace, None, self.config.grant_ttl_s);
        let config = &self.config;
        Ok(Access {
            path: format!("/w/{label}"),
            url: format!("{}/w/{label}", config.public_url),
            port_origin: format!("{}://{{port}}--{label}.{}", config.workspace_scheme, config.workspace_domain),
            host_id: (workspace.state() == State::Running).then(|| self.hosts.host_id().to_string()),
            grant_expires_at: grant.exp.saturating_mul(1000),
            grant: self.keyring.sign(&grant).map_err(AppError::internal)?,
        })
    }

    /// A grant for the contents of a workspace, outside of any session: its owner's, or the operator's on the machine.
    pub(crate) async fn grant_workspace(&self, caller: &Caller, id: WorkspaceId) -> Result<Access, AppError> {
        let stamp = self.stamp(caller);
        let (mut workspace, right) = self
            .store
            .transact("grant workspace", |txn| async move {
                let authority = Authority::read(&txn, caller).await?;
                let (workspace, right) = authority.workspace(&txn, id).await?;
                let action = match right {
                    Right::Owner | Right::Operator => Action::GrantIssued,
                    Right::Tenant | Right::Administrator => Action::GrantRefused,
                };
                stamp.write(&txn, workspace.record.tenant, &stamp.entry(action).on(id).with("for", "contents"));
                Ok::<_, AppError>((workspace, right))
            })
            .await?;
        self.board.overlay(&mut workspace);
        tracing::info!(workspace = %id, by = caller.name(), allowed = matches!(right, Right::Owner | Right::Operator), "grant asked for");
        match right {
            Right::Owner => self.access(caller.user()?, &workspace),
            Right::Operator => {
                let tenant = workspace.record.tenant.to_string();
                self.access_for(Subject { sub: OPERATOR.to_owned(), tenant, login: self.operator_login }, &workspace)
            }
            Right::Tenant | Right::Administrator => {
                Err(AppError::forbidden("the contents of a workspace are its owner's alone"))
            }
        }
    }

    /// The address that signs a browser in on an origin of the caller's workspace, once.
    pub(crate) async fn ticket(
        &self,
        me: Me,
        id: WorkspaceId,
        port: Option<u16>,
        path: &str,
    ) -> Result<String, AppError> {
        check_path(path)?;
        if port == Some(0) {
            return Err(AppError::value("port", "a port lies between 1 and 65535"));
        }
        let stamp = self.stamp_me(me);
        let mut workspace = self
            .store
            .transact("ticket", |txn| async move {
                let owner = Authority::me(&txn, me).await?;
                let found = own_workspace(&txn, &owner, id).await?;
                let place = port.map_or_else(|| "files".to_owned(), |port| port.to_string());
                stamp.write(&txn, me.tenant, &stamp.entry(Action::TicketIssued).on(id).with("port", place));
                Ok::<_, AppError>(found)
            })
            .await?;
        self.board.overlay(&mut workspace);
        let subject = Subject { sub: me.user.to_string(), tenant: me.tenant.to_string(), login: me.login };
        let grant = self.grant(subject, &workspace, Audience::Ticket, port, self.config.ticket_ttl_s);
        let ticket = self.keyring.sign(&grant).map_err(AppError::internal)?;
        let place = port.map_or_else(|| "files".to_owned(), |port| port.to_string());
        let config = &self.config;
        Ok(format!(
            "{}://{place}--{}.{}/.coditect/enter?ticket={ticket}&path={}",
            config.workspace_scheme,
            workspace.record.id.label(),
            config.workspace_domain,
            percent_encode(path),
        ))
    }

    fn grant(&self, subject: Subject, workspace: &Workspace, aud: Audience, port: Option<u16>, ttl_s: i64) -> Grant {
        let now_s = self.clock.now().as_secs();
        Grant {
            iss: self.keyring.issuer().to_owned(),
            aud,
            sub: subject.sub,
            tenant: subject.tenant,
            login: subject.login.to_string(),
            workspace: workspace.record.id.to_string(),
            access: AccessLevel::Write,
            port,
            generation: workspace.grant_generation().0,
            jti: TicketId::random(&*self.entropy).to_string(),
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
        }
    }
}

/// Longest path a ticket leads to, in bytes.
const PATH_MAX_BYTES: usize = 8 * 1024;

/// Refuses a path that a browser could take for another origin: it must begin with exactly one slash.
pub(crate) fn check_path(path: &str) -> Result<(), AppError> {
    let ok = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= PATH_MAX_BYTES
        && !path.chars().any(|c| c == '\\' || c.is_control());
    if ok {
        Ok(())
    } else {
        Err(AppError::request("`path` must begin with exactly one `/`, without `\\` or control characters"))
    }
}

/// Everything but unreserved characters (RFC 3986 section 2.3) and `/` as `%XX`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Logins that were good a moment ago, by workspace.
#[derive(Default)]
pub(crate) struct Live {
    checked: std::sync::Mutex<std::collections::HashMap<(LoginId, WorkspaceId), Timestamp>>,
}

impl Live {
    fn recently(&self, login: LoginId, workspace: WorkspaceId, now: Timestamp) -> bool {
        let checked = self.checked.lock().expect("no code panics while it holds this lock");
        checked.get(&(login, workspace)).is_some_and(|at| now.since_ms(*at) < LIVE_FOR_MS)
    }

    fn remember(&self, login: LoginId, workspace: WorkspaceId, now: Timestamp) {
        let mut checked = self.checked.lock().expect("no code panics while it holds this lock");
        if checked.len() >= LIVE_MAX {
            checked.retain(|_, at| now.since_ms(*at) < LIVE_FOR_MS);
        }
        if checked.len() < LIVE_MAX {
            checked.insert((login, workspace), now);
        }
    }

    /// The workspace is gone or going: what was believed of it is not any more.
    pub(crate) fn forget(&self, workspace: WorkspaceId) {
        let mut checked = self.checked.lock().expect("no code panics while it holds this lock");
        checked.retain(|(_, of), _| *of != workspace);
    }
}
