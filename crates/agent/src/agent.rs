//! What all of the agent's handlers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use coditect_api::agent::AgentStatus;
use coditect_api::error::ErrorKind;
use coditect_sandbox::agent_config::AgentConfig;
use tokio::sync::Notify;

use crate::children::Children;
use crate::error::{Error, Result};
use crate::exec::Running;
use crate::notices::Notices;
use crate::ports::Ports;
use crate::terminals::Terminals;
use crate::watch::Watcher;

/// The agent.
pub struct Agent {
    /// What it was told when it started.
    pub config: AgentConfig,
    /// Its child processes.
    pub children: Children,
    /// Its terminals.
    pub terminals: Terminals,
    /// Commands that run without a terminal.
    pub running: Running,
    /// Watches directories.
    pub watcher: Watcher,
    /// Watches listening ports.
    pub ports: Arc<Ports>,
    /// What the host has to tell the user.
    pub notices: Notices,
    started: Instant,
    stopping: AtomicBool,
    stop: Notify,
}

impl Agent {
    /// An agent without terminals.
    #[must_use]
    pub fn new(config: AgentConfig) -> Self {
        Self {
            config,
            children: Children::default(),
            terminals: Terminals::default(),
            running: Running::default(),
            watcher: Watcher::new(),
            ports: Arc::new(Ports::default()),
            notices: Notices::default(),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        }
    }

    /// `GET /v1/status`.
    pub fn status(&self) -> AgentStatus {
        AgentStatus {
            workspace_id: self.config.workspace_id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            terminals: u32::try_from(self.terminals.len()).unwrap_or(u32::MAX),
            home: self.config.home.clone(),
            user: self.config.user.clone(),
        }
    }

    /// Asks for the end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop.notify_one();
    }

    /// Waits until the end is asked for.
    pub async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// # Errors
    /// The agent is ending: nothing new is started.
    pub fn refuse_when_stopping(&self) -> Result<()> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, "The workspace is stopping. Try again when it runs."));
        }
        Ok(())
    }
}
