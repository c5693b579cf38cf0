//! The agent: pid 1 inside a workspace's sandbox, running as the user.
//!
//! **Invariants**: it holds no secret; everything it does is done with the user's own rights inside the user's own
//! namespaces, so paths need no checking; nothing blocks the one runtime thread, on which the terminals live; every
//! buffer has a named limit.
//! **Not here**: how a sandbox is made (`sandbox`), who may talk to this agent (`host` and `router`; the socket is
//! reachable by the host only).

pub mod error;
pub mod files;
pub mod search;
pub mod watch;
