//! A TCP connection that was made inside a workspace.
//!
//! Whoever handed the socket over may have kept it too, and what `fcntl` sets holds for both: it can take the
//! non-blocking mode away at any moment.
//!
//! **Invariants**: no call on the socket waits in the kernel, whatever its mode; closing it does not linger.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, Shutdown, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A connection to a port of a workspace.
#[derive(Debug)]
pub struct PortStream(TcpStream);

impl PortStream {
    /// Takes over a descriptor from a tenant's process, which may be anything. Only a stream socket of TCP is taken; its
    /// network namespace is the tenant's own, whatever it is connected to.
    pub(crate) fn adopt(fd: OwnedFd) -> io::Result<Self> {
        coditect_sandbox::fds::check_tcp_stream(&fd)?;
        let stream = std::net::TcpStream::from(fd);
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        TcpStream::from_std(stream).map(Self)
    }
}

impl Drop for PortStream {
    fn drop(&mut self) {
        // Lingering makes close(2) wait, in every mode. Its failure would mean that there is no such socket.
        let _ = sockopt::set_socket_linger(&self.0, None);
    }
}

impl AsyncRead for PortStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let free = buf.initialize_unfilled();
            let read = || Ok(rustix::net::recv(&self.0, free, RecvFlags::DONTWAIT)?.1);
            match self.0.try_io(Interest::READABLE, read) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for PortStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            let write = || Ok(rustix::net::send(&self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?);
            match self.0.try_io(Interest::WRITABLE, write) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match rustix::net::shutdown(&self.0, Shutdown::Write) {
            // The other side has gone already.
            Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
            Err(error) => Err(error.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// One thread runs everything: a call that waits in the kernel would stop the timer that ends the wait.
    #[tokio::test]
    async fn a_socket_that_is_made_blocking_behind_our_back_stalls_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let kept = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut app, _) = listener.accept().unwrap();
        let mut stream = PortStream::adopt(kept.try_clone().unwrap().into()).unwrap();
        kept.set_nonblocking(false).unwrap();
        sockopt::set_socket_linger(&kept, Some(Duration::from_secs(600))).unwrap();

        // As many bytes as are asked for: whoever asks once more must not be made to wait for them.
        std::io::Write::write_all(&mut app, b"1234").unwrap();
        let mut four = [0; 4];
        stream.read_exact(&mut four).await.unwrap();
        let again = tokio::time::timeout(Duration::from_millis(20), stream.read_exact(&mut four)).await;
        assert!(again.is_err(), "nothing more was sent");
        let flood = vec![0; 64 << 20];
        let stuffed = tokio::time::timeout(Duration::from_millis(200), stream.write_all(&flood)).await;
        assert!(stuffed.is_err(), "nobody reads");
        drop(kept);
        let started = std::time::Instant::now();
        drop(stream);
        assert!(started.elapsed() < Duration::from_secs(60), "closing waited for a reader");
    }

    #[tokio::test]
    async fn bytes_and_their_end_go_both_ways() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (app, _) = listener.accept().unwrap();
        let mut stream = PortStream::adopt(near.into()).unwrap();
        let echo = std::thread::spawn(move || {
            let mut app = app;
            let mut text = String::new();
            std::io::Read::read_to_string(&mut app, &mut text).unwrap();
            std::io::Write::write_all(&mut app, text.as_bytes()).unwrap();
        });
        stream.write_all(b"there and back").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "there and back");
        echo.join().unwrap();
    }
}
