//! What the control plane is told at start. Read from files and environment by crate `server`.

use coditect_model::tier::TierTable;

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everybody; without an invitation into a tenant of their own.
    Open,
    /// Only with an invitation, or with the one-time token of the first start.
    InvitationOnly,
}

/// What one Argon2id hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Hashes computed at the same time; the rest waits.
    pub concurrency: usize,
}

impl Default for PasswordCost {
    /// The second of OWASP's equivalent settings (Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, concurrency: 2 }
    }
}

/// Requests of one address that are answered before 429; each refills at its own pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Password entries in a row.
    pub login_burst: u32,
    /// Milliseconds until one more password entry is allowed.
    pub login_every_ms: i64,
    /// Registrations in a row.
    pub register_burst: u32,
    /// Milliseconds until one more registration is allowed.
    pub register_every_ms: i64,
    /// Refreshes, ticket requests and other cheap unauthenticated calls in a row.
    pub other_burst: u32,
    /// Milliseconds until one more of them is allowed.
    pub other_every_ms: i64,
    /// Wrong passwords for one account before it is locked for [`RateLimits::lockout_first_s`].
    pub lockout_after: u32,
    /// First lock-out in seconds; doubles with each further failure.
    pub lockout_first_s: i64,
    /// Longest lock-out in seconds.
    pub lockout_max_s: i64,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            login_burst: 30,
            login_every_ms: 2_000,
            register_burst: 30,
            register_every_ms: 10_000,
            other_burst: 240,
            other_every_ms: 250,
            lockout_after: 5,
            lockout_first_s: 30,
            lockout_max_s: 3_600,
        }
    }
}

/// How much of each audit log is kept; whichever is reached first removes the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLimits {
    /// Entries about what people did, in each tenant.
    pub actions_max: u64,
    /// Their age in seconds.
    pub actions_age_s: i64,
    /// Entries about files, in each tenant.
    pub files_max: u64,
    /// Their age in seconds.
    pub files_age_s: i64,
}

impl Default for AuditLimits {
    /// About 100 MB of each at most; a year and a month of what people did, three months of what happened to files.
    fn default() -> Self {
        Self { actions_max: 200_000, actions_age_s: 400 * 24 * 3600, files_max: 200_000, files_age_s: 90 * 24 * 3600 }
    }
}

/// The control plane's configuration.
#[derive(Clone, Debug)]
pub struct ControlConfig {
    /// The one origin browsers use: `http://coditect.localhost:8080`. No path, no trailing slash.
    pub public_url: String,
    /// Further origins that lead here and may write with cookies (`http://localhost:8080`).
    pub alias_origins: Vec<String>,
    /// `http` or `https`: the scheme of workspace origins.
    pub workspace_scheme: String,
    /// Host and port under which workspace origins lie: `coditect.localhost:8080`.
    pub workspace_domain: String,
    /// The licence tiers.
    pub tiers: TierTable,
    /// Who may register.
    pub registration: Registration,
    /// `__Host-` cookies with Secure: right for https and for `*.localhost`, which browsers trust.
    pub secure_cookies: bool,
    /// Life of an access token in seconds.
    pub access_ttl_s: i64,
    /// Life of an unused refresh token in seconds.
    pub refresh_ttl_s: i64,
    /// Life of a login in seconds, however often it is refreshed.
    pub login_max_ttl_s: i64,
    /// Life of a workspace grant in seconds.
    pub grant_ttl_s: i64,
    /// Life of an application cookie in seconds; the router renews it while it is used.
    pub app_ttl_s: i64,
    /// Life of a one-time ticket in seconds.
    pub ticket_ttl_s: i64,
    /// Life of an invitation in seconds.
    pub invitation_ttl_s: i64,
    /// Age in seconds at which the signing key is replaced.
    pub signing_key_max_age_s: i64,
    /// A session unused for longer than this many seconds does not count against the tier's concurrent sessions.
    pub session_active_s: i64,
    /// Longest a request or the router waits for a workspace to start, in milliseconds.
    pub wake_timeout_ms: u64,
    /// What a password hash costs.
    pub password_cost: PasswordCost,
    /// Limits on requests.
    pub rate_limits: RateLimits,
    /// How much of the audit logs is kept.
    pub audit: AuditLimits,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Bearer credential of the command line on the same machine (`cdop_…`): administers the installation.
    pub operator_token: Option<String>,
}

/// Why a configuration cannot be used, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the control plane's configuration cannot be used: {}", problems.join("; "))]
pub struct ConfigError {
    /// Every problem found.
    pub problems: Vec<String>,
}

impl ControlConfig {
    /// The settings of one machine, served at `public_url` with workspaces below `workspace_domain`.
    #[must_use]
    pub fn new(public_url: &str, workspace_domain: &str) -> Self {
        let scheme = if public_url.starts_with("https://") { "https" } else { "http" };
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            alias_origins: Vec::new(),
            workspace_scheme: scheme.to_owned(),
            workspace_domain: workspace_domain.to_owned(),
            tiers: TierTable::default(),
            registration: Registration::Open,
            secure_cookies: true,
            access_ttl_s: 600,
            refresh_ttl_s: 24 * 3600,
            login_max_ttl_s: 30 * 24 * 3600,
            grant_ttl_s: 300,
            app_ttl_s: 1800,
            ticket_ttl_s: 30,
            invitation_ttl_s: 7 * 24 * 3600,
            signing_key_max_age_s: 30 * 24 * 3600,
            session_active_s: 15 * 60,
            wake_timeout_ms: 30_000,
            password_cost: PasswordCost::default(),
            rate_limits: RateLimits::default(),
            audit: AuditLimits::default(),
            trusted_proxies: Vec::new(),
            operator_token: None,
        }
    }

    /// Life of the longest-lived token that is verified offline, in seconds.
    pub(crate) fn token_ttl_max_s(&self) -> i64 {
        self.access_ttl_s.max(self.grant_ttl_s).max(self.app_ttl_s).max(self.ticket_ttl_s)
    }

    /// Everything that makes this configuration unusable.
    ///
    /// # Errors
    /// All problems at once.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut problems = self.tiers.problems();
        for origin in std::iter::once(&self.public_url).chain(&self.alias_origins) {
            let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            let ok = rest
                .is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) && host.is_ascii());
            if !ok {
                problems.push(format!("`{origin}` is not an origin: write it as http://host:port without a path"));
            }
        }
        if self.workspace_domain.is_empty() || self.workspace_domain.contains(['/', '?', '#', '@', ' ']) {
            problems.push("workspace_domain must be a host name with an optional port".to_owned());
        }
        for (name, value) in [
            ("access_ttl_s", self.access_ttl_s),
            ("refresh_ttl_s", self.refresh_ttl_s),
            ("login_max_ttl_s", self.login_max_ttl_s),
            ("grant_ttl_s", self.grant_ttl_s),
            ("app_ttl_s", self.app_ttl_s),
            ("ticket_ttl_s", self.ticket_ttl_s),
            ("invitation_ttl_s", self.invitation_ttl_s),
            ("signing_key_max_age_s", self.signing_key_max_age_s),
        ] {
            if value < 1 {
                problems.push(format!("{name} must be 1 or more"));
            }
        }
        if self.password_cost.concurrency == 0 {
            problems.push("password_cost.concurrency must be 1 or more".to_owned());
        }
        if self.operator_token.as_deref().is_some_and(|token| !token.starts_with("cdop_") || token.len() < 32) {
            problems.push("operator_token must start with `cdop_` and have 32 characters or more".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }
}
