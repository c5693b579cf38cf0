//! The sixteen classes of vulnerabilities that software of this kind has had, one test each, against the real server
//! with real workspaces: what is refused, that the right way still works, and that the neighbour notices nothing.
//!
//! **Not here**: what a tenant tries from inside against the kernel (`tenant`).

mod browser;
pub(crate) mod front;
mod input;
mod inside;
pub(crate) mod installation;
mod names;
pub(crate) mod person;
mod rights;
mod tokens;
