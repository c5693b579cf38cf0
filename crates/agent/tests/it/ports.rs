//! The socket through which the host reaches ports inside.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use coditect_sandbox::fds;

use super::agent::{Agent, DEADLINE};

fn open(agent: &Agent, request: &[u8]) -> (u8, Option<TcpStream>) {
    let mut socket = UnixStream::connect(agent.ports_socket()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.write_all(request).unwrap();
    if request.len() < 2 {
        socket.shutdown(std::net::Shutdown::Write).unwrap();
    }
    let mut status = [9];
    let (count, fd) = fds::recv_fd(&socket, &mut status).unwrap();
    assert_eq!(count, 1);
    if let Some(fd) = &fd {
        fds::check_tcp_stream(fd).unwrap();
    }
    (status[0], fd.map(TcpStream::from))
}

#[test]
fn a_connected_socket_is_handed_over() {
    let agent = Agent::start();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (status, stream) = open(&agent, &port.to_be_bytes());
        assert_eq!(status, 0);
        let mut stream = stream.unwrap();
        stream.set_nonblocking(false).unwrap();
        let (mut inside, _) = listener.accept().unwrap();
        stream.write_all(b"ping").unwrap();
        let mut text = [0; 4];
        inside.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"ping");
        inside.write_all(b"pong").unwrap();
        stream.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"pong");
        // The agent has kept no copy that would hold the connection open.
        drop(stream);
        assert_eq!(inside.read(&mut text).unwrap(), 0);
    }
}

#[test]
fn refusals_and_bad_requests_have_a_status_and_no_descriptor() {
    let agent = Agent::start();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(matches!(open(&agent, &free.to_be_bytes()), (1, None)));
    assert!(matches!(open(&agent, &[0, 0]), (3, None)));
    assert!(matches!(open(&agent, &[1]), (3, None)));
    // Peers that say nothing hold up nobody.
    let silent: Vec<UnixStream> = (0..20).map(|_| UnixStream::connect(agent.ports_socket()).unwrap()).collect();
    assert!(matches!(open(&agent, &free.to_be_bytes()), (1, None)));
    drop(silent);
}
