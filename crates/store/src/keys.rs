//! Every key of the product, in one place: tenant first, so that a tenant is one contiguous range.
//!
//! | key | value |
//! | --- | --- |
//! | `tenant/{t}/profile` | the tenant |
//! | `tenant/{t}/users/{u}` | list of a tenant's users |
//! | `tenant/{t}/user/{u}/profile` | the user |
//! | `tenant/{t}/user/{u}/password` | hash of the user's password |
//! | `tenant/{t}/user/{u}/sessions/{s}` | a session |
//! | `tenant/{t}/user/{u}/session_of/{w}` | the user's session on a workspace |
//! | `tenant/{t}/user/{u}/layouts/{w}` | the user's layout of a workspace |
//! | `tenant/{t}/user/{u}/logins/{l}` | a login |
//! | `tenant/{t}/user/{u}/workspaces/{w}` | list of a user's workspaces |
//! | `tenant/{t}/workspaces/{w}` | a workspace and what is wanted of it |
//! | `tenant/{t}/workspace_status/{w}` | what is so |
//! | `tenant/{t}/invitations/{i}` | an invitation |
//! | `tenant/{t}/audit/links/{n}`, `tenant/{t}/audit/head` | the audit log of what people did, and its signed end |
//! | `tenant/{t}/file_audit/links/{n}`, `tenant/{t}/file_audit/head` | the same of what happened to files |
//! | `index/email/{e}` | tenant and user |
//! | `index/user/{u}` | tenant |
//! | `index/workspace/{w}` | tenant |
//! | `index/login/{l}` | tenant and user |
//! | `index/invitation/{hash}` | tenant and invitation |
//! | `signing_keys/{k}` | a token-signing key |
//! | `ended_logins/{l}` | a login that ended while tokens of it may live |
//! | `install/setup_token` | hash of the first administrator's token |
//! | `install/health_probe` | written by health checks |
//! | `install/administrators/{u}` | list of who administers the installation |
//! | `install/audit/links/{n}`, `install/audit/head` | the audit log of what belongs to no tenant |
//! | `install/audit_key` | what signs the ends of audit logs |
//! | `work/audit/{log}/{time}/{a}` | audit entries that have no place in their chain yet |
//! | `work/audited/{log}/{time}/{a}` | those that got theirs within the last hour |
//! | `install/tiers/{name}` | a tier that an administrator has set |
//! | `work/workspace/{w}` | workspaces whose spec and status may differ |
//! | `attempts/account/{e}`, `attempts/address/{a}` | failed log-ins |
//!
//! **Invariants**: keys are [`crate::tuple`]s; a key below `tenant/{t}` is only ever made from a [`TenantId`], so a
//! request cannot name another tenant's data. To add a key: a line in the table, a constructor here, and, if it is
//! listed, the constructor of its range.
//! **Not here**: what the values look like (crate `control`, `records`).

use coditect_model::ambient::Timestamp;
use coditect_model::audit::Log;
use coditect_model::id::{
    AuditId, Id, InvitationId, Kind, LoginId, SessionId, SigningKeyId, TenantId, UserId, WorkspaceId,
};
use coditect_model::name::Email;

use crate::range::{Key, KeyRange};
use crate::tuple::{Item, Value, pack, unpack};

const fn text(text: &str) -> Item<'_> {
    Item::Text(text)
}

const fn id<K: Kind>(id: Id<K>) -> Item<'static> {
    Item::Id(id.to_bytes())
}

fn key(items: &[Item<'_>]) -> Key {
    Key(pack(items))
}

/// All tuples that begin with `items` and are longer.
fn below(items: &[Item<'_>]) -> KeyRange {
    let mut begin = pack(items);
    let mut end = begin.clone();
    // No value's encoding begins with either byte.
    begin.push(0);
    end.push(0xff);
    KeyRange { begin, end }
}

/// The identifier at the end of a key: what a list's keys name. `None` if the key ends with something else.
#[must_use]
pub fn last_id<K: Kind>(key: &[u8]) -> Option<Id<K>> {
    match unpack(key).ok()?.last()? {
        Value::Id(bytes) => Some(Id::from_bytes(*bytes)),
        Value::Bytes(_) | Value::Text(_) | Value::Int(_) => None,
    }
}

// --- One tenant ---

/// Everything of one tenant, for its deletion.
#[must_use]
pub fn tenant(t: TenantId) -> KeyRange {
    below(&[text("tenant"), id(t)])
}

/// The tenant itself.
#[must_use]
pub fn tenant_profile(t: TenantId) -> Key {
    key(&[text("tenant"), id(t), text("profile")])
}

/// Says that a user belongs to the tenant.
#[must_use]
pub fn tenant_user(t: TenantId, u: UserId) -> Key {
    key(&[text("tenant"), id(t), text("users"), id(u)])
}

/// The tenant's users.
#[must_use]
pub fn tenant_users(t: TenantId) -> KeyRange {
    below(&[text("tenant"), id(t), text("users")])
}

/// A workspace.
#[must_use]
pub fn tenant_workspace(t: TenantId, w: WorkspaceId) -> Key {
    key(&[text("tenant"), id(t), text("workspaces"), id(w)])
}

/// The tenant's workspaces.
#[must_use]
pub fn tenant_workspaces(t: TenantId) -> KeyRange {
    below(&[text("tenant"), id(t), text("workspaces")])
}

/// What the reconciler last saw of a workspace. Not below the workspace: a list of workspaces does not read it.
#[must_use]
pub fn workspace_status(t: TenantId, w: WorkspaceId) -> Key {
    key(&[text("tenant"), id(t), text("workspace_status"), id(w)])
}

/// An invitation.
#[must_use]
pub fn tenant_invitation(t: TenantId, i: InvitationId) -> Key {
    key(&[text("tenant"), id(t), text("invitations"), id(i)])
}

/// The tenant's invitations.
#[must_use]
pub fn tenant_invitations(t: TenantId) -> KeyRange {
    below(&[text("tenant"), id(t), text("invitations")])
}

// --- One user ---

/// Everything below one user, for their deletion.
#[must_use]
pub fn user(t: TenantId, u: UserId) -> KeyRange {
    below(&[text("tenant"), id(t), text("user"), id(u)])
}

/// The user.
#[must_use]
pub fn user_profile(t: TenantId, u: UserId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("profile")])
}

/// The hash of the user's password.
#[must_use]
pub fn user_password(t: TenantId, u: UserId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("password")])
}

/// The user's session on a workspace.
#[must_use]
pub fn session_of(t: TenantId, u: UserId, w: WorkspaceId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("session_of"), id(w)])
}

/// The user's layout of a workspace, which outlives their session on it.
#[must_use]
pub fn layout(t: TenantId, u: UserId, w: WorkspaceId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("layouts"), id(w)])
}

/// A session.
#[must_use]
pub fn user_session(t: TenantId, u: UserId, s: SessionId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("sessions"), id(s)])
}

/// The user's sessions.
#[must_use]
pub fn user_sessions(t: TenantId, u: UserId) -> KeyRange {
    below(&[text("tenant"), id(t), text("user"), id(u), text("sessions")])
}

/// A login.
#[must_use]
pub fn user_login(t: TenantId, u: UserId, l: LoginId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("logins"), id(l)])
}

/// The user's logins.
#[must_use]
pub fn user_logins(t: TenantId, u: UserId) -> KeyRange {
    below(&[text("tenant"), id(t), text("user"), id(u), text("logins")])
}

/// Says that a user owns a workspace.
#[must_use]
pub fn user_workspace(t: TenantId, u: UserId, w: WorkspaceId) -> Key {
    key(&[text("tenant"), id(t), text("user"), id(u), text("workspaces"), id(w)])
}

/// The workspaces the user owns.
#[must_use]
pub fn user_workspaces(t: TenantId, u: UserId) -> KeyRange {
    below(&[text("tenant"), id(t), text("user"), id(u), text("workspaces")])
}

// --- Global indexes: from what a request carries to the tenant it belongs to ---

/// E-mail address to tenant and user. Its absence, read in a transaction, is what keeps addresses unique.
#[must_use]
pub fn email(email: &Email) -> Key {
    key(&[text("index"), text("email"), text(email.as_str())])
}

/// User to tenant.
#[must_use]
pub fn user_tenant(u: UserId) -> Key {
    key(&[text("index"), text("user"), id(u)])
}

/// Every user of the installation, for administrators.
#[must_use]
pub fn all_users() -> KeyRange {
    below(&[text("index"), text("user")])
}

/// Workspace to tenant.
#[must_use]
pub fn workspace_tenant(w: WorkspaceId) -> Key {
    key(&[text("index"), text("workspace"), id(w)])
}

/// Every workspace of the installation, for administrators and reconcilers.
#[must_use]
pub fn all_workspaces() -> KeyRange {
    below(&[text("index"), text("workspace")])
}

/// Login to tenant and user: how a refresh token finds its family.
#[must_use]
pub fn login_owner(l: LoginId) -> Key {
    key(&[text("index"), text("login"), id(l)])
}

/// Hash of an invitation's code to tenant and invitation.
#[must_use]
pub fn invitation_code(hash: &[u8; 32]) -> Key {
    key(&[text("index"), text("invitation"), Item::Bytes(hash)])
}

// --- The installation ---

/// A token-signing key.
#[must_use]
pub fn signing_key(k: SigningKeyId) -> Key {
    key(&[text("signing_keys"), id(k)])
}

/// All token-signing keys.
#[must_use]
pub fn signing_keys() -> KeyRange {
    below(&[text("signing_keys")])
}

/// Marks a login that ended while tokens of it may still verify.
#[must_use]
pub fn ended_login(l: LoginId) -> Key {
    key(&[text("ended_logins"), id(l)])
}

/// All such marks.
#[must_use]
pub fn ended_logins() -> KeyRange {
    below(&[text("ended_logins")])
}

/// Says that a user administers the installation.
#[must_use]
pub fn administrator(u: UserId) -> Key {
    key(&[text("install"), text("administrators"), id(u)])
}

/// Who administers the installation.
#[must_use]
pub fn administrators() -> KeyRange {
    below(&[text("install"), text("administrators")])
}

/// What health checks write and read.
#[must_use]
pub fn health_probe() -> Key {
    key(&[text("install"), text("health_probe")])
}

/// Hash of the one-time token that makes the first administrator.
#[must_use]
pub fn setup_token() -> Key {
    key(&[text("install"), text("setup_token")])
}

/// A tier that an administrator has set.
#[must_use]
pub fn tier(name: &str) -> Key {
    key(&[text("install"), text("tiers"), text(name)])
}

/// All tiers that administrators have set.
#[must_use]
pub fn tiers() -> KeyRange {
    below(&[text("install"), text("tiers")])
}

/// Says that a workspace's spec and status may differ: set with the spec, cleared once they agree.
#[must_use]
pub fn workspace_work(w: WorkspaceId) -> Key {
    key(&[text("work"), text("workspace"), id(w)])
}

/// The workspaces the reconciler has to look at.
#[must_use]
pub fn pending_workspaces() -> KeyRange {
    below(&[text("work"), text("workspace")])
}

// --- Audit logs ---

/// The bytes of the installation's own log where another names its tenant.
const NO_TENANT: [u8; 16] = [0; 16];

fn of_log(log: Log, part: &str, rest: &[Item<'_>]) -> Vec<u8> {
    let mut items = match log {
        Log::Actions(t) => vec![text("tenant"), id(t), text("audit")],
        Log::Files(t) => vec![text("tenant"), id(t), text("file_audit")],
        Log::Installation => vec![text("install"), text("audit")],
    };
    items.push(text(part));
    items.extend_from_slice(rest);
    pack(&items)
}

fn place(n: u64) -> Item<'static> {
    Item::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

/// An entry at its place in a log.
#[must_use]
pub fn audit_link(log: Log, n: u64) -> Key {
    Key(of_log(log, "links", &[place(n)]))
}

/// The entries from place `from` (included) to `to` (excluded).
#[must_use]
pub fn audit_links(log: Log, from: u64, to: u64) -> KeyRange {
    KeyRange::new(audit_link(log, from).into_bytes(), audit_link(log, to.max(from)).into_bytes())
}

/// The signed end of a log.
#[must_use]
pub fn audit_head(log: Log) -> Key {
    Key(of_log(log, "head", &[]))
}

/// What signs the ends of logs.
#[must_use]
pub fn audit_key() -> Key {
    key(&[text("install"), text("audit_key")])
}

fn queue(queue: &'static str, log: Log) -> [Item<'static>; 4] {
    let (kind, tenant) = match log {
        Log::Actions(t) => ("actions", t.to_bytes()),
        Log::Files(t) => ("files", t.to_bytes()),
        Log::Installation => ("installation", NO_TENANT),
    };
    [text("work"), text(queue), text(kind), Item::Id(tenant)]
}

fn queued(name: &'static str, log: Log, at: Timestamp, a: AuditId) -> Key {
    let [first, second, kind, tenant] = queue(name, log);
    key(&[first, second, kind, tenant, Item::Int(at.0), id(a)])
}

/// An entry that has no place in its log yet. Every entry has a key of its own, so that no two actions collide.
#[must_use]
pub fn audit_inbox(log: Log, at: Timestamp, a: AuditId) -> Key {
    queued("audit", log, at, a)
}

/// The entries of a log that have no place yet, oldest first.
#[must_use]
pub fn audit_inbox_of(log: Log) -> KeyRange {
    below(&queue("audit", log))
}

/// The entries of all logs that have no place yet, log by log.
#[must_use]
pub fn audit_inboxes() -> KeyRange {
    below(&[text("work"), text("audit")])
}

/// Which log, time and entry a key of an inbox names.
#[must_use]
pub fn audit_inbox_entry(key: &[u8]) -> Option<(Log, Timestamp, AuditId)> {
    let values = unpack(key).ok()?;
    let [_, _, Value::Text(kind), Value::Id(tenant), Value::Int(at), Value::Id(entry)] = values.as_slice() else {
        return None;
    };
    let tenant = TenantId::from_bytes(*tenant);
    let log = match kind.as_str() {
        "actions" => Log::Actions(tenant),
        "files" => Log::Files(tenant),
        "installation" => Log::Installation,
        _ => return None,
    };
    Some((log, Timestamp(*at), AuditId::from_bytes(*entry)))
}

/// Says that an entry got its place: an attempt to write it again, after a commit of unknown outcome, changes nothing.
#[must_use]
pub fn audited(log: Log, at: Timestamp, a: AuditId) -> Key {
    queued("audited", log, at, a)
}

/// Such marks of entries from before `until`.
#[must_use]
pub fn audited_before(log: Log, until: Timestamp) -> KeyRange {
    let [first, second, kind, tenant] = queue("audited", log);
    KeyRange::new(below(&[first, second, kind, tenant]).begin, pack(&[first, second, kind, tenant, Item::Int(until.0)]))
}

/// Failed log-ins of an account, whether or not it exists.
#[must_use]
pub fn account_attempts(email: &Email) -> Key {
    key(&[text("attempts"), text("account"), text(email.as_str())])
}

/// Failed log-ins from an address.
#[must_use]
pub fn address_attempts(address: std::net::IpAddr) -> Key {
    // One key per address, however it was written: an IPv4 address mapped into IPv6 is the IPv4 address.
    match address.to_canonical() {
        std::net::IpAddr::V4(v4) => key(&[text("attempts"), text("address"), Item::Bytes(&v4.octets())]),
        std::net::IpAddr::V6(v6) => key(&[text("attempts"), text("address"), Item::Bytes(&v6.octets())]),
    }
}

/// All counts of failed log-ins, for the task that forgets old ones.
#[must_use]
pub fn all_attempts() -> KeyRange {
    below(&[text("attempts")])
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: TenantId = TenantId::from_bytes([0xff; 16]);
    const U: UserId = UserId::from_bytes([0; 16]);
    const W: WorkspaceId = WorkspaceId::from_bytes([7; 16]);

    #[test]
    fn ranges_hold_their_keys_and_no_others() {
        let session = user_session(T, U, SessionId::from_bytes([1; 16]));
        let other_user = UserId::from_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(user_sessions(T, U).contains(&session));
        assert!(user(T, U).contains(&session) && user(T, U).contains(&user_profile(T, U)));
        assert!(!user(T, U).contains(&user_profile(T, other_user)));
        assert!(!user_sessions(T, U).contains(&user_login(T, U, LoginId::from_bytes([1; 16]))));
        assert!(!user_sessions(T, other_user).contains(&session));
        assert!(tenant_users(T).contains(&tenant_user(T, U)) && !tenant_users(T).contains(&user_profile(T, U)));
        for key in [tenant_profile(T), session, tenant_workspace(T, W), user_workspace(T, U, W)] {
            assert!(tenant(T).contains(&key));
            assert!(!tenant(TenantId::from_bytes([0xfe; 16])).contains(&key));
            assert!(!all_users().contains(&key) && !all_workspaces().contains(&key));
        }
        assert!(pending_workspaces().contains(&workspace_work(W)));
        assert!(all_workspaces().contains(&workspace_tenant(W)) && !all_workspaces().contains(&user_tenant(U)));
        assert!(all_attempts().contains(&address_attempts([1, 2, 3, 4].into())));
    }

    #[test]
    fn ids_are_read_back_from_listed_keys() {
        assert_eq!(last_id(&tenant_workspace(T, W)), Some(W));
        assert_eq!(last_id::<coditect_model::id::User>(&user_profile(T, U)), None);
        assert_eq!(last_id::<coditect_model::id::User>(b"\xfe\x00"), None);
    }

    #[test]
    fn audit_entries_lie_in_their_own_log_in_order() {
        let other = TenantId::from_bytes([0xfe; 16]);
        let a = AuditId::from_bytes([5; 16]);
        for log in [Log::Actions(T), Log::Files(T), Log::Installation] {
            let inbox = audit_inbox(log, Timestamp(7), a);
            assert_eq!(audit_inbox_entry(&inbox), Some((log, Timestamp(7), a)));
            assert!(audit_inbox_of(log).contains(&inbox) && audit_inboxes().contains(&inbox));
            assert!(!audit_inbox_of(Log::Actions(other)).contains(&inbox));
            assert!(!audit_inboxes().contains(&audited(log, Timestamp(7), a)));
            assert!(audited_before(log, Timestamp(8)).contains(&audited(log, Timestamp(7), a)));
            assert!(!audited_before(log, Timestamp(7)).contains(&audited(log, Timestamp(7), a)));
            assert!(audit_links(log, 3, 300).contains(&audit_link(log, 3)));
            assert!(audit_links(log, 3, 300).contains(&audit_link(log, 299)));
            assert!(!audit_links(log, 3, 300).contains(&audit_link(log, 300)));
            assert!(!audit_links(log, 0, u64::MAX).contains(&audit_head(log)));
        }
        assert!(tenant(T).contains(&audit_head(Log::Files(T))) && !tenant(T).contains(&audit_head(Log::Installation)));
        assert!(!audit_links(Log::Actions(T), 0, 9).contains(&audit_link(Log::Files(T), 3)));
    }

    #[test]
    fn one_address_has_one_counter() {
        let mapped: std::net::IpAddr = "::ffff:1.2.3.4".parse().unwrap();
        assert_eq!(address_attempts(mapped), address_attempts([1, 2, 3, 4].into()));
        assert_ne!(address_attempts("::1".parse().unwrap()), address_attempts([0, 0, 0, 1].into()));
    }
}
