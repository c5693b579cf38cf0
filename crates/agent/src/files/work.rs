//! Blocking work off the runtime's thread: bounded pools, cancelled when the client leaves.
//!
//! **Invariants**: at most the pools' sizes of threads work on files at once; a job whose client left stops at its next
//! [`Cancel::check`]; a client that stops reading is given up after [`STALL`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use tokio::sync::{Semaphore, mpsc};

use crate::error::{Error, Result};

/// One pool of permits.
pub(crate) type Pool = Semaphore;
/// For work of one bounded piece: a stat, a chunk of a file, a page of a listing.
pub(crate) static SHORT: Pool = Semaphore::const_new(6);
/// For whole trees: copy, delete, archive.
pub(crate) static LONG: Pool = Semaphore::const_new(4);
/// For searches: one walking thread each.
pub(crate) static SEARCH: Pool = Semaphore::const_new(2);

/// How long a client may take to read or write nothing before its transfer is given up.
pub(crate) const STALL: Duration = Duration::from_secs(60);
/// Size of the pieces a transfer moves, in bytes.
pub(crate) const CHUNK_BYTES: usize = 128 * 1024;
/// Pieces that wait for a slow reader.
const CHUNKS_WAITING: usize = 2;

/// The error of a job whose client has left. Not `Interrupted`, which readers and writers take for EINTR and try again.
pub(crate) fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the client has left")
}

/// Tells a job that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Fails once the client has left.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_set() { Err(gone()) } else { Ok(()) }
    }

    /// Whether the client has left.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sets the flag when the request's future is dropped.
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Runs `job` on a blocking thread as soon as `pool` has a permit.
pub(crate) async fn run<T, F>(pool: &'static Pool, job: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Cancel) -> Result<T> + Send + 'static,
{
    let guard = CancelOnDrop(Cancel::default());
    let cancel = guard.0.clone();
    let permit = pool.acquire().await.map_err(|_| Error::internal("the agent's work pool is closed"))?;
    let done = tokio::task::spawn_blocking(move || {
        // Held by the job, not by the request: a client that leaves must not free a permit whose thread still works.
        let _permit = permit;
        job(&cancel)
    });
    done.await.map_err(|error| Error::internal(format!("a file operation ended abnormally: {error}")))?
}

/// A response body that a blocking job writes, with backpressure. Ends with an error when the job fails, so that the
/// client can tell a cut answer from a whole one.
pub(crate) async fn stream<F>(pool: &'static Pool, job: F) -> Result<Body>
where
    F: FnOnce(&mut Pipe) -> io::Result<()> + Send + 'static,
{
    let permit = pool.acquire().await.map_err(|_| Error::internal("the agent's work pool is closed"))?;
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut pipe = Pipe { sender, runtime, buffer: BytesMut::new() };
        let outcome = job(&mut pipe).and_then(|()| pipe.send());
        if let Err(error) = outcome {
            // Whoever left does not hear it, and that is fine.
            let _ = pipe.give(Err(error));
        }
    });
    Ok(Body::new(Chunks(receiver)))
}

/// The writing end of [`stream`].
pub(crate) struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: tokio::runtime::Handle,
    buffer: BytesMut,
}

impl Pipe {
    /// Fails once the client has left.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.sender.is_closed() { Err(gone()) } else { Ok(()) }
    }

    /// Something that knows whether the client has left, for readers that cannot borrow the pipe.
    pub(crate) fn watch(&self) -> Gone {
        Gone(self.sender.clone())
    }

    /// Sends what is buffered now, for results that should be seen before there are many.
    pub(crate) fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return self.check();
        }
        let bytes = self.buffer.split().freeze();
        self.give(Ok(bytes))
    }

    fn give(&mut self, item: io::Result<Bytes>) -> io::Result<()> {
        let item = match self.sender.try_send(item) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(gone()),
            Err(mpsc::error::TrySendError::Full(item)) => item,
        };
        let sent = self.runtime.block_on(async { tokio::time::timeout(STALL, self.sender.send(item)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(gone()),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading")),
        }
    }
}

/// See [`Pipe::watch`].
pub(crate) struct Gone(mpsc::Sender<io::Result<Bytes>>);

impl Gone {
    /// Whether the client has left.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

impl io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK_BYTES {
            self.send()?;
        }
        Ok(taken)
    }

    /// Does nothing: encoders flush far more often than a network likes. [`Pipe::send`] is the real one.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|item| item.map(|chunk| chunk.map(http_body::Frame::data)))
    }
}

/// Drops a value on a blocking thread: the last close of a large unnamed file frees its blocks and takes a while.
pub(crate) fn drop_elsewhere<T: Send + 'static>(value: T) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(value))),
        Err(_) => drop(value),
    }
}

/// Waits for the client, but not for ever.
pub(crate) async fn unless_stalled<F: Future>(future: F) -> Result<F::Output> {
    tokio::time::timeout(STALL, future).await.map_err(|_| {
        Error::new(
            coditect_api::error::ErrorKind::Timeout,
            format!("no data came for {} seconds; send it again", STALL.as_secs()),
        )
    })
}
