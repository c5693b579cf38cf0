//! Opens TCP connections inside the workspace for the host, which has no way into the workspace's network.
//!
//! The peer sends the port, two bytes, most significant first. The answer is one status byte; with [`OPENED`] comes the
//! connected socket itself.
//!
//! **Invariants**: at most [`PENDING_MAX`] requests at once, each within [`REQUEST_DEADLINE`] and [`CONNECT_DEADLINE`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use coditect_sandbox::fds;
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::ambient::log;

/// Status: the socket comes with this byte.
pub const OPENED: u8 = 0;
/// Status: nothing listens on the port.
pub const REFUSED: u8 = 1;
/// Status: no answer in time.
pub const TIMED_OUT: u8 = 2;
/// Status: not a request.
pub const BAD_REQUEST: u8 = 3;

/// Requests served at once.
const PENDING_MAX: usize = 64;
/// What the peer may take to say what it wants.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);
/// What connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// Pause after an accept that failed, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves requests for ever.
pub async fn serve(listener: UnixListener) {
    let permits = Arc::new(Semaphore::new(PENDING_MAX));
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((peer, _)) => {
                tokio::spawn(async move {
                    answer(peer).await;
                    drop(permit);
                });
            }
            Err(error) => {
                log(&format!("cannot accept a request for a port: {error}"));
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut peer: UnixStream) {
    let mut port = [0; 2];
    let request = timeout(REQUEST_DEADLINE, peer.read_exact(&mut port)).await;
    let port = u16::from_be_bytes(port);
    let (status, stream) = match request {
        Ok(Ok(_)) if port > 0 => match timeout(CONNECT_DEADLINE, connect(port)).await {
            Ok(Ok(stream)) => (OPENED, Some(stream)),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => (TIMED_OUT, None),
            Ok(Err(_)) => (REFUSED, None),
            Err(_) => (TIMED_OUT, None),
        },
        _ => (BAD_REQUEST, None),
    };
    let send = peer.async_io(Interest::WRITABLE, || match &stream {
        Some(stream) => fds::send_fd(&peer, &[status], stream.as_fd()),
        None => Ok(rustix::io::write(&peer, &[status])?),
    });
    // A peer that has gone needs no answer.
    let _ = timeout(REQUEST_DEADLINE, send).await;
}

/// Programs listen on the one or the other loopback address.
async fn connect(port: u16) -> io::Result<TcpStream> {
    match TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
        Ok(stream) => Ok(stream),
        Err(first) => TcpStream::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await.map_err(|_| first),
    }
}
