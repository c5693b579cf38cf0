//! The control plane: accounts, tenants, logins, sessions and workspaces, as an HTTP API under `/api/v5`.
//!
//! `http/<resource>` reads a request and writes an answer, `app/<resource>` decides inside a store transaction,
//! `records/<resource>` says what is stored, and `tasks/` make wishes true.
//!
//! **Invariants**: every key of a request is built from the caller's own tenant, never from what the request says; a
//! password, token or code is stored as a hash only; a request writes what is wanted and never does slow work inline.
//! **Not here**: relaying to workspaces (crate `router`), running them (crate `host`), key layouts (crate `store`).

mod app;
mod board;
mod caller;
mod config;
mod control;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hosts;
mod http;
mod keyring;
mod password;
mod rate;
mod records;
mod revoked;
mod secret;
mod tasks;

pub use app::grant::{GrantError, RouteInfo};
pub use app::wake::WakeError;
pub use config::{AuditLimits, ConfigError, ControlConfig, PasswordCost, RateLimits, Registration};
pub use control::{Control, OpenError, TaskFuture};
pub use hosts::{HostError, HostSandbox, HostStart, HostUsage, Hosts};
pub use http::openapi;
