//! The router's settings: the names it answers to and its limits.

use std::time::Duration;

use crate::destination::canonical_authority;

/// Everything that is bounded, with its unit in the type or the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections open at once; one more is answered 503 and closed.
    pub max_connections: usize,
    /// The same for one client address.
    pub max_connections_per_address: usize,
    /// From the first moment of a connection, or the end of the last answer, to the end of the next request's head.
    pub header_timeout: Duration,
    /// Request head, in bytes (at least 8192).
    pub max_header_bytes: usize,
    /// Header lines of one request or answer.
    pub max_headers: usize,
    /// Answer head of a workspace, in bytes (at least 8192).
    pub max_answer_header_bytes: usize,
    /// The whole body of a request to the control API.
    pub control_body_timeout: Duration,
    /// Making a connection to an agent or a port.
    pub connect_timeout: Duration,
    /// From the last byte of a request's body that was passed on to the head of an agent's answer.
    pub agent_answer_timeout: Duration,
    /// The same for a port of a workspace. Long polls are ordinary there.
    pub app_answer_timeout: Duration,
    /// A navigation to a stopped workspace waits this long for it to start.
    pub wake_timeout: Duration,
    /// A client that takes none of the bytes waiting for it is cut after this long.
    pub write_stall_timeout: Duration,
    /// How often the login behind an open connection is asked about.
    pub recheck_interval: Duration,
    /// How long answers under way may still take after the shutdown began.
    pub drain_timeout: Duration,
    /// Tickets remembered as spent; more in their short life are refused.
    pub max_spent_tickets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 8192,
            max_connections_per_address: 2048,
            header_timeout: Duration::from_secs(20),
            max_header_bytes: 64 * 1024,
            max_headers: 128,
            max_answer_header_bytes: 64 * 1024,
            control_body_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            agent_answer_timeout: Duration::from_secs(30),
            app_answer_timeout: Duration::from_secs(300),
            wake_timeout: Duration::from_secs(20),
            write_stall_timeout: Duration::from_secs(120),
            recheck_interval: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
            max_spent_tickets: 100_000,
        }
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not an origin.
    #[error("public address `{0}` must look like http://name:8080 or https://name, without a path")]
    PublicOrigin(String),
    /// Not a host with an optional port.
    #[error("`{0}` must be a host name with an optional port, such as localhost:8080")]
    Authority(String),
}

/// The names the router answers to, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    scheme: &'static str,
    authority: String,
    aliases: Vec<String>,
    workspace_domain: String,
    secure_cookies: bool,
    /// Limits.
    pub limits: Limits,
}

impl RouterConfig {
    /// `public_origin`: scheme, host and port of the control origin. `aliases`: other authorities that lead there.
    /// `workspace_domain`: what follows `{port}--{label}.`, port included.
    ///
    /// # Errors
    /// Names the setting that is not of that form.
    pub fn new(
        public_origin: &str,
        aliases: &[String],
        workspace_domain: &str,
        secure_cookies: bool,
    ) -> Result<Self, ConfigError> {
        let bad_origin = || ConfigError::PublicOrigin(public_origin.to_owned());
        let (scheme, rest) = public_origin.split_once("://").ok_or_else(bad_origin)?;
        let scheme = match scheme {
            "http" => "http",
            "https" => "https",
            _ => return Err(bad_origin()),
        };
        let authority = canonical_authority(scheme, rest).ok_or_else(bad_origin)?;
        let canonical =
            |text: &str| canonical_authority(scheme, text).ok_or_else(|| ConfigError::Authority(text.to_owned()));
        Ok(Self {
            scheme,
            authority,
            aliases: aliases.iter().map(|alias| canonical(alias)).collect::<Result<_, _>>()?,
            workspace_domain: canonical(workspace_domain)?,
            secure_cookies,
            limits: Limits::default(),
        })
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host and port of the control origin.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The control origin.
    #[must_use]
    pub fn public_origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Other authorities of the control origin.
    #[must_use]
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// What follows `{port}--{label}.`.
    #[must_use]
    pub fn workspace_domain(&self) -> &str {
        &self.workspace_domain
    }

    /// Whether cookies carry `Secure` and the `__Host-` prefix.
    #[must_use]
    pub fn secure_cookies(&self) -> bool {
        self.secure_cookies
    }
}
