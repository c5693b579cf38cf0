//! The agent: pid 1 inside a workspace's sandbox, running as the user.
//!
//! **Invariants**: it holds no secret; everything it does is done with the user's own rights inside the user's own
//! namespaces, so paths need no checking; nothing blocks the one runtime thread, on which the terminals live; every
//! buffer has a named limit.
//! **Not here**: how a sandbox is made (`sandbox`), who may talk to this agent (`host` and `router`; the socket is
//! reachable by the host only).

pub mod agent;
pub mod ambient;
pub mod children;
pub mod connect;
pub mod error;
pub mod events;
pub mod exec;
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod notices;
pub mod ports;
pub mod routes;
pub mod search;
pub mod serve;
pub mod shell;
pub mod socket;
pub mod terminal;
pub mod terminals;
pub mod watch;
