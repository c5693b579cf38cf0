//! What the host has to tell the workspace's user: kept for whoever connects, told at once to whoever is connected.
//!
//! **Invariants**: a bounded number is kept, the latest; only the host can add one (the router forwards nothing below
//! `/host`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use coditect_api::agent::{AgentLimits, Notice, NoticeKind};
use coditect_model::ambient::Clock as _;
use http::StatusCode;
use tokio::sync::watch;

use crate::agent::Agent;
use crate::ambient::SystemClock;

/// Notices kept for those who connect later.
const NOTICES_MAX: usize = 16;

/// The latest notices.
pub struct Notices {
    latest: Mutex<VecDeque<Notice>>,
    /// How many there have been.
    told: watch::Sender<u64>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { latest: Mutex::default(), told: watch::Sender::new(0) }
    }
}

impl Notices {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Notice>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one.
    pub fn add(&self, kind: NoticeKind) {
        let mut latest = self.lock();
        let id = *self.told.borrow() + 1;
        if latest.len() == NOTICES_MAX {
            latest.pop_front();
        }
        latest.push_back(Notice { id, at: SystemClock.now().0, kind });
        self.told.send_replace(id);
    }

    /// Those that are kept, oldest first.
    pub fn latest(&self) -> Vec<Notice> {
        self.lock().iter().cloned().collect()
    }

    /// Tells when there is another.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }
}

/// The host's own routes: `/host/notices` and `/host/limits`.
pub fn router() -> Router<Arc<Agent>> {
    Router::new().route("/host/notices", post(notice)).route("/host/limits", post(limits))
}

async fn notice(State(agent): State<Arc<Agent>>, Json(kind): Json<NoticeKind>) -> StatusCode {
    agent.notices.add(kind);
    StatusCode::NO_CONTENT
}

async fn limits(State(agent): State<Arc<Agent>>, Json(limits): Json<AgentLimits>) -> StatusCode {
    agent.terminals.set_max(limits.terminals_max);
    StatusCode::NO_CONTENT
}
