//! Making sandboxes: the daemon's side of the launcher, and the entry point of the small helper process that does the
//! work.
//!
//! A clone from a daemon of hundreds of megabytes costs milliseconds, and a process with threads must not do what a
//! sandbox's birth needs. So `serve` starts one small single-threaded helper (`coditect-agent launcher`) and asks it over
//! a socket pair. The helper ends when its socket does; sandboxes live on.
//!
//! A sandbox may also be made without an identity and be given one later: first [`Launcher::launch`], then
//! [`Launcher::bind`]. Its agent waits on a socket whose only other end the helper has, so a waiting sandbox ends by itself
//! with the helper, and nothing but the helper can give it an identity.
//!
//! **Invariants**: messages are bounded; a launch that is not known to have failed is never tried twice without ending
//! what the first try may have made; a sandbox gets at most one identity.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fds::{recv_fd, send_fds};
use crate::record::SandboxRecord;
use crate::spec::{Identity, Limits, Network, SandboxSpec, SpecError};

mod bind;
mod birth;
pub(crate) mod confine;
mod etc;
mod helper;
mod mounts;
mod seccomp;

pub use helper::main;
pub use seccomp::permitted as permitted_calls;

/// Descriptor under which the helper finds its socket.
pub const HELPER_FD: RawFd = 3;
/// Largest message between daemon and helper, in bytes.
const MESSAGE_MAX_BYTES: usize = 64 * 1024;
/// How long one launch may take before the helper is taken for dead. Handing over a large volume on a file system that
/// cannot be mapped is the slow case.
const LAUNCH_DEADLINE: Duration = Duration::from_secs(120);

/// Said when a sandbox shall be in a network that nobody handed over.
const NO_NAMESPACE: &str = "`network` is a given namespace, but none was given";

/// Why no sandbox was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LaunchError {
    /// The specification is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The run directory records a sandbox that lives. Adopt it or stop it.
    #[error("{workspace_id} already has a sandbox (pid {pid}): stop it first")]
    AlreadyRunning {
        /// Whose it is, or its own name while it is nobody's.
        workspace_id: String,
        /// Its pid 1 on the host.
        pid: u32,
    },
    /// A step of making it failed; nothing is left of it.
    #[error("{step}: {reason}{}", hint(*errno, step))]
    Step {
        /// What was being done.
        step: String,
        /// What the system said.
        reason: String,
        /// Its error number, if it was a system call.
        errno: Option<i32>,
    },
    /// The sandbox to be given an identity does not wait for one: it has ended, or has one.
    #[error("the prepared sandbox {0} does not wait for a workspace any more")]
    NotWaiting(String),
    /// The helper process cannot be started or ended in the middle.
    #[error("the launcher process failed: {0}")]
    Helper(String),
}

/// What a person can do about an error, where that is known.
fn hint(errno: Option<i32>, step: &str) -> &'static str {
    match errno {
        Some(libc::EPERM | libc::EACCES) if step.contains("/proc") => {
            " (in a container, start it with an unmasked /proc: --security-opt systempaths=unconfined)"
        }
        Some(libc::EPERM) if step.contains("namespace") => {
            " (allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 or \
             kernel.apparmor_restrict_unprivileged_userns=0, or run as root)"
        }
        Some(libc::ENOSPC) if step.contains("namespace") => {
            " (a limit on namespaces is reached: raise the sysctls user.max_*_namespaces)"
        }
        Some(libc::ENOSPC) if step.contains("terminals") => " (raise the sysctl kernel.pty.max)",
        Some(libc::EAGAIN | libc::ENOMEM) => " (the machine is out of processes or memory)",
        Some(libc::EMFILE | libc::ENFILE) => " (raise the limit on open files)",
        _ => "",
    }
}

#[derive(Serialize, Deserialize)]
enum Request {
    Launch(Box<SandboxSpec>),
    Bind(Box<Bind>),
}

/// Gives a waiting sandbox an identity.
#[derive(Serialize, Deserialize)]
struct Bind {
    name: String,
    identity: Identity,
    limits: Limits,
    run_dir: PathBuf,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Launched(Result<SandboxRecord, LaunchError>),
}

/// The daemon's side. Thread-safe; launches are made one after the other, in about a millisecond each.
#[derive(Debug)]
pub struct Launcher {
    program: PathBuf,
    helper: Mutex<Option<Helper>>,
}

#[derive(Debug)]
struct Helper {
    process: Child,
    socket: UnixStream,
}

impl Launcher {
    /// Starts the helper: `<agent_binary> launcher`, which must call [`main`].
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn spawn(agent_binary: &Path) -> Result<Self, LaunchError> {
        let launcher = Self { program: agent_binary.to_owned(), helper: Mutex::new(None) };
        let helper = launcher.start()?;
        *launcher.helper.lock().unwrap_or_else(PoisonError::into_inner) = Some(helper);
        Ok(launcher)
    }

    /// Makes a sandbox. On return its record lies in its run directory, its sockets accept connections, and its pid 1
    /// has been started. Blocks for about a millisecond. If the helper has died, another is started.
    ///
    /// # Errors
    /// See [`LaunchError`]; nothing is left of a sandbox that could not be made.
    pub fn launch(&self, spec: &SandboxSpec) -> Result<SandboxRecord, LaunchError> {
        self.launch_with(spec, None)
    }

    /// As [`Self::launch`], into this network namespace; `spec.network` describes it ([`Network::Given`]). The sandbox's
    /// processes keep it alive from then on.
    ///
    /// # Errors
    /// See [`LaunchError`]; nothing is left of a sandbox that could not be made.
    pub fn launch_in(&self, spec: &SandboxSpec, network: BorrowedFd<'_>) -> Result<SandboxRecord, LaunchError> {
        self.launch_with(spec, Some(network))
    }

    fn launch_with(&self, spec: &SandboxSpec, network: Option<BorrowedFd<'_>>) -> Result<SandboxRecord, LaunchError> {
        spec.validate()?;
        if network.is_none() && spec.network != Network::Isolated {
            return Err(SpecError(NO_NAMESPACE.to_owned()).into());
        }
        // Before the helper is asked: what is found after its death is then known to be of this launch.
        helper::refuse_if_running(spec)?;
        let mut slot = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = None;
        for _ in 0..2 {
            let mut helper = match slot.take() {
                Some(helper) => helper,
                None => self.start()?,
            };
            match helper.ask(&Request::Launch(Box::new(spec.clone())), network) {
                Ok(Reply::Launched(result)) => {
                    *slot = Some(helper);
                    return result;
                }
                Err(error) => {
                    helper.end();
                    failure = Some(error);
                    // It may have died after the sandbox's record was written: then that sandbox may run or not. End it
                    // either way, and begin again. Or before: then there may be groups, and a child on its way out.
                    end_leftover(&spec.run_dir, &spec.name)
                        .and_then(|()| crate::control::clear_unrecorded(&spec.instance, &spec.name))
                        .map_err(|error| LaunchError::Helper(error.to_string()))?;
                }
            }
        }
        Err(LaunchError::Helper(failure.map_or_else(String::new, |error| error.to_string())))
    }

    /// Gives a sandbox that was launched without an identity one: its volume, its limits, its names, and its run
    /// directory, which must not exist and becomes the new name of the one it has. The moment of that renaming is the
    /// moment it becomes the workspace's; its record says so before. On return its agent has been told. Blocks for less
    /// than a millisecond.
    ///
    /// # Errors
    /// See [`LaunchError`]. Unless it did not wait, the sandbox has been ended, whatever failed; its run directory, under the old name or the new
    /// one, may be left and holds no record.
    pub fn bind(
        &self,
        waiting: &SandboxRecord,
        identity: &Identity,
        limits: &Limits,
        run_dir: &Path,
    ) -> Result<SandboxRecord, LaunchError> {
        let request = Bind {
            name: waiting.name.clone(),
            identity: identity.clone(),
            limits: limits.clone(),
            run_dir: run_dir.to_owned(),
        };
        let outcome = identity.validate().and_then(|()| limits.validate()).map_err(LaunchError::from);
        let outcome = outcome.and_then(|()| {
            let mut slot = self.helper.lock().unwrap_or_else(PoisonError::into_inner);
            // Without the helper that made it, it has ended.
            let Some(mut helper) = slot.take() else { return Err(LaunchError::NotWaiting(waiting.name.clone())) };
            match helper.ask(&Request::Bind(Box::new(request)), None) {
                Ok(Reply::Launched(result)) => {
                    *slot = Some(helper);
                    result
                }
                Err(error) => {
                    helper.end();
                    Err(LaunchError::Helper(error.to_string()))
                }
            }
        });
        outcome.inspect_err(|error| {
            if matches!(error, LaunchError::NotWaiting(_)) {
                // It has ended, or it is somebody's.
                return;
            }
            // Whoever calls is told of the failure that matters; what cannot be ended now is found by its record.
            let _ = crate::control::stop(waiting, Duration::ZERO);
            let _ = end_leftover(run_dir, &waiting.name);
        })
    }

    /// Process id of the helper, if it runs: for tests and for listing the processes of an installation.
    #[must_use]
    pub fn helper_pid(&self) -> Option<u32> {
        self.helper.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|helper| helper.process.id())
    }

    fn start(&self) -> Result<Helper, LaunchError> {
        let failed = |error: io::Error| LaunchError::Helper(format!("{}: {error}", self.program.display()));
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_read_timeout(Some(LAUNCH_DEADLINE)).map_err(failed)?;
        ours.set_write_timeout(Some(LAUNCH_DEADLINE)).map_err(failed)?;
        let mut command = Command::new(&self.program);
        command.arg("launcher").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = crate::sys::spawn_with_fd(&mut command, &OwnedFd::from(theirs), HELPER_FD).map_err(failed)?;
        Ok(Helper { process, socket: ours })
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Some(helper) = self.helper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            helper.end();
        }
    }
}

impl Helper {
    fn ask(&mut self, request: &Request, fd: Option<BorrowedFd<'_>>) -> io::Result<Reply> {
        send_with_fd(&mut self.socket, request, fd)?;
        receive(&mut self.socket)?.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    /// Closes the socket, which ends the helper, and waits for it; one that hangs is killed.
    fn end(mut self) {
        drop(self.socket);
        let pidfd = rustix::process::pidfd_open(
            rustix::process::Pid::from_child(&self.process),
            rustix::process::PidfdFlags::empty(),
        );
        if !pidfd.is_ok_and(|pidfd| crate::control::wait_for_end(&pidfd, Duration::from_secs(1)).unwrap_or(false)) {
            // Its failure would mean that it has ended, which is the aim.
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// Ends what a dead helper may have left of this very sandbox.
fn end_leftover(run_dir: &Path, name: &str) -> io::Result<()> {
    match SandboxRecord::load(run_dir)? {
        Some(record) if record.name == name => crate::control::stop(&record, Duration::ZERO),
        _ => Ok(()),
    }
}

pub(crate) fn send(socket: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    send_with_fd(socket, message, None)
}

/// The descriptor goes with the first byte.
fn send_with_fd(socket: &mut UnixStream, message: &impl Serialize, fd: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|&length| length as usize <= MESSAGE_MAX_BYTES);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the message is too large"))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(body);
    let fds: Vec<BorrowedFd<'_>> = fd.into_iter().collect();
    let taken = send_fds(socket.as_fd(), &frame, &fds)?;
    socket.write_all(&frame[taken..])
}

/// `None` at the end of the stream.
pub(crate) fn receive<T: for<'de> Deserialize<'de>>(socket: &mut UnixStream) -> io::Result<Option<T>> {
    Ok(receive_with_fd(socket)?.0)
}

fn receive_with_fd<T: for<'de> Deserialize<'de>>(socket: &mut UnixStream) -> io::Result<(Option<T>, Option<OwnedFd>)> {
    let mut length = [0; 4];
    let (count, fd) = recv_fd(socket.as_fd(), &mut length)?;
    if count == 0 {
        return Ok((None, None));
    }
    socket.read_exact(&mut length[count..])?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MESSAGE_MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too large"));
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok((Some(serde_json::from_slice(&body)?), fd))
}
