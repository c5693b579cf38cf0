//! The workspace's terminals: which there are, and `/v1/terminals`.
//!
//! **Invariants**: at most `terminals_max` exist; asking twice to make a terminal of one id makes one; deleting ends every
//! process of the terminal's session, background jobs included.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use coditect_api::error::ErrorKind;
use coditect_api::terminal::{CreateTerminal, Terminal as Description, UpdateTerminal};
use coditect_model::id::TerminalId;
use coditect_sandbox::children::{session_processes, signal_session};
use http::StatusCode;
use rustix::process::Signal;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::agent::Agent;
use crate::ambient::{KernelEntropy, log};
use crate::error::{Error, Result};
use crate::shell;
use crate::socket;
use crate::terminal::model::{Size, clean};
use crate::terminal::{Closing, Terminal, attach};

/// What a deleted terminal's processes have to end themselves after SIGHUP.
const HANGUP_GRACE: Duration = Duration::from_secs(1);
/// What SIGKILL may take before the agent stops waiting for it.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// How often the remaining processes of a session are counted.
const RECOUNT: Duration = Duration::from_millis(10);
const COLS_DEFAULT: u16 = 80;
const ROWS_DEFAULT: u16 = 24;
/// Longest client id, in bytes: a UUID is 36.
const CLIENT_MAX_BYTES: usize = 64;

/// The terminals, oldest first.
pub struct Terminals {
    /// The limit, once the host has changed it; 0 before.
    changed_max: AtomicU32,
    list: Mutex<Vec<Arc<Terminal>>>,
    changed: watch::Sender<u64>,
}

impl Default for Terminals {
    fn default() -> Self {
        Self { changed_max: AtomicU32::new(0), list: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Terminals {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Terminal>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when the list reads differently.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Changes how many there may be. Those that exist stay.
    pub fn set_max(&self, max: u32) {
        self.changed_max.store(max.max(1), Ordering::Relaxed);
    }

    fn max(&self, agent: &Agent) -> usize {
        let changed = self.changed_max.load(Ordering::Relaxed);
        (if changed > 0 { changed } else { agent.config.terminals_max }) as usize
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Terminal>> {
        self.lock().clone()
    }

    /// How the API shows them.
    pub fn describe(&self) -> Vec<Description> {
        self.lock().iter().map(|terminal| terminal.describe()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn find(&self, id: &str) -> Result<Arc<Terminal>> {
        let id = id.parse::<TerminalId>().ok();
        let found = id.and_then(|id| self.lock().iter().find(|terminal| terminal.id() == id).cloned());
        found.ok_or_else(|| Error::not_found("There is no such terminal; it may have been closed elsewhere."))
    }

    fn remove(&self, id: TerminalId) {
        self.lock().retain(|terminal| terminal.id() != id);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Makes a terminal, or answers the one that the same request has made before.
    ///
    /// # Errors
    /// A bad value, too many terminals, or none to be had from the kernel.
    pub fn create(&self, agent: &Agent, request: CreateTerminal) -> Result<(Arc<Terminal>, bool)> {
        let id = match &request.id {
            Some(text) => text.parse().map_err(|error| Error::invalid_value("id", format!("{error}.")))?,
            None => TerminalId::random(&KernelEntropy),
        };
        if let Some(made) = self.lock().iter().find(|terminal| terminal.id() == id) {
            return Ok((Arc::clone(made), false));
        }
        let side = |asked: u16, default: u16| if asked == 0 { default } else { asked };
        let size = Size::new(side(request.cols, COLS_DEFAULT), side(request.rows, ROWS_DEFAULT))
            .ok_or_else(|| Error::invalid_value("cols", "A terminal has 1 to 1000 columns and rows."))?;
        let cwd = shell::cwd(&agent.config, request.cwd.as_deref())?;
        self.make_room(self.max(agent))?;
        let terminal =
            Terminal::start(id, clean(&request.name), size, &cwd, agent, self.changed.clone()).map_err(|error| {
                Error::new(
                    ErrorKind::Unavailable,
                    format!("The terminal could not be started: {error}. Close something and try again."),
                )
            })?;
        self.lock().push(Arc::clone(&terminal));
        self.changed.send_modify(|count| *count += 1);
        Ok((terminal, true))
    }

    /// Forgets ended terminals that nobody looks at when there is no room left.
    fn make_room(&self, max: usize) -> Result<()> {
        let mut list = self.lock();
        while list.len() >= max {
            let ended = list.iter().position(|terminal| terminal.exited() && !terminal.watched());
            let Some(index) = ended else {
                let message = format!(
                    "There are {max} terminals already, which is the limit of this workspace's tier. Close one first."
                );
                return Err(Error::new(ErrorKind::LimitExceeded, message)
                    .with("limit", "terminals")
                    .with("value", max));
            };
            list.remove(index).close(Closing::Deleted);
        }
        Ok(())
    }

    /// Ends every terminal's session at once with SIGHUP.
    pub fn hang_up(&self) {
        for terminal in self.all() {
            hang_up(&terminal);
            terminal.close(Closing::Stopping);
        }
    }
}

fn hang_up(terminal: &Terminal) {
    if session_is_gone(terminal) {
        return;
    }
    // A stopped job hears SIGHUP only when it continues.
    for signal in [Signal::HUP, Signal::CONT] {
        if let Err(error) = signal_session(terminal.pid(), signal) {
            log(&format!("cannot hang up terminal {}: {error}", terminal.id()));
        }
    }
}

/// The kernel reuses a session's id only when nobody is in it any more. So once the shell was reaped, a process of the
/// same id is a stranger, and the session is empty.
fn session_is_gone(terminal: &Terminal) -> bool {
    terminal.exited() && std::path::Path::new("/proc").join(terminal.pid().to_string()).exists()
}

/// Ends all processes of a terminal that is in the list no more.
async fn end(terminal: Arc<Terminal>) {
    hang_up(&terminal);
    terminal.close(Closing::Deleted);
    let begun = Instant::now();
    while begun.elapsed() < HANGUP_GRACE + KILL_GRACE {
        if session_is_gone(&terminal) || session_processes(terminal.pid()).is_ok_and(|left| left.is_empty()) {
            return;
        }
        if begun.elapsed() >= HANGUP_GRACE
            && let Err(error) = signal_session(terminal.pid(), Signal::KILL)
        {
            log(&format!("cannot end terminal {}: {error}", terminal.id()));
        }
        sleep(RECOUNT).await;
    }
    log(&format!("terminal {} has processes that do not end", terminal.id()));
}

/// `/v1/terminals*`.
pub fn router() -> Router<Arc<Agent>> {
    Router::new()
        .route("/v1/terminals", get(list).post(create))
        .route("/v1/terminals/{id}", get(show).patch(update).delete(delete))
        .route("/v1/terminals/{id}/attach", get(connect))
}

async fn list(State(agent): State<Arc<Agent>>) -> Json<Vec<Description>> {
    Json(agent.terminals.describe())
}

async fn create(
    State(agent): State<Arc<Agent>>,
    Json(request): Json<CreateTerminal>,
) -> Result<(StatusCode, Json<Description>)> {
    agent.refuse_when_stopping()?;
    let (terminal, new) = agent.terminals.create(&agent, request)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(terminal.describe())))
}

async fn show(State(agent): State<Arc<Agent>>, Path(id): Path<String>) -> Result<Json<Description>> {
    Ok(Json(agent.terminals.find(&id)?.describe()))
}

async fn update(
    State(agent): State<Arc<Agent>>,
    Path(id): Path<String>,
    Json(request): Json<UpdateTerminal>,
) -> Result<Json<Description>> {
    let terminal = agent.terminals.find(&id)?;
    terminal.rename(clean(&request.name));
    Ok(Json(terminal.describe()))
}

async fn delete(State(agent): State<Arc<Agent>>, Path(id): Path<String>) -> Result<StatusCode> {
    let terminal = agent.terminals.find(&id)?;
    agent.terminals.remove(terminal.id());
    // A client that hangs up meanwhile must not save the processes.
    let ended = tokio::spawn(end(terminal)).await;
    ended.map_err(|error| Error::internal(format!("The terminal could not be ended: {error}.")))?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach {
    client: String,
    since: Option<u64>,
}

async fn connect(
    State(agent): State<Arc<Agent>>,
    Path(id): Path<String>,
    Query(attach): Query<Attach>,
    upgrade: WebSocketUpgrade,
) -> Result<Response> {
    let terminal = agent.terminals.find(&id)?;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if attach.client.is_empty() || attach.client.len() > CLIENT_MAX_BYTES || !attach.client.bytes().all(valid) {
        let message = "`client` must be a UUID that the client keeps for this terminal.";
        return Err(Error::invalid_value("client", message));
    }
    let Attach { client, since } = attach;
    Ok(socket::bounded(upgrade).on_upgrade(move |socket| attach::serve(terminal, socket, client, since)))
}
