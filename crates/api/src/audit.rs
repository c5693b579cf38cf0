//! The audit log, as its readers see it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its place in the log, from 1 on.
    pub seq: u64,
    /// When it happened, milliseconds since the epoch.
    pub at: i64,
    /// What: `login.success`, `workspace.start`, `file.deleted`.
    pub action: String,
    /// Who: `usr_…`, `operator`, `anonymous`, `workspace` (a program inside it), `platform`.
    pub actor: String,
    /// The login it was done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The client's address, where there was no login yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// `ws_…`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// What else it was done to: a user, an invitation, a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The rest, by name.
    pub details: BTreeMap<String, String>,
    /// Some of the names it was done to.
    pub names: Vec<String>,
    /// Its SHA-256, which covers the entry before it.
    pub hash: String,
}

/// Where a log begins and ends, signed by the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditHead {
    /// `actions/ten_…`, `files/ten_…` or `installation`.
    pub log: String,
    /// Number of the first entry that is kept.
    pub first_seq: u64,
    /// Number of the last entry.
    pub last_seq: u64,
    /// Its hash: note it down elsewhere to find out later whether the log was rewritten.
    pub last_hash: String,
    /// When the last entry took its place, milliseconds since the epoch.
    pub at: i64,
    /// Ed25519, hexadecimal.
    pub signature: String,
}

/// A page of the log, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPage {
    /// What fits the filters. May be short or empty although there is a next page: a page looks at a bounded number of
    /// entries.
    pub items: Vec<AuditEntry>,
    /// Pass it as `before` for older entries; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Absent while the log is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<AuditHead>,
    /// The installation's audit key, Ed25519, hexadecimal: what heads are signed with.
    pub public_key: String,
}

/// What a verification of the whole log came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditVerification {
    /// Nothing is wrong.
    pub intact: bool,
    /// When, milliseconds since the epoch.
    pub at: i64,
    /// Entries looked at.
    pub checked: u64,
    /// Number of the last of them.
    pub last_seq: u64,
    /// What is wrong, in words; at most 20.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: u64,
}
