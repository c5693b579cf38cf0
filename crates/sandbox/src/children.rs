//! Child processes as pid 1 sees them: reaping whatever ended, signalling groups, sessions and everybody.

use std::io;

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

/// A process that ended and was reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its process id, free for reuse from now on.
    pub pid: u32,
    /// Exit code; 128 + signal number when a signal ended it.
    pub code: i32,
}

/// Reaps one child that has ended, adopted orphans included; `None` when none has. Call it until `None` at every
/// SIGCHLD: one signal may stand for many ends.
///
/// # Errors
/// None that a caller can provoke; having no children at all is `None`.
pub fn reap() -> io::Result<Option<Exit>> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(None),
            Ok(Some((pid, status))) => {
                if let Some(code) = exit_code(status) {
                    return Ok(Some(Exit { pid: pid.as_raw_nonzero().get().unsigned_abs(), code }));
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn exit_code(status: WaitStatus) -> Option<i32> {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
}

fn pid(raw: u32) -> io::Result<Pid> {
    let raw = i32::try_from(raw).ok().filter(|&raw| raw > 1);
    raw.and_then(Pid::from_raw).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Sends a signal to one process. A process that is gone is not an error.
///
/// # Errors
/// The process may not be signalled, or `pid` is 0 or 1.
pub fn signal(process: u32, signal: Signal) -> io::Result<()> {
    gone_is_fine(rustix::process::kill_process(pid(process)?, signal))
}

/// Sends a signal to every process of a group. A group that is gone is not an error.
///
/// # Errors
/// The group may not be signalled, or its id is 0 or 1.
pub fn signal_group(group: u32, signal: Signal) -> io::Result<()> {
    gone_is_fine(rustix::process::kill_process_group(pid(group)?, signal))
}

/// Sends a signal to every process of a session: a shell's background jobs included, which have groups of their own.
/// A process that forks meanwhile can slip through: repeat with SIGKILL until [`session_processes`] is empty.
///
/// # Errors
/// `/proc` cannot be read.
pub fn signal_session(session: u32, kind: Signal) -> io::Result<()> {
    for process in session_processes(session)? {
        // It may have ended or changed its user since it was listed; the others still have to hear the signal.
        let _ = signal(process, kind);
    }
    Ok(())
}

/// The living processes of a session.
///
/// # Errors
/// `/proc` cannot be read.
pub fn session_processes(session: u32) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // The name, in parentheses, may itself hold spaces and parentheses.
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(4).collect();
        let [state, _parent, _group, sid] = fields[..] else { continue };
        if sid.parse() == Ok(session) && !matches!(state, "Z" | "X") && process > 1 {
            found.push(process);
        }
    }
    Ok(found)
}

fn gone_is_fine(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
