//! A machine and an internet of its own for one test: two network namespaces with a wire between them. Everything that a
//! host does to the network it does in there, so tests neither meet each other nor the real network, and nothing of them
//! outlives them.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use coditect_sandbox::network::Namespace;

/// The machine's address on the wire.
pub(crate) const MACHINE: &str = "203.0.113.2";
/// A server that everybody may reach.
pub(crate) const WEB: &str = "198.51.100.80";
/// The resolver of this internet.
pub(crate) const RESOLVER: &str = "198.51.100.53";
/// What every name is, here.
pub(crate) const EVERY_NAME: [u8; 4] = [198, 51, 100, 80];
/// Servers that a workspace must not reach: metadata, link-local, private, shared.
pub(crate) const FORBIDDEN: [&str; 8] = [
    "169.254.169.254",
    "169.254.7.7",
    "168.63.129.16",
    "100.100.100.200",
    "10.99.0.1",
    "172.16.5.5",
    "192.168.7.7",
    "100.64.9.9",
];
/// Longest wait for a client, so that servers notice the end of the test.
const TICK: Duration = Duration::from_millis(50);

/// What the servers of an internet saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) connections: AtomicU64,
    pub(crate) questions: AtomicU64,
    pub(crate) bytes: AtomicU64,
    ended: AtomicBool,
}

/// Runs a test on a machine of its own. `work` gets what the servers saw, and runs in the machine's namespace with all
/// the threads and processes it starts.
pub(crate) fn on_a_machine<F: Future<Output = ()>>(work: impl FnOnce(Arc<Seen>) -> F + Send) {
    let (machine, internet) = (Namespace::create().unwrap(), Namespace::create().unwrap());
    let seen = Arc::new(Seen::default());
    let far = format!("/proc/{}/fd/{}", std::process::id(), internet.as_fd().as_raw_fd());
    machine
        .within(|| {
            ip(&[
                "link set lo up",
                &format!("link add wan type veth peer name wan netns {far}"),
                &format!("address add {MACHINE}/24 dev wan"),
                "link set wan up",
            ]);
        })
        .unwrap();
    internet
        .within(|| {
            let mut lines = vec!["link set lo up".to_owned(), "address add 203.0.113.1/24 dev wan".to_owned()];
            for address in FORBIDDEN.iter().chain(&[WEB, RESOLVER]) {
                lines.push(format!("address add {address}/32 dev lo"));
            }
            lines.push("link set wan up".to_owned());
            ip(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            for port in [25, 80, 443] {
                serve_tcp(port, seen.clone());
            }
            for address in FORBIDDEN.iter().chain(&[WEB]) {
                serve_udp(address.parse().unwrap(), 7, seen.clone());
            }
            serve_names(seen.clone());
        })
        .unwrap();
    machine
        .within(|| {
            ip(&["route add default via 203.0.113.1"]);
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(work(seen.clone()));
        })
        .unwrap();
    seen.ended.store(true, Ordering::Relaxed);
}

/// Runs commands of ip(8) here; all must succeed.
pub(crate) fn ip(lines: &[&str]) {
    let mut child = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{lines:?}");
}

/// What a command prints; it must succeed.
pub(crate) fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Says to each client who it seems to be. One that sends `g` gets a megabyte; what others send is counted.
fn serve_tcp(port: u16, seen: Arc<Seen>) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        while !seen.ended.load(Ordering::Relaxed) {
            let Ok((mut stream, peer)) = listener.accept() else {
                std::thread::sleep(TICK / 10);
                continue;
            };
            seen.connections.fetch_add(1, Ordering::Relaxed);
            let seen = seen.clone();
            std::thread::spawn(move || {
                stream.set_nonblocking(false).unwrap();
                let _ = stream.write_all(format!("{}\n", peer.ip()).as_bytes());
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if buffer[0] == b'g' {
                        let _ = stream.write_all(&vec![0; 1 << 20]);
                        return;
                    }
                    seen.bytes.fetch_add(count as u64, Ordering::Relaxed);
                }
            });
        }
    });
}

/// On each address by itself, so that answers come from where the question went.
fn serve_udp(address: IpAddr, port: u16, seen: Arc<Seen>) {
    let socket = UdpSocket::bind((address, port)).unwrap();
    answer(socket, seen, |message, _| message.to_vec());
}

/// A resolver for which every name is [`EVERY_NAME`], over both protocols.
fn serve_names(seen: Arc<Seen>) {
    let address: SocketAddr = (RESOLVER.parse::<IpAddr>().unwrap(), 53).into();
    let reply = |question: &[u8], seen: &Seen| {
        seen.questions.fetch_add(1, Ordering::Relaxed);
        let end = question[12..].iter().position(|&byte| byte == 0).unwrap() + 12 + 5;
        let mut answer = question[..end].to_vec();
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(EVERY_NAME);
        answer
    };
    answer(UdpSocket::bind(address).unwrap(), seen.clone(), reply);
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        while !seen.ended.load(Ordering::Relaxed) {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(TICK / 10);
                continue;
            };
            stream.set_nonblocking(false).unwrap();
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question).unwrap();
                let answer = reply(&question, &seen);
                stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
                stream.write_all(&answer).unwrap();
            }
        }
    });
}

fn answer(socket: UdpSocket, seen: Arc<Seen>, reply: impl Fn(&[u8], &Seen) -> Vec<u8> + Send + 'static) {
    socket.set_read_timeout(Some(TICK)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while !seen.ended.load(Ordering::Relaxed) {
            if let Ok((count, client)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&reply(&buffer[..count], &seen), client);
            }
        }
    });
}
