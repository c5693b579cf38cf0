//! The audit log's entries: who did what, when, to what; and the bytes that are hashed for each.
//!
//! **Invariants**: texts from outside are bounded and without control characters before they are stored; the canonical
//! bytes of two different entries differ, because every part carries its length.
//! **Not here**: linking entries into a chain and checking it (`chain`), where entries are kept (crate `control`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ambient::Timestamp;
use crate::id::{AuditId, LoginId, TenantId, UserId, WorkspaceId};

pub mod chain;
pub mod files;

/// Longest text of an entry, in characters.
pub const TEXT_MAX_CHARS: usize = 512;
/// Most details of one entry.
pub const DETAILS_MAX: usize = 16;
/// Most names listed in one entry.
pub const NAMES_MAX: usize = 8;

/// One of the logs of an installation. Each is a chain of its own, with a retention of its own: what programs do to
/// files, and there can be much of it, never pushes out who logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    /// What people did in a tenant.
    Actions(TenantId),
    /// What happened to files in a tenant's workspaces.
    Files(TenantId),
    /// What belongs to no tenant: attempts to log in to accounts that do not exist.
    Installation,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Actions(tenant) => write!(f, "actions/{tenant}"),
            Self::Files(tenant) => write!(f, "files/{tenant}"),
            Self::Installation => f.write_str("installation"),
        }
    }
}

/// A text that should name something of the audit log and does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not {0} this program knows; was it written by a newer version?")]
pub struct UnknownWord(&'static str);

impl FromStr for Log {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let unknown = UnknownWord("a log");
        match text.split_once('/') {
            None if text == "installation" => Ok(Self::Installation),
            Some(("actions", tenant)) => tenant.parse().map(Self::Actions).map_err(|_| unknown),
            Some(("files", tenant)) => tenant.parse().map(Self::Files).map_err(|_| unknown),
            _ => Err(unknown),
        }
    }
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user.
    User(UserId),
    /// Whoever holds the operator's token.
    Operator,
    /// Somebody who has not proved who they are.
    Anonymous,
    /// A program inside a workspace.
    Workspace,
    /// The platform itself.
    Platform,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Workspace => f.write_str("workspace"),
            Self::Platform => f.write_str("platform"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "operator" => Ok(Self::Operator),
            "anonymous" => Ok(Self::Anonymous),
            "workspace" => Ok(Self::Workspace),
            "platform" => Ok(Self::Platform),
            user => user.parse().map(Self::User).map_err(|_| UnknownWord("an actor")),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// Every action, for filters.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word: `login.success`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        impl FromStr for Action {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$name),)*
                    _ => Err(UnknownWord("an action")),
                }
            }
        }
    };
}

actions! {
    /// An account was made by its owner.
    AccountRegistered = "account.registered",
    /// An account was made by somebody else.
    AccountCreated = "account.created",
    /// Name, tier, standing or access of an account changed.
    AccountUpdated = "account.updated",
    /// A user changed their own password.
    PasswordChanged = "account.password_changed",
    /// A change was asked for with a wrong present password.
    PasswordRefused = "account.password_refused",
    /// An administrator set a password.
    PasswordReset = "account.password_reset",
    /// A user became administrator by the set-up link.
    AdministrationClaimed = "account.administration_claimed",
    /// A login was made.
    LoginSuccess = "login.success",
    /// A login was refused.
    LoginFailed = "login.failed",
    /// Too many failures in a row: the account takes no attempts for a while.
    LoginLocked = "login.locked",
    /// A login was ended by its user.
    LoginEnded = "login.ended",
    /// A spent refresh token was presented: its login was ended.
    RefreshReused = "login.refresh_reused",
    /// An invitation was made.
    InvitationCreated = "invitation.created",
    /// An invitation was taken back.
    InvitationWithdrawn = "invitation.withdrawn",
    /// A workspace was made.
    WorkspaceCreated = "workspace.created",
    /// A workspace was renamed.
    WorkspaceRenamed = "workspace.renamed",
    /// A workspace was told to start.
    WorkspaceStarted = "workspace.start",
    /// A workspace was told to stop.
    WorkspaceStopped = "workspace.stop",
    /// A workspace was told to go.
    WorkspaceDeleted = "workspace.delete",
    /// A workspace ended without being told to.
    WorkspaceEnded = "workspace.ended",
    /// A workspace could not be started.
    WorkspaceFailed = "workspace.failed",
    /// A workspace and its volume are gone.
    WorkspaceRemoved = "workspace.removed",
    /// A session was opened.
    SessionOpened = "session.opened",
    /// A session was closed.
    SessionClosed = "session.closed",
    /// A session was closed because its user took over from another device or tier limits asked for it.
    SessionTakenOver = "session.taken_over",
    /// The right to talk to a workspace was handed out.
    GrantIssued = "grant.issued",
    /// The right to talk to a workspace was asked for and refused.
    GrantRefused = "grant.refused",
    /// A browser was signed in on an origin of a workspace.
    TicketIssued = "grant.ticket",
    /// A tier's limits changed.
    TierChanged = "tier.changed",
    /// Files came into being.
    FileCreated = "file.created",
    /// Files were written.
    FileModified = "file.modified",
    /// Files were renamed or moved.
    FileRenamed = "file.renamed",
    /// Files were removed.
    FileDeleted = "file.deleted",
    /// Modes, owners, times or extended attributes changed.
    FileAttributes = "file.attributes",
    /// Watching a workspace's files began, and how much of them is seen.
    FilesWatched = "files.watched",
    /// File operations happened that are not in this log.
    FilesLost = "files.lost",
    /// The oldest entries were removed, as the retention says.
    LogCut = "audit.cut",
    /// The log was exported.
    LogExported = "audit.exported",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(Log, Actor, Action);

/// What happened, before it has a place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its own; writing it again is writing it once.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Who.
    pub actor: Actor,
    /// The login it was done with; its `login.success` says from where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginId>,
    /// The client's address, where there was no login yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The workspace it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<WorkspaceId>,
    /// What else it was done to: a user, an invitation, a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The rest, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// Some of the names it was done to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl Entry {
    /// An entry with nothing but what every entry has.
    #[must_use]
    pub fn new(id: AuditId, at: Timestamp, action: Action, actor: Actor) -> Self {
        Self {
            id,
            at,
            action,
            actor,
            login: None,
            address: None,
            workspace: None,
            subject: None,
            details: BTreeMap::new(),
            names: Vec::new(),
        }
    }

    /// With the workspace it was done to.
    #[must_use]
    pub fn on(mut self, workspace: WorkspaceId) -> Self {
        self.workspace = Some(workspace);
        self
    }

    /// With what else it was done to.
    #[must_use]
    pub fn to(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(clean(&subject.to_string()));
        self
    }

    /// With one more detail. Beyond [`DETAILS_MAX`] there are none.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        if self.details.len() < DETAILS_MAX {
            self.details.insert(name.to_owned(), clean(&value.to_string()));
        }
        self
    }

    /// Appends what is hashed of it.
    fn canonical(&self, out: &mut Canonical) {
        out.fixed(&self.id.to_bytes());
        out.fixed(&self.at.0.to_be_bytes());
        out.text(self.action.as_str());
        out.text(&self.actor.to_string());
        out.maybe(self.login.map(|login| login.to_string()).as_deref());
        out.maybe(self.address.as_deref());
        out.maybe(self.workspace.map(|workspace| workspace.to_string()).as_deref());
        out.maybe(self.subject.as_deref());
        out.count(self.details.len());
        for (name, value) in &self.details {
            out.text(name);
            out.text(value);
        }
        out.count(self.names.len());
        for name in &self.names {
            out.text(name);
        }
    }
}

/// Bytes to be hashed or signed: what has no fixed length carries its length.
struct Canonical(Vec<u8>);

impl Canonical {
    fn new(purpose: &str) -> Self {
        let mut new = Self(Vec::with_capacity(512));
        new.text(purpose);
        new
    }
    fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn count(&mut self, count: usize) {
        self.fixed(&u64::try_from(count).expect("no address space is larger").to_be_bytes());
    }
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.fixed(text.as_bytes());
    }
    fn maybe(&mut self, text: Option<&str>) {
        self.fixed(&[u8::from(text.is_some())]);
        self.text(text.unwrap_or_default());
    }
}

/// A text from outside as the log may hold it: bounded, and without what could move a reader's cursor or turn the line
/// around.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut kept: String =
        text.chars().take(TEXT_MAX_CHARS).map(|c| if unsafe_to_show(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(TEXT_MAX_CHARS).is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Control characters, and those that change the direction of text or are not seen at all (Unicode TR 36).
fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A file's name as the log may hold it. Names are bytes: what is not text is written `\xNN`, and a backslash twice, so
/// that two different names never look the same.
#[must_use]
pub fn clean_name(name: &[u8]) -> String {
    let mut out = String::new();
    let mut length = 0;
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if length >= TEXT_MAX_CHARS {
                break;
            }
            match c {
                '\\' => out.push_str("\\\\"),
                c if unsafe_to_show(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
            length += 1;
        }
        for byte in chunk.invalid() {
            if length < TEXT_MAX_CHARS {
                out.push_str(&format!("\\x{byte:02x}"));
            }
            length += 1;
        }
        if length >= TEXT_MAX_CHARS {
            out.push('…');
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse::<Action>(), Ok(*action));
        }
        let tenant = TenantId::from_bytes([7; 16]);
        for log in [Log::Actions(tenant), Log::Files(tenant), Log::Installation] {
            assert_eq!(log.to_string().parse::<Log>(), Ok(log));
        }
        for actor in [Actor::User(UserId::from_bytes([1; 16])), Actor::Operator, Actor::Workspace, Actor::Platform] {
            assert_eq!(actor.to_string().parse::<Actor>(), Ok(actor));
        }
        assert!("actions/ten_1".parse::<Log>().is_err() && "root".parse::<Actor>().is_err());
    }

    #[test]
    fn texts_from_outside_are_bounded_and_harmless() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(clean(&"x".repeat(10_000)).chars().count(), TEXT_MAX_CHARS);
        assert_eq!(clean_name(b"caf\xc3\xa9 \xff\\\n"), "café \\xff\\\\\\u{a}");
        assert!(clean_name(&[0xff; 5000]).len() < 5 * TEXT_MAX_CHARS);
        assert_ne!(clean_name(b"\xff"), clean_name(b"\\xff"));
    }
}
