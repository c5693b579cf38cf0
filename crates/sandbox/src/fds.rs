//! File descriptors that travel: inherited over exec, passed over Unix sockets, and checked on arrival.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketType, ipproto, sockopt,
};

use crate::sys;

/// Descriptors one message may carry; more are closed unseen by the kernel.
const FDS_PER_MESSAGE_MAX: usize = 4;

/// Takes over a listening Unix stream socket that this process inherited under a known number (see
/// [`crate::spec::AGENT_FD`]). It is closed on exec from then on, and blocking as it came.
///
/// # Errors
/// Nothing is open under the number, it is something else, or it was taken before.
pub fn inherited_listener(fd: RawFd) -> io::Result<UnixListener> {
    let owned = sys::take_inherited(fd)?;
    let listens = sockopt::socket_domain(&owned) == Ok(AddressFamily::UNIX)
        && sockopt::socket_type(&owned) == Ok(SocketType::STREAM)
        && sockopt::socket_acceptconn(&owned) == Ok(true);
    if listens {
        Ok(UnixListener::from(owned))
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {fd} is not a listening Unix socket")))
    }
}

/// Sends bytes, at least one, together with an open descriptor. Answers how many bytes were taken; the descriptor went
/// with the first.
///
/// # Errors
/// The peer is gone, or `WouldBlock` on a non-blocking socket.
pub fn send_fd(socket: impl AsFd, bytes: &[u8], fd: BorrowedFd<'_>) -> io::Result<usize> {
    send_fds(socket, bytes, &[fd])
}

pub(crate) fn send_fds(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_PER_MESSAGE_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    Ok(rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
    })?)
}

/// Receives bytes and the descriptor that came with them, if one did. Answers 0 bytes at the end of the stream. Further
/// descriptors of the same message are closed. Whatever arrives is closed on exec.
///
/// # Errors
/// The socket failed, or `WouldBlock` on a non-blocking socket.
pub fn recv_fd(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let (count, fds) = recv_fds(socket, bytes)?;
    Ok((count, fds.into_iter().next()))
}

pub(crate) fn recv_fds(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_PER_MESSAGE_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            fds.extend(rights);
        }
    }
    Ok((message.bytes, fds))
}

/// Checks that a descriptor from an untrusted peer is a connected TCP socket and nothing else (not a file, a pipe, a
/// terminal, a listening or a raw socket), before anything is read from it.
///
/// # Errors
/// What it is instead.
pub fn check_tcp_stream(fd: impl AsFd) -> io::Result<()> {
    let fd = fd.as_fd();
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the descriptor is {what}"));
    let domain = sockopt::socket_domain(fd).map_err(|_| wrong("not a socket"))?;
    if domain != AddressFamily::INET && domain != AddressFamily::INET6 {
        return Err(wrong("a socket of another family than IPv4 and IPv6"));
    }
    if sockopt::socket_type(fd)? != SocketType::STREAM || sockopt::socket_protocol(fd)? != Some(ipproto::TCP) {
        return Err(wrong("not a TCP socket"));
    }
    if sockopt::socket_acceptconn(fd)? {
        return Err(wrong("a listening socket"));
    }
    rustix::net::getpeername(fd).map_err(|_| wrong("a socket without a connection"))?;
    Ok(())
}

/// Binds a listening Unix stream socket `name` in `dir`, mode 0600, replacing whatever was there. Works for directories
/// whose path is longer than a socket address can hold.
///
/// # Errors
/// The directory cannot be opened or written to.
pub fn bind_unix(dir: &Path, name: &str) -> io::Result<UnixListener> {
    let dir = open_dir(dir)?;
    match rustix::fs::unlinkat(&dir, name, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(rustix::io::Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let listener = UnixListener::bind(short_path(&dir, name))?;
    rustix::fs::chmodat(&dir, name, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, rustix::fs::AtFlags::empty())?;
    Ok(listener)
}

/// Connects to the Unix stream socket `name` in `dir`, however long the directory's path is.
///
/// # Errors
/// Nothing listens there.
pub fn connect_unix(dir: &Path, name: &str) -> io::Result<UnixStream> {
    let dir = open_dir(dir)?;
    UnixStream::connect(short_path(&dir, name))
}

fn open_dir(dir: &Path) -> io::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    Ok(rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn short_path(dir: &OwnedFd, name: &str) -> String {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}/{name}", dir.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn a_descriptor_travels_with_its_byte() {
        let (a, b) = UnixStream::pair().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        assert_eq!(send_fd(&a, &[7], far.as_fd()).unwrap(), 1);
        drop(far);
        let mut byte = [0; 8];
        let (count, fd) = recv_fd(&b, &mut byte).unwrap();
        assert_eq!((count, byte[0]), (1, 7));
        let mut arrived = UnixStream::from(fd.unwrap());
        arrived.write_all(b"hi").unwrap();
        drop(arrived);
        let mut text = String::new();
        near.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hi");
        drop(a);
        assert_eq!(recv_fd(&b, &mut byte).unwrap().0, 0);
    }

    #[test]
    fn only_connected_tcp_sockets_pass() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        check_tcp_stream(&stream).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:9").unwrap();
        let (unix, _other) = UnixStream::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for fd in [listener.as_fd(), udp.as_fd(), unix.as_fd(), file.as_fd()] {
            assert!(check_tcp_stream(fd).is_err());
        }
    }

    #[test]
    fn sockets_bind_below_paths_longer_than_their_addresses() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("d".repeat(120)).join("e".repeat(120));
        std::fs::create_dir_all(&deep).unwrap();
        let listener = bind_unix(&deep, "a.sock").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&deep.join("a.sock").metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let _client = connect_unix(&deep, "a.sock").unwrap();
        listener.accept().unwrap();
        drop(bind_unix(&deep, "a.sock").unwrap());
        assert!(connect_unix(&deep, "a.sock").is_err());
    }
}
