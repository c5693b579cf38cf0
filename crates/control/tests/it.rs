//! The control plane through its own router: real store (in memory, and with faults), real tokens, a clock the tests
//! set, and hosts that keep track of what they are told.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail like the test itself")]

#[path = "it/audit.rs"]
mod audit;
#[path = "it/auth.rs"]
mod auth;
#[path = "it/browser.rs"]
mod browser;
#[path = "it/documents.rs"]
mod documents;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/grants.rs"]
mod grants;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/hosts.rs"]
mod hosts;
#[path = "it/invitations.rs"]
mod invitations;
#[path = "it/lockout.rs"]
mod lockout;
#[path = "it/matrix.rs"]
mod matrix;
#[path = "it/sessions.rs"]
mod sessions;
#[path = "it/tiers.rs"]
mod tiers;
#[path = "it/users.rs"]
mod users;
#[path = "it/workspaces.rs"]
mod workspaces;
#[path = "it/world.rs"]
mod world;
