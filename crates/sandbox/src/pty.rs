//! Pseudo-terminals and the programs on them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

use crate::sys;

/// A new pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The emulator's side: non-blocking, closed on exec.
    pub master: OwnedFd,
    /// The program's side: blocking, closed on exec. Drop it once the program runs, or the master never sees its end.
    pub slave: OwnedFd,
}

/// Opens a pseudo-terminal of this size, with UTF-8 line editing on.
///
/// # Errors
/// No terminals left (`EIO`/`ENOSPC`), no descriptors left, or `/dev/ptmx` missing.
pub fn open(cols: u16, rows: u16) -> io::Result<Pty> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::unlockpt(&master)?;
    // By ioctl, not by name: the name would be looked up in whatever is mounted on /dev/pts now.
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    resize(&master, cols, rows)?;
    let mut modes = rustix::termios::tcgetattr(&slave)?;
    modes.input_modes |= rustix::termios::InputModes::IUTF8;
    rustix::termios::tcsetattr(&slave, rustix::termios::OptionalActions::Now, &modes)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    Ok(Pty { master, slave })
}

/// Tells the terminal its size; its foreground process group gets SIGWINCH if that is a change.
///
/// # Errors
/// The descriptor is not a terminal.
pub fn resize(master: impl AsFd, cols: u16, rows: u16) -> io::Result<()> {
    let size = Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(rustix::termios::tcsetwinsize(master, size)?)
}

/// Process group in the terminal's foreground, if there is one.
#[must_use]
pub fn foreground_group(master: impl AsFd) -> Option<u32> {
    rustix::termios::tcgetpgrp(master).ok().map(|pgid| pgid.as_raw_nonzero().get().unsigned_abs())
}

/// Starts `command` on the terminal: leader of its own session, the terminal its controlling one and its standard
/// input, output and error. The caller sets program, arguments, environment and directory, and uses `command` no more.
/// In the agent the child is reaped by [`crate::children::reap`], so `Child::wait` must not be called there.
///
/// # Errors
/// The program could not be started; the reason is the kernel's.
pub fn spawn(command: &mut Command, slave: OwnedFd) -> io::Result<Child> {
    command.stdin(Stdio::from(slave.try_clone()?));
    command.stdout(Stdio::from(slave.try_clone()?));
    command.stderr(Stdio::from(slave));
    sys::spawn_session_leader(command)
}

/// Starts `command` without a terminal, as the leader of a process group of its own, with the standard streams that the
/// caller gave it. Like what [`spawn`] starts, it is taken before the caller when memory runs out.
///
/// # Errors
/// The program could not be started; the reason is the kernel's.
pub fn spawn_plain(command: &mut Command) -> io::Result<Child> {
    sys::spawn_group_leader(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn read_to_end(master: OwnedFd) -> String {
        let mut text = Vec::new();
        rustix::io::ioctl_fionbio(&master, false).unwrap();
        // A master whose last slave is closed answers EIO: that is its end of file.
        match std::fs::File::from(master).read_to_end(&mut text) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EIO)),
        }
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_program_on_a_terminal_leads_its_session_and_sees_the_size() {
        let Pty { master, slave } = open(101, 37).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args([
            "-c",
            "stty size; ps -o sid= -p $$; echo $$; tty; : </dev/tty && echo controlling; cat /proc/self/oom_score_adj",
        ]);
        let mut child = spawn(&mut command, slave).unwrap();
        drop(command);
        let text = read_to_end(master);
        assert!(child.wait().unwrap().success(), "{text}");
        let lines: Vec<&str> = text.split("\r\n").map(str::trim).collect();
        assert_eq!(lines[0], "37 101", "{text}");
        assert_eq!(lines[1], lines[2], "{text}");
        assert!(lines[3].starts_with("/dev/pts/"), "{text}");
        assert_eq!(lines[4], "controlling", "{text}");
        // Goes before its parent when memory runs out.
        assert_eq!(lines[5], "200", "{text}");
    }

    #[test]
    fn a_resize_reaches_the_program() {
        let Pty { master, slave } = open(80, 24).unwrap();
        resize(&master, 132, 50).unwrap();
        let size = rustix::termios::tcgetwinsize(&slave).unwrap();
        assert_eq!((size.ws_col, size.ws_row), (132, 50));
    }
}
