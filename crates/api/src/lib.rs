//! The wire contract between browser, programs, control, router and agent.
//!
//! **Invariants**: types only; every type that a client sends refuses unknown fields where a typing error would
//! otherwise be silently ignored; nothing here does I/O. Feature `openapi` adds the schemas.
//! **Not here**: how a request is answered (`control`, `agent`), how a grant is signed (`control`) or checked (`router`).

pub mod agent;
pub mod audit;
pub mod auth;
pub mod error;
pub mod files;
pub mod grant;
pub mod health;
pub mod invitation;
pub mod page;
pub mod search;
pub mod session;
pub mod terminal;
pub mod tier;
pub mod user;
pub mod workspace;
