//! An upstream that answers before it has read the whole request, and closes: a body that is too large, for instance.
//!
//! **Invariants**: a write that fails because the upstream has closed is no reason not to read the answer that came
//! before; what is written from then on goes nowhere. An upstream that closed without an answer is found out by reading.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::authority::BoxedIo;

/// A connection whose answer can be read after it has been closed for writing.
pub(crate) struct EarlyAnswer {
    io: BoxedIo,
    closed: bool,
}

impl EarlyAnswer {
    pub(crate) fn new(io: BoxedIo) -> Self {
        Self { io, closed: false }
    }

    /// The result of a write, or of nothing written where the upstream takes no more.
    fn settle<T>(&mut self, result: io::Result<T>, as_if: T) -> Poll<io::Result<T>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        Poll::Ready(match result {
            Err(error) if matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset) => {
                self.closed = true;
                Ok(as_if)
            }
            other => other,
        })
    }
}

impl AsyncRead for EarlyAnswer {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for EarlyAnswer {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.closed {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        self.settle(result, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        if self.closed {
            return Poll::Ready(Ok(all));
        }
        let result = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        self.settle(result, all)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closed {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(Pin::new(&mut self.io).poll_flush(cx));
        self.settle(result, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn an_answer_is_read_after_the_upstream_has_closed() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut ours = EarlyAnswer::new(Box::new(ours));
        ours.write_all(b"head and the beginning of a body").await.unwrap();
        theirs.write_all(b"too large").await.unwrap();
        drop(theirs);
        ours.write_all(&[0; 1 << 20]).await.unwrap();
        ours.flush().await.unwrap();
        let mut answer = [0; 9];
        ours.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"too large");
        // Nothing comes after it, and that is found out.
        let end = ours.read(&mut answer).await;
        assert!(end.is_err() || matches!(end, Ok(0)), "{end:?}");
    }
}
