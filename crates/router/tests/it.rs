//! The router over real sockets: a real listener, real upstreams (a Unix-socket agent, TCP apps, raw ones that
//! misbehave), and a table of tokens in place of the control plane.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail like the test itself")]

#[path = "it/agent.rs"]
mod agent;
#[path = "it/app.rs"]
mod app;
#[path = "it/control.rs"]
mod control;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/hostile.rs"]
mod hostile;
#[path = "it/login.rs"]
mod login;
#[path = "it/shutdown.rs"]
mod shutdown;
#[path = "it/streaming.rs"]
mod streaming;
#[path = "it/upstreams.rs"]
mod upstreams;
#[path = "it/websocket.rs"]
mod websocket;
