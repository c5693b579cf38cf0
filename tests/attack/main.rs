//! What hostile tenants and hostile clients try, against the real thing.
//!
//! `classes`: one test per class of vulnerabilities that software of this kind has had, through the front door of the real
//! server. `tenant`: programs inside a sandbox against the machine, the host and their neighbours, and hostile agents against the
//! host. These tests make sandboxes, so they need root, and the agent (`cargo xtask agent target/test/coditect-agent`).

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod classes;
mod tenant;
