//! The single entry point of an installation: one listener for the web app, the control API, the agents of all
//! workspaces and everything that workspaces serve themselves.
//!
//! **Invariants**
//! - What a request may reach is decided by its one `Host` header, before anything else of it is believed.
//! - A workspace's bytes never appear on the control origin with a type, a cookie or a script's power: agent answers
//!   pass an allow-list of headers and a sandboxing policy; everything else lives on origins of the workspace.
//! - No cookie opens the agent API; no WebSocket opens without an exact `Origin` or an `Authorization` header.
//! - Credentials of the platform never reach a workspace, neither do headers a client made up about itself.
//! - Every upstream connection carries exactly one request: nobody's answer can be taken for somebody else's.
//!
//! **Not here**: accounts, grants and routes (behind [`Authority`]), the way into a sandbox (behind [`Hosts`]).

mod agent;
mod answer;
mod app;
mod app_login;
mod assets;
mod authority;
mod body;
mod config;
mod connection;
mod cookies;
mod destination;
mod dispatch;
mod early;
mod fetch;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod logins;
mod pages;
mod relay;
mod serve;
mod spent;
mod tunnel;

pub use assets::{Asset, Assets};
pub use authority::{Authority, BoxedIo, GrantError, Hosts, Io, Route, RouteError};
pub use config::{ConfigError, Limits, RouterConfig};
pub use serve::{Drained, RouterParts, serve};
