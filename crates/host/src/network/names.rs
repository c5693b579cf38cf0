//! Answers workspaces' questions for names, by relaying them to the machine's own resolvers as they are.
//!
//! **Invariants**: everything a workspace sends is bounded, per workspace and for all together; one that floods loses its
//! own questions and nobody else's; only workspaces are served.
//! **Not here**: caching, and reading more of a message than its first line.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::range::Subnet;
use super::resolvers::Resolvers;

/// Longest question taken over UDP, in bytes (RFC 6891: what is offered seldom exceeds this).
const QUESTION_MAX_BYTES: usize = 4096;
/// Longest answer over UDP, in bytes.
const ANSWER_MAX_BYTES: usize = 65_535;
/// Bytes of the head of every message.
pub(super) const HEAD_BYTES: usize = 12;
/// Questions of one workspace that may be unanswered.
const PER_WORKSPACE_MAX: usize = 64;
/// Questions of all workspaces that may be unanswered.
const TOTAL_MAX: usize = 1024;
/// How long one resolver may think before the next is asked.
const RESOLVER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);
/// Tries to find a port that is free for both protocols.
const PORT_TRIES: usize = 16;

/// The forwarder, on a thread of its own: floods cost the rest of the server nothing.
#[derive(Debug)]
pub(super) struct Names {
    port: u16,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    /// Begins to answer at `gateway`, on a port that the policy sends questions to.
    ///
    /// # Errors
    /// No port or thread.
    pub(super) fn start(gateway: Ipv4Addr, range: Subnet, resolvers: Resolvers) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (udp, tcp) = bind(gateway)?;
        let port = udp.local_addr()?.port();
        let stop = CancellationToken::new();
        let thread = std::thread::Builder::new().name("names".to_owned()).spawn({
            let stop = stop.clone();
            let server = Arc::new(Server { range, resolvers, asking: Mutex::default() });
            move || {
                let served = runtime.block_on(async {
                    let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = server.clone().serve_udp(Arc::new(udp)) => {}
                        () = server.serve_tcp(tcp) => {}
                    }
                    Ok::<_, io::Error>(())
                });
                if let Err(error) = served {
                    warn!(%error, "workspaces cannot look names up");
                }
                runtime.shutdown_background();
            }
        })?;
        Ok(Self { port, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

/// The address need not exist yet: it comes with the first workspace's link.
fn bind(gateway: Ipv4Addr) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
    let open = |kind: SocketType, port: u16| {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
        sockopt::set_ip_freebind(socket.as_fd(), true)?;
        rustix::net::bind(&socket, &SocketAddr::from((gateway, port)))?;
        Ok::<_, io::Error>(socket)
    };
    for _ in 0..PORT_TRIES {
        let udp = std::net::UdpSocket::from(open(SocketType::DGRAM, 0)?);
        match open(SocketType::STREAM, udp.local_addr()?.port()) {
            Ok(tcp) => {
                rustix::net::listen(&tcp, 128)?;
                return Ok((udp, tcp.into()));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free for both UDP and TCP"))
}

struct Server {
    range: Subnet,
    resolvers: Resolvers,
    /// Unanswered questions by workspace.
    asking: Mutex<HashMap<Ipv4Addr, usize>>,
}

/// A question that is counted until this is dropped.
struct Turn {
    server: Arc<Server>,
    client: Ipv4Addr,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut asking = self.server.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = asking.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                asking.remove(&self.client);
            }
        }
    }
}

impl Server {
    fn turn(self: &Arc<Self>, client: IpAddr) -> Option<Turn> {
        let IpAddr::V4(client) = client else { return None };
        if !self.range.contains(client) {
            return None;
        }
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = asking.values().sum();
        let count = asking.entry(client).or_default();
        if *count >= PER_WORKSPACE_MAX || total >= TOTAL_MAX {
            return None;
        }
        *count += 1;
        drop(asking);
        Some(Turn { server: self.clone(), client })
    }

    async fn serve_udp(self: Arc<Self>, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; QUESTION_MAX_BYTES];
        loop {
            let (length, client) = match socket.recv_from(&mut buffer).await {
                Ok(received) => received,
                // What ICMP says of an earlier answer; the socket goes on.
                Err(error) => {
                    warn!(%error, "a question for a name was lost");
                    tokio::task::yield_now().await;
                    continue;
                }
            };
            let question = &buffer[..length];
            if !is_question(question) {
                continue;
            }
            let Some(turn) = self.turn(client.ip()) else { continue };
            let (question, socket, server) = (question.to_vec(), socket.clone(), self.clone());
            tokio::spawn(async move {
                let _turn = turn;
                let answer = server.answer(&question, Protocol::Udp).await;
                // A workspace that is gone needs no answer.
                let _ = socket.send_to(&answer, client).await;
            });
        }
    }

    async fn serve_tcp(self: Arc<Self>, listener: TcpListener) {
        loop {
            let (stream, client) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "a connection for questions for names was lost");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(turn) = self.turn(client.ip()) else { continue };
            let server = self.clone();
            tokio::spawn(async move {
                let _turn = turn;
                // However it ends, it has ended.
                let _ = server.converse(stream).await;
            });
        }
    }

    /// One question after the other, until the workspace closes or pauses for too long.
    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let question = tokio::time::timeout(IDLE, read_message(&mut stream)).await??;
            if !is_question(&question) {
                return Ok(());
            }
            let answer = self.answer(&question, Protocol::Tcp).await;
            tokio::time::timeout(IDLE, write_message(&mut stream, &answer)).await??;
        }
    }

    /// The first resolver's answer that comes, or word that none did.
    async fn answer(&self, question: &[u8], protocol: Protocol) -> Vec<u8> {
        for resolver in self.resolvers.now() {
            let asked = async {
                match protocol {
                    Protocol::Udp => ask_udp(resolver, question).await,
                    Protocol::Tcp => ask_tcp(resolver, question).await,
                }
            };
            if let Ok(Ok(answer)) = tokio::time::timeout(RESOLVER_PATIENCE, asked).await {
                return answer;
            }
        }
        failure(question)
    }
}

#[derive(Clone, Copy)]
enum Protocol {
    Udp,
    Tcp,
}

/// From a port of its own for each question, connected: whoever would forge an answer has to guess the port, too.
async fn ask_udp(resolver: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match resolver {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(resolver).await?;
    socket.send(question).await?;
    let mut answer = vec![0; ANSWER_MAX_BYTES];
    loop {
        let length = socket.recv(&mut answer).await?;
        if is_answer(&answer[..length], question) {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn ask_tcp(resolver: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write_message(&mut stream, question).await?;
    let answer = read_message(&mut stream).await?;
    if is_answer(&answer, question) { Ok(answer) } else { Err(io::ErrorKind::InvalidData.into()) }
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn write_message(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(message);
    stream.write_all(&bytes).await
}

/// Whether this is a question (RFC 1035, section 4.1.1).
pub(super) fn is_question(message: &[u8]) -> bool {
    message.len() >= HEAD_BYTES && message[2] & 0x80 == 0
}

/// Whether this is an answer to that question.
pub(super) fn is_answer(message: &[u8], question: &[u8]) -> bool {
    message.len() >= HEAD_BYTES && message[..2] == question[..2] && message[2] & 0x80 != 0
}

/// "The server failed" (RFC 1035: code 2), with the question if it is a plain one.
pub(super) fn failure(question: &[u8]) -> Vec<u8> {
    let asked = end_of_name(question).filter(|_| question[4..6] == [0, 1]);
    let mut answer = question[..asked.unwrap_or(HEAD_BYTES)].to_vec();
    answer[2] = question[2] & 0x79 | 0x80;
    answer[3] = 0x82;
    answer[4..HEAD_BYTES].fill(0);
    answer[5] = u8::from(asked.is_some());
    answer
}

/// Where the first question ends.
fn end_of_name(message: &[u8]) -> Option<usize> {
    let mut at = HEAD_BYTES;
    loop {
        match *message.get(at)? {
            0 => return Some(at + 5).filter(|&end| end <= message.len()),
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `example.` of type A, with an additional record behind it.
    fn question() -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1];
        message.extend(b"\x07example\x00\x00\x01\x00\x01\x00\x00\x29\x04\xd0\0\0\0\0\0\0");
        message
    }

    #[test]
    fn failures_repeat_the_question_and_nothing_else() {
        let answer = failure(&question());
        assert_eq!(answer[..HEAD_BYTES], [0xab, 0xcd, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&answer[HEAD_BYTES..], b"\x07example\x00\x00\x01\x00\x01");
        assert!(is_answer(&answer, &question()));
        for damaged in [&question()[..HEAD_BYTES], &question()[..15], &question()[..20]] {
            assert_eq!(failure(damaged).len(), HEAD_BYTES);
        }
        let mut loops = question();
        loops[HEAD_BYTES] = 0xc0;
        assert_eq!(failure(&loops).len(), HEAD_BYTES);
    }

    #[test]
    fn only_questions_are_taken_and_only_their_answers_relayed() {
        assert!(is_question(&question()) && !is_question(b"") && !is_question(&question()[..11]));
        let answer = failure(&question());
        assert!(!is_question(&answer));
        let mut other = answer.clone();
        other[0] ^= 1;
        assert!(!is_answer(&other, &question()) && !is_answer(&question(), &question()));
    }

    #[test]
    fn one_workspace_cannot_take_all_turns() {
        let range = "100.96.4.0/22".parse().unwrap();
        let server = Arc::new(Server { range, resolvers: Resolvers::fixed(Vec::new()), asking: Mutex::default() });
        let turns: Vec<_> = (0..PER_WORKSPACE_MAX + 1).filter_map(|_| server.turn([100, 96, 4, 9].into())).collect();
        assert_eq!(turns.len(), PER_WORKSPACE_MAX);
        assert!(server.turn([100, 96, 4, 10].into()).is_some());
        assert!(server.turn([100, 96, 9, 10].into()).is_none(), "not a workspace");
        drop(turns);
        assert!(server.asking.lock().unwrap().is_empty());
    }
}
