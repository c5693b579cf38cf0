//! Linux sandboxes: namespaces, mounts, control groups, seccomp and Landlock around one workspace, and the launcher
//! that makes them.
//!
//! How it fits together: `serve` calls [`probe::probe`] and [`control::prepare`] once, keeps one
//! [`launcher::Launcher`], and asks it for sandboxes described by a [`spec::SandboxSpec`]. Each answer is a
//! [`record::SandboxRecord`], which also lies in the sandbox's run directory *before* the sandbox may run: whoever comes
//! later finds every living sandbox there and governs it with [`control`]. A sandbox may be made ahead, without an
//! identity, and be given one later ([`launcher::Launcher::bind`], [`unbound`]). The agent, pid 1 inside, takes its sockets
//! and terminals through [`pty`], [`fds`] and [`children`].
//!
//! **Invariants**: all `unsafe` of the project is in [`sys`]; no sandbox runs that has no record; a sandbox never gets a
//! capability, a set-user-id program or a path of the host outside its allow-list.
//! **Not here**: what the agent serves (crate `agent`), which workspaces run (crate `host`).

pub mod agent_config;
mod block_device;
pub mod cgroup;
pub mod children;
pub mod control;
pub mod escape;
pub mod fds;
pub mod file_events;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod launcher;
pub mod network;
pub mod probe;
pub mod pty;
pub mod record;
pub mod settings;
pub mod spec;
pub mod storage;
pub mod unbound;
pub mod volume;

mod sys;
