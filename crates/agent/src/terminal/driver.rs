//! The task that moves bytes between a PTY and its terminal.
//!
//! Input that the PTY does not take waits. A key that means "interrupt" must not wait behind it: while the terminal is
//! stuck, such a key does what the terminal would do if it could read that far.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use coditect_api::terminal::WINDOW_BYTES;
use coditect_sandbox::{children, pty};
use rustix::io::Errno;
use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, QueueSelector, SpecialCodeIndex};
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{PUMP_BYTES, State, Terminal, ring};
use crate::ambient::log;

/// Output of a shell that has ended is waited for this long; then the terminal has ended whatever still holds the PTY.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// Input in the kernel's buffer of 4,095 bytes (`N_TTY_BUF_SIZE`) from which on the program counts as not reading. Behind
/// it lie hundreds of kilobytes more that nobody looks at, so the PTY itself reports "full" far too late.
const UNREAD_BYTES: u64 = 4000;

/// How long the kernel may take to see an interrupting key before the agent looks whether it is stuck.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// How reading from the PTY went.
enum Pumped {
    /// It has no more for now.
    Drained,
    /// There may be more.
    More,
    /// Nothing will ever come again.
    End,
}

/// Serves one terminal until its shell has ended and its output is complete, or it was deleted and its shell has ended.
pub(super) async fn drive(terminal: Arc<Terminal>, master: Arc<AsyncFd<OwnedFd>>, mut exit: oneshot::Receiver<i32>) {
    let mut deadline = None;
    let mut complete = false;
    loop {
        let (read, write, look_after) = {
            let state = terminal.lock();
            if deadline.is_some() && (complete || state.closed.is_some()) {
                break;
            }
            (!complete && state.may_read(), state.blocked, state.interrupted.map(|(_, at)| at))
        };
        tokio::select! {
            code = &mut exit, if deadline.is_none() => {
                terminal.lock().exit_code = Some(code.unwrap_or(-1));
                deadline = Some(Instant::now() + DRAIN_DEADLINE);
            }
            ready = master.readable(), if read => {
                let Ok(mut ready) = ready else { complete = true; continue };
                match terminal.pump(master.get_ref()) {
                    Pumped::Drained => ready.clear_ready(),
                    Pumped::More => {}
                    Pumped::End => complete = true,
                }
                drop(ready);
                tokio::task::yield_now().await;
            }
            ready = master.writable(), if write => {
                if let Ok(mut ready) = ready {
                    // Still full: readiness is asked for anew. Otherwise all input was taken.
                    if terminal.lock().drain_input() {
                        ready.clear_ready();
                    }
                }
            }
            () = terminal.wake.notified() => {}
            () = until(deadline) => complete = true,
            () = until(look_after) => terminal.lock().look_after_interrupt(),
        }
    }
    let mut state = terminal.lock();
    state.ended = true;
    state.blocked = false;
    state.master = None;
    state.clients.drop_input();
    state.clients.wake_all();
    drop(state);
    terminal.list_changed();
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

impl Terminal {
    fn pump(&self, master: &OwnedFd) -> Pumped {
        let mut buffer = [0; 8192];
        let mut total = 0;
        let mut state = self.lock();
        let pumped = loop {
            match rustix::io::read(master, &mut buffer) {
                Ok(0) => break Pumped::End,
                Ok(count) => {
                    total += count;
                    state.model.write(&buffer[..count]);
                    state.ring.push(&buffer[..count]);
                    if total >= PUMP_BYTES {
                        break Pumped::More;
                    }
                }
                Err(Errno::AGAIN) => break Pumped::Drained,
                Err(Errno::INTR) => {}
                // The last program has closed its side.
                Err(_) => break Pumped::End,
            }
        };
        if total > 0 {
            state.clients.wake_all();
        }
        pumped
    }
}

impl State {
    /// Whether output may be read from the PTY: nobody looks, or somebody can take it without losing his place.
    fn may_read(&self) -> bool {
        let end = self.ring.end();
        let room = (ring::CAPACITY - PUMP_BYTES) as u64;
        let attached = self.clients.attached();
        self.exit_code.is_some()
            || attached.is_empty()
            || attached.iter().any(|client| end - client.acked < WINDOW_BYTES && end - client.sent <= room)
    }

    /// Hands waiting input to the PTY. Answers whether some is left because the PTY is full.
    pub(super) fn drain_input(&mut self) -> bool {
        let Some(master) = self.master.clone() else {
            self.clients.drop_input();
            return false;
        };
        let mut stuck = false;
        while let Some((index, bytes)) = self.clients.next_input() {
            if bytes.iter().any(u8::is_ascii_control) && unread(master.get_ref()) && self.interrupt(master.get_ref()) {
                continue;
            }
            let written = rustix::io::write(master.get_ref(), &bytes);
            match written {
                Ok(count) => {
                    self.clients.take_input(index, count);
                    self.note_interrupt(master.get_ref(), &bytes[..count]);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    if stuck || !self.interrupt(master.get_ref()) {
                        self.blocked = true;
                        return true;
                    }
                    stuck = true;
                }
                Err(_) => {
                    self.clients.drop_input();
                    break;
                }
            }
        }
        self.blocked = false;
        false
    }

    /// Looks for an interrupting key in the input that the full terminal does not take, and acts on it: what was typed
    /// before is dropped, as the terminal itself would, and the foreground processes are signalled.
    fn interrupt(&mut self, master: &OwnedFd) -> bool {
        let Some(keys) = Keys::of(master) else { return false };
        let Some(byte) = self.clients.skip_to(|byte| keys.signal(byte).is_some()) else { return false };
        keys.act(master, byte);
        true
    }

    /// The kernel may have put an interrupting key behind much that the program does not read, where nobody sees it.
    fn note_interrupt(&mut self, master: &OwnedFd, taken: &[u8]) {
        if !taken.iter().any(u8::is_ascii_control) {
            return;
        }
        let key = Keys::of(master).and_then(|keys| taken.iter().copied().find(|&byte| keys.signal(byte).is_some()));
        if let Some(key) = key {
            self.interrupted = Some((key, Instant::now() + LOOK_AFTER));
        }
    }

    /// Had the kernel seen the key, it would have dropped what was not read.
    pub(super) fn look_after_interrupt(&mut self) {
        let Some((key, _)) = self.interrupted.take() else { return };
        let Some(master) = self.master.clone() else { return };
        if unread(master.get_ref())
            && let Some(keys) = Keys::of(master.get_ref())
        {
            keys.act(master.get_ref(), key);
            self.drain_input();
        }
    }
}

/// The keys that interrupt, while the terminal has them switched on.
struct Keys {
    keys: [(u8, Signal); 3],
    flushes: bool,
}

impl Keys {
    fn of(master: &OwnedFd) -> Option<Self> {
        let modes = rustix::termios::tcgetattr(master).ok()?;
        let keys = [
            (modes.special_codes[SpecialCodeIndex::VINTR], Signal::INT),
            (modes.special_codes[SpecialCodeIndex::VQUIT], Signal::QUIT),
            (modes.special_codes[SpecialCodeIndex::VSUSP], Signal::TSTP),
        ];
        let on = modes.local_modes.contains(LocalModes::ISIG);
        on.then_some(Self { keys, flushes: !modes.local_modes.contains(LocalModes::NOFLSH) })
    }

    /// What this key sends. A key set to 0 is switched off.
    fn signal(&self, byte: u8) -> Option<Signal> {
        self.keys.iter().find(|key| byte != 0 && key.0 == byte).map(|key| key.1)
    }

    /// Does what the terminal would do if it saw the key.
    fn act(&self, master: &OwnedFd, byte: u8) {
        if self.flushes {
            flush(master);
        }
        if let (Some(group), Some(signal)) = (pty::foreground_group(master), self.signal(byte))
            && let Err(error) = children::signal_group(group, signal)
        {
            log(&format!("cannot interrupt process group {group}: {error}"));
        }
    }
}

/// Whether the program has left so much unread that a key would wait behind it. In line mode keys never do: the kernel
/// looks at them as they come, and drops what exceeds its buffer.
fn unread(master: impl AsFd) -> bool {
    rustix::termios::tcgetattr(&master).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ICANON))
        && program_side(&master)
            .is_some_and(|slave| rustix::io::ioctl_fionread(slave).is_ok_and(|count| count >= UNREAD_BYTES))
}

/// Drops the input that the kernel holds for the program.
fn flush(master: impl AsFd) {
    if let Some(slave) = program_side(master) {
        // Best effort: what is not flushed is read by the program later, as without an interrupt.
        let _ = rustix::termios::tcflush(slave, QueueSelector::IFlush);
    }
}

/// The program's side of the PTY, for a moment: as long as it is open, the program's end is not seen.
fn program_side(master: impl AsFd) -> Option<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    rustix::pty::ioctl_tiocgptpeer(master, flags).ok()
}
