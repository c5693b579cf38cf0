//! Bodies on their way through: bounded in time, tied to the login they belong to, never collected.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::logins::Guard;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The connection it came over.
    #[error("the connection ended inside the body")]
    Connection(#[source] hyper::Error),
    /// The client took too long to send it.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// The login it was sent under.
    #[error("the login has ended")]
    LoginEnded,
}

/// When bytes of a request were last passed on.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    last_ms: AtomicU64,
}

impl Progress {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), last_ms: AtomicU64::new(0) })
    }

    pub(crate) fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }

    fn note(&self) {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(elapsed, Ordering::Relaxed);
    }
}

/// A client's body. Trailers end here: nothing behind the router reads them.
pub(crate) struct Upload {
    inner: Incoming,
    progress: Option<Arc<Progress>>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    /// To a workspace: every frame is noted.
    pub(crate) fn noted(inner: Incoming, progress: Arc<Progress>) -> Self {
        Self { inner, progress: Some(progress), deadline: None }
    }

    /// To control: the whole must arrive in time.
    pub(crate) fn within(inner: Incoming, time: Duration) -> Self {
        let deadline = (!inner.is_end_stream()).then(|| Box::pin(tokio::time::sleep(time)));
        Self { inner, progress: None, deadline }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(BodyError::TooSlow)));
        }
        loop {
            let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
            if let Some(progress) = &this.progress {
                progress.note();
            }
            return Poll::Ready(match frame {
                Some(Ok(frame)) if frame.is_trailers() => continue,
                Some(Ok(frame)) => Some(Ok(frame)),
                Some(Err(error)) => Some(Err(BodyError::Connection(error))),
                None => None,
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A workspace's body. It ends with the login it is sent to, and takes its upstream connection with it.
pub(crate) struct Download {
    inner: Incoming,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _login: Guard,
    _connection: AbortOnDropHandle<()>,
}

impl Download {
    pub(crate) fn new(inner: Incoming, login: Guard, connection: AbortOnDropHandle<()>) -> Self {
        Self { inner, ended: Box::pin(login.token().cancelled_owned()), _login: login, _connection: connection }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(BodyError::LoginEnded)));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) if frame.is_trailers() => continue,
                Some(Ok(frame)) => Some(Ok(frame)),
                Some(Err(error)) => Some(Err(BodyError::Connection(error))),
                None => None,
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
