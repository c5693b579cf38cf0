//! Ways into a sandbox: a connection to its agent, and one to a TCP port that something in it listens on.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::time::Duration;

use coditect_sandbox::spec::{AGENT_SOCKET, PORTS_SOCKET};
use rustix::fs::{Mode, OFlags};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::port_stream::PortStream;

/// How long the way to a port may take.
const PORT_DEADLINE: Duration = Duration::from_secs(5);

/// Why a connection into a workspace could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No sandbox runs for it here.
    #[error("the workspace is not running on this host")]
    NotRunning,
    /// It runs, but as another generation than the caller means.
    #[error("the workspace was restarted; ask for a new grant")]
    OtherGeneration,
    /// Nothing listens on the port.
    #[error("nothing is listening on port {0}")]
    Refused(u16),
    /// The agent did not answer in time or made no sense.
    #[error("the workspace did not answer")]
    Agent(#[source] io::Error),
}

/// Connects to the agent's socket.
pub(crate) async fn agent(run_dir: &Path) -> Result<UnixStream, ConnectError> {
    connect(run_dir, AGENT_SOCKET).await.map_err(ConnectError::Agent)
}

/// Connects to a Unix socket by way of its directory's descriptor: a socket address holds 107 bytes, a path more.
pub(crate) async fn connect(run_dir: &Path, name: &str) -> io::Result<UnixStream> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = rustix::fs::open(run_dir, flags, Mode::empty())?;
    UnixStream::connect(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd())).await
}

/// Asks the agent to connect to a port from inside, and takes over the connected socket: no byte passes the agent.
pub(crate) async fn port(run_dir: &Path, port: u16) -> Result<PortStream, ConnectError> {
    let exchange = async { take_over(connect(run_dir, PORTS_SOCKET).await.map_err(ConnectError::Agent)?, port).await };
    tokio::time::timeout(PORT_DEADLINE, exchange).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> ConnectError {
    ConnectError::Agent(io::Error::from(io::ErrorKind::TimedOut))
}

/// Asks over a connection to the agent; what comes back is a tenant's word and a tenant's descriptor.
pub(crate) async fn take_over(socket: UnixStream, port: u16) -> Result<PortStream, ConnectError> {
    let exchange = async {
        socket.writable().await?;
        if socket.try_write(&port.to_be_bytes())? != 2 {
            return Err(io::Error::from(io::ErrorKind::WriteZero));
        }
        let mut status = [0];
        let receive = || coditect_sandbox::fds::recv_fd(socket.as_fd(), &mut status);
        match socket.async_io(Interest::READABLE, receive).await? {
            (1, fd) => Ok((status[0], fd)),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    };
    match exchange.await.map_err(ConnectError::Agent)? {
        (0, Some(fd)) => PortStream::adopt(fd).map_err(ConnectError::Agent),
        (1, _) => Err(ConnectError::Refused(port)),
        (2, _) => Err(late()),
        _ => Err(ConnectError::Agent(io::Error::from(io::ErrorKind::InvalidData))),
    }
}
