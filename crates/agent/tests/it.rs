//! The real agent binary on real inherited sockets, with real shells.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected ends there")]

#[path = "it/agent.rs"]
mod agent;
#[path = "it/attach.rs"]
mod attach;
#[path = "it/events.rs"]
mod events;
#[path = "it/exec.rs"]
mod exec;
#[path = "it/input.rs"]
mod input;
#[path = "it/life.rs"]
mod life;
#[path = "it/output.rs"]
mod output;
#[path = "it/ports.rs"]
mod ports;
#[path = "it/sandboxed.rs"]
mod sandboxed;
#[path = "it/terminals.rs"]
mod terminals;
