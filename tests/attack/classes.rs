//! The sixteen classes of vulnerabilities that software of this kind has had, one test each, against the real server
//! with real workspaces: what is refused, that the right way still works, and that the neighbour notices nothing.
//!
//! **Not here**: what a tenant tries from inside against the kernel (`tenant`).

mod browser;
mod front;
mod input;
mod inside;
mod installation;
mod names;
mod person;
mod rights;
mod tokens;
