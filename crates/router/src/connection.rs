//! A client's TCP connection: tuned, counted, and cut when its peer stops taking bytes.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A silent peer is probed after this long, so that a laptop that went away does not hold its connections for ever.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// Between two probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Unanswered probes that end the connection.
const KEEPALIVE_PROBES: u32 = 4;

/// A TCP stream whose writes fail once the peer has taken nothing for a while.
pub(crate) struct ClientIo {
    stream: TcpStream,
    stall: Duration,
    /// Runs while a write waits.
    timer: Option<Pin<Box<Sleep>>>,
    /// Counted for as long as the stream lives, a tunnel's time included.
    _counted: Counted,
}

impl ClientIo {
    pub(crate) fn new(stream: TcpStream, stall: Duration, counted: Counted) -> Self {
        let tuned = stream
            .set_nodelay(true)
            .and_then(|()| Ok(rustix::net::sockopt::set_socket_keepalive(&stream, true)?))
            .and_then(|()| Ok(rustix::net::sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?))
            .and_then(|()| Ok(rustix::net::sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?))
            .and_then(|()| Ok(rustix::net::sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES)?));
        if let Err(error) = tuned {
            tracing::debug!(%error, "a client's connection could not be tuned");
        }
        Self { stream, stall, timer: None, _counted: counted }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.timer = None;
            return result;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + self.stall)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no more bytes")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// What one client holds: an IPv4 address, or the 2^64 IPv6 addresses of a network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

/// How many connections are open, in all and for each client's network.
#[derive(Debug, Default)]
pub(crate) struct Census {
    counts: Mutex<HashMap<IpAddr, usize>>,
    total: std::sync::atomic::AtomicUsize,
}

/// One connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    census: Arc<Census>,
    address: IpAddr,
}

impl Census {
    /// Counts a connection, unless that would be one too many.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, max: usize, max_per_address: usize) -> Option<Counted> {
        use std::sync::atomic::Ordering::Relaxed;
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&address).copied().unwrap_or(0);
        if own >= max_per_address || self.total.load(Relaxed) >= max {
            return None;
        }
        counts.insert(address, own + 1);
        self.total.fetch_add(1, Relaxed);
        Some(Counted { census: Arc::clone(self), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.census.counts.lock().unwrap_or_else(PoisonError::into_inner);
        self.census.total.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if let Some(own) = counts.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_connection() {
        let census = Arc::new(Census::default());
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "::ffff:10.0.0.2".parse().unwrap());
        let first = census.admit(a, 3, 2).unwrap();
        let _second = census.admit(a, 3, 2).unwrap();
        assert!(census.admit(a, 3, 2).is_none());
        let _third = census.admit(b, 3, 2).unwrap();
        assert!(census.admit("10.0.0.2".parse().unwrap(), 3, 2).is_none(), "three in all");
        drop(first);
        assert!(census.admit(a, 3, 2).is_some());
    }

    #[test]
    fn a_network_of_many_addresses_is_one_client() {
        let census = Arc::new(Census::default());
        let _first = census.admit("2001:db8::1".parse().unwrap(), 3, 1).unwrap();
        assert!(census.admit("2001:db8::2:3:4:5".parse().unwrap(), 3, 1).is_none());
        assert!(census.admit("2001:db8:0:1::1".parse().unwrap(), 3, 1).is_some());
    }
}
