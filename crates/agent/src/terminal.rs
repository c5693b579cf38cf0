//! One terminal: a PTY with the user's shell, the model of its screen, and the clients that look at it.
//!
//! **Invariants**: output is read from the PTY only while a client can take it or nobody looks, so neither a flood nor a
//! client that does not listen costs memory; no client waits for another; after the shell has ended the last
//! screen stays until the terminal is deleted.
//! **Not here**: which terminals there are (`terminals`), the WebSocket (`attach`).

pub mod attach;
pub mod clients;
mod driver;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub mod model;
mod render;
mod ring;
mod scan;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use coditect_api::terminal::{FRAME_MAX_BYTES, ServerFrame, Terminal as Description, WINDOW_BYTES};
use coditect_model::ambient::{Clock as _, Timestamp};
use coditect_model::id::TerminalId;
use coditect_sandbox::pty;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, watch};

use self::clients::{Clients, QUEUE_BYTES};
use self::model::{Model, Size};
use self::ring::Ring;
use crate::agent::Agent;
use crate::ambient::SystemClock;
use crate::shell;

/// Most output read in one go before other work has its turn, in bytes.
const PUMP_BYTES: usize = 64 * 1024;
/// A terminal nobody has looked at yet gives its first client the raw bytes for this long: queries in them were never
/// answered, and the program may still wait.
const FRESH: Duration = Duration::from_secs(10);

/// A terminal.
pub struct Terminal {
    id: TerminalId,
    created_at: Timestamp,
    born: Instant,
    pid: u32,
    state: Mutex<State>,
    /// Wakes the driver: there is input, room, or something has changed.
    wake: Notify,
    /// Counts up when the list of terminals reads differently.
    changed: watch::Sender<u64>,
}

struct State {
    name: String,
    model: Model,
    ring: Ring,
    clients: Clients,
    /// The emulator's side of the PTY; gone when the terminal has ended.
    master: Option<Arc<AsyncFd<OwnedFd>>>,
    /// The PTY did not take all input.
    blocked: bool,
    /// An interrupting key was handed to the PTY; then it is looked after.
    interrupted: Option<(u8, tokio::time::Instant)>,
    /// Somebody has looked at it.
    seen: bool,
    exit_code: Option<i32>,
    /// The shell has ended and its output is complete.
    ended: bool,
    /// Why nobody may connect any more.
    closed: Option<Closing>,
}

/// What to say to a client next.
pub enum Step {
    /// Send these.
    Send(Vec<Frame>),
    /// Nothing to say until woken, or until then: input is to be acknowledged.
    Wait { acknowledge: bool },
    /// Say no more.
    Close(Closing),
}

/// One frame to a client.
pub enum Frame {
    /// JSON text.
    Text(ServerFrame),
    /// Output, or part of a rendering.
    Binary(Bytes),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The same client has connected again.
    Replaced,
    /// The terminal was deleted.
    Deleted,
    /// The workspace is stopping.
    Stopping,
}

/// A client's connection, as it begins.
pub struct Attached {
    /// Names the connection.
    pub key: u64,
    /// Wakes its sender.
    pub wake: Arc<Notify>,
    /// Wakes its receiver.
    pub room: Arc<Notify>,
    /// The first frames.
    pub frames: Vec<Frame>,
}

impl Terminal {
    /// Opens a PTY and starts the user's shell on it.
    ///
    /// # Errors
    /// No PTY or no process to be had.
    pub fn start(
        id: TerminalId,
        name: String,
        size: Size,
        cwd: &Path,
        agent: &Agent,
        changed: watch::Sender<u64>,
    ) -> io::Result<Arc<Self>> {
        let pty::Pty { master, slave } = pty::open(size.cols, size.rows)?;
        let mut command = shell::interactive(&agent.config, cwd);
        let pid = pty::spawn(&mut command, slave)?.id();
        let exit = agent.children.expect(pid);
        // The command still holds the program's side of the PTY: the master would never see its end.
        drop(command);
        #[expect(deprecated, reason = "unsound only for types that change their descriptor, which an OwnedFd does not")]
        let master = Arc::new(AsyncFd::new(master)?);
        let terminal = Arc::new(Self {
            id,
            created_at: SystemClock.now(),
            born: Instant::now(),
            pid,
            state: Mutex::new(State {
                name,
                model: Model::new(size),
                ring: Ring::default(),
                clients: Clients::default(),
                master: Some(Arc::clone(&master)),
                blocked: false,
                interrupted: None,
                seen: false,
                exit_code: None,
                ended: false,
                closed: None,
            }),
            wake: Notify::new(),
            changed,
        });
        tokio::spawn(driver::drive(Arc::clone(&terminal), master, exit));
        Ok(terminal)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list_changed(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Its id.
    pub fn id(&self) -> TerminalId {
        self.id
    }

    /// The shell's process id, which is also its session's.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the shell has ended.
    pub fn exited(&self) -> bool {
        self.lock().exit_code.is_some()
    }

    /// Whether anybody is connected.
    pub fn watched(&self) -> bool {
        !self.lock().clients.attached().is_empty()
    }

    /// How the API shows it.
    pub fn describe(&self) -> Description {
        self.describe_locked(&self.lock())
    }

    fn describe_locked(&self, state: &State) -> Description {
        let Size { cols, rows } = state.model.size();
        Description {
            id: self.id.to_string(),
            name: state.name.clone(),
            title: state.model.title().to_owned(),
            cols,
            rows,
            pid: self.pid,
            created_at: self.created_at.0,
            clients: u32::try_from(state.clients.attached().len()).unwrap_or(u32::MAX),
            exit_code: state.exit_code,
        }
    }

    /// Gives it a name.
    pub fn rename(&self, name: String) {
        self.lock().name = name;
        self.list_changed();
    }

    /// Disconnects everybody; the terminal is not to be used again.
    pub fn close(&self, why: Closing) {
        let mut state = self.lock();
        state.closed = Some(why);
        state.clients.detach_all();
        drop(state);
        self.wake.notify_one();
    }

    /// Connects a client that has the output up to `since`. `None` when there are too many connections or the terminal
    /// was deleted.
    pub fn attach(&self, client: &str, since: Option<u64>) -> Option<Attached> {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.closed.is_some() {
            return None;
        }
        let (start, end) = (state.ring.start(), state.ring.end());
        let fresh = !state.seen && self.born.elapsed() < FRESH && start == 0;
        // Having nothing is not a place in the stream: raw history would ask its queries again.
        let since = since.filter(|&since| since > 0 || end == 0).or(fresh.then_some(0));
        let continues = since.filter(|since| (start..=end).contains(since));
        let offset = continues.unwrap_or(end);
        let attachment = state.clients.attach(client, offset, state.model.size(), state.model.title())?;
        let (key, input_offset) = (attachment.key, attachment.input_told);
        let (wake, room) = (Arc::clone(&attachment.wake), Arc::clone(&attachment.room));
        state.seen = true;
        let terminal = self.describe_locked(state);
        let mut frames = vec![Frame::Text(ServerFrame::Hello { terminal, offset, input_offset })];
        if continues.is_none() {
            state.push_screen(&mut frames);
        }
        drop(guard);
        self.wake.notify_one();
        Some(Attached { key, wake, room, frames })
    }

    /// The connection is gone.
    pub fn detach(&self, key: u64) {
        self.lock().clients.detach(key);
        self.wake.notify_one();
    }

    /// What connection `key` is to be told next; `acknowledge` includes the acknowledgement of its input.
    pub fn step(&self, key: u64, acknowledge: bool) -> Step {
        let mut guard = self.lock();
        let state = &mut *guard;
        let title = state.model.title();
        let size = state.model.size();
        let taken = state.clients.input(key).map_or(0, |input| input.taken);
        let closed = state.closed;
        let Some(client) = state.clients.get(key) else {
            return Step::Close(closed.unwrap_or(Closing::Replaced));
        };
        let mut frames = Vec::new();
        if client.size_told != size {
            client.size_told = size;
            frames.push(Frame::Text(ServerFrame::Size { cols: size.cols, rows: size.rows }));
        }
        if client.title_told != title {
            title.clone_into(&mut client.title_told);
            frames.push(Frame::Text(ServerFrame::Title { title: title.to_owned() }));
        }
        let end = state.ring.end();
        let window = (client.acked + WINDOW_BYTES).saturating_sub(client.sent);
        let mut screen = false;
        if client.sent < end && window > 0 {
            let limit = FRAME_MAX_BYTES.min(usize::try_from(window).unwrap_or(usize::MAX));
            if let Some(bytes) = state.ring.read(client.sent, limit) {
                client.sent += bytes.len() as u64;
                frames.push(Frame::Binary(bytes));
            } else {
                client.sent = end;
                client.acked = end;
                screen = true;
            }
        }
        let unacknowledged = client.input_told < taken;
        if unacknowledged && acknowledge {
            client.input_told = taken;
            frames.push(Frame::Text(ServerFrame::InputAck { offset: taken }));
        }
        if let (true, Some(code), false) = (state.ended && client.sent == end, state.exit_code, client.exit_told) {
            client.exit_told = true;
            if unacknowledged && !acknowledge {
                client.input_told = taken;
                frames.push(Frame::Text(ServerFrame::InputAck { offset: taken }));
            }
            frames.push(Frame::Text(ServerFrame::Exit { code }));
        }
        if screen {
            // A rendering comes before the end, which was told as of the same offset.
            let mut rendering = Vec::new();
            state.push_screen(&mut rendering);
            frames.splice(0..0, rendering);
        }
        drop(guard);
        if frames.is_empty() {
            return Step::Wait { acknowledge: unacknowledged };
        }
        // There may be room to read on.
        self.wake.notify_one();
        Step::Send(frames)
    }

    /// Connection `key` has drawn everything up to `offset`.
    pub fn ack(&self, key: u64, offset: u64) {
        let mut state = self.lock();
        if let Some(client) = state.clients.get(key) {
            client.acked = client.acked.max(offset.min(client.sent));
            client.wake.notify_one();
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Connection `key` has typed. When it was replaced meanwhile, the input is not taken.
    pub fn input(&self, key: u64, bytes: Bytes) {
        let mut guard = self.lock();
        let Some(input) = guard.clients.input(key) else { return };
        input.push(bytes);
        guard.drain_input();
        if guard.blocked || guard.interrupted.is_some() {
            drop(guard);
            self.wake.notify_one();
        }
    }

    /// Whether connection `key` may type more now; `None` when it was replaced.
    pub fn has_room(&self, key: u64) -> Option<bool> {
        Some(self.lock().clients.input(key)?.queued() < QUEUE_BYTES)
    }

    /// Changes the size, for everybody.
    pub fn resize(&self, size: Size) {
        let mut state = self.lock();
        if state.model.size() == size {
            return;
        }
        state.model.resize(size);
        if let Some(master) = &state.master {
            // A PTY whose last program is just ending has no use for a size.
            let _ = pty::resize(master.get_ref(), size.cols, size.rows);
        }
        state.clients.wake_all();
        drop(state);
        self.list_changed();
    }
}

impl State {
    fn push_screen(&self, frames: &mut Vec<Frame>) {
        let rendering = self.model.render();
        frames.push(Frame::Text(ServerFrame::Screen {
            offset: self.ring.end(),
            bytes: rendering.bytes.len() as u64,
            cols: rendering.size.cols,
            rows: rendering.size.rows,
        }));
        let mut bytes = Bytes::from(rendering.bytes);
        while !bytes.is_empty() {
            frames.push(Frame::Binary(bytes.split_to(bytes.len().min(FRAME_MAX_BYTES))));
        }
    }
}
