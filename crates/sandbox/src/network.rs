//! Network namespaces: made, held by a descriptor, and worked in by a thread that ends afterwards.
//!
//! **Invariants**: only threads of this module's making change their namespace, and none of them does anything else
//! later; so a namespace never leaks into a thread of a runtime.
//! **Not here**: what is in a namespace (crate `host`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::thread::LinkNameSpaceType;

use crate::record::SandboxRecord;

/// A network namespace. It lives as long as this descriptor, a process in it, or a socket of it.
#[derive(Debug)]
pub struct Namespace(OwnedFd);

impl Namespace {
    /// Makes an empty one, owned by this process's user namespace.
    ///
    /// # Errors
    /// No right to (`EPERM`), or too many of them (`ENOSPC`).
    pub fn create() -> io::Result<Self> {
        on_own_thread(|| {
            crate::sys::leave_network_namespace()?;
            Self::current()
        })?
    }

    /// That of the calling thread.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn current() -> io::Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// That of a living sandbox; `None` when it has ended.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn of(record: &SandboxRecord) -> io::Result<Option<Self>> {
        let Some(pidfd) = record.is_alive()? else { return Ok(None) };
        let namespace = match Self::open(&format!("/proc/{}/ns/net", record.pid)) {
            Ok(namespace) => namespace,
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Still the same process, so the number was its own.
        Ok((!crate::record::has_ended(&pidfd)?).then_some(namespace))
    }

    fn open(path: &str) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// Runs `work` on a thread of its own that is in this namespace, and waits for it. Processes and threads that it
    /// starts are in it as well.
    ///
    /// # Errors
    /// The namespace cannot be entered, or no thread started.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_own_thread(|| {
            rustix::thread::move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })?
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("network".to_owned()).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| io::Error::other("the thread in another network namespace ended without an answer"))
    })
}
