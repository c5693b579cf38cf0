//! Agents that are not what they were: a tenant's own program answers on the agent's sockets, and the host and the router
//! must get along with whatever it says, or does not.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use coditect_host::ConnectError;
use coditect_sandbox::spec::{AGENT_SOCKET, PORTS_SOCKET};

use super::world::{DEADLINE, GENERATION, World};
use crate::classes::front::Ask;
use crate::classes::person::Stage;

/// Sent at most by a flood, in bytes: far more than anybody should take in.
const FLOOD_BYTES: usize = 256 << 20;
/// What the server may grow by while it is flooded, in KiB.
const GROWTH_MAX_KIB: u64 = 64 << 10;

#[derive(Clone, Copy, Debug)]
enum Manner {
    Silent,
    HangsUp,
    Garbage,
    EndlessHead,
    EndlessHeader,
    EndlessInterim,
    Trickle,
    HugeBody,
    BadChunks,
    DeepJson,
    SomebodyElse,
    Switches,
}

const MANNERS: [Manner; 12] = [
    Manner::Silent,
    Manner::HangsUp,
    Manner::Garbage,
    Manner::EndlessHead,
    Manner::EndlessHeader,
    Manner::EndlessInterim,
    Manner::Trickle,
    Manner::HugeBody,
    Manner::BadChunks,
    Manner::DeepJson,
    Manner::SomebodyElse,
    Manner::Switches,
];

/// Writes over and over, until nobody takes it any more.
fn flood(stream: &mut UnixStream, start: &str, part: &str) {
    let chunk = part.repeat(1 + 65_536 / part.len());
    let mut sent = 0;
    let mut going = stream.write_all(start.as_bytes()).is_ok();
    while going && sent < FLOOD_BYTES {
        going = stream.write_all(chunk.as_bytes()).is_ok();
        sent += chunk.len();
    }
}

fn misbehave(stream: &mut UnixStream, manner: Manner) {
    let json = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    // Whoever is answered without having asked is another story.
    let mut asked = [0; 4096];
    if !matches!(stream.read(&mut asked), Ok(1..)) {
        return;
    }
    let mut say = |text: &str| {
        // The other side may have had enough.
        let _ = stream.write_all(text.as_bytes());
    };
    match manner {
        Manner::Silent => {}
        Manner::HangsUp => return,
        Manner::Garbage => say("\u{0}\u{1}\u{2} nothing that anybody speaks\r\n\r\n\r\n"),
        Manner::EndlessHead => flood(stream, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
        Manner::EndlessHeader => flood(stream, "HTTP/1.1 200 OK\r\nX: ", "x"),
        Manner::EndlessInterim => flood(stream, "", "HTTP/1.1 103 Early Hints\r\n\r\n"),
        Manner::Trickle => {
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
        Manner::HugeBody => flood(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", "{"),
        Manner::BadChunks => say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"),
        Manner::DeepJson => say(&json(&"[".repeat(60_000))),
        Manner::SomebodyElse => say(&json(r#"{"workspace_id":"ws_somebodyelse","generation":1}"#)),
        Manner::Switches => {
            say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: else\r\n\r\nhello")
        }
    }
    // Until the other side lets go.
    while matches!(stream.read(&mut asked), Ok(1..)) {}
}

/// Answers on a sandbox's socket in place of its agent, until it is dropped.
struct Impostor {
    path: PathBuf,
    done: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Impostor {
    fn on(run_dir: &Path, name: &str, answer: impl Fn(&mut UnixStream) + Send + Sync + Clone + 'static) -> Self {
        let path = run_dir.join(name);
        std::fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let impostor = Self { path, done: done.clone(), asked: asked.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                asked.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                std::thread::spawn(move || answer(&mut stream.unwrap()));
            }
        });
        impostor
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        // Wakes it; it may be gone with its directory.
        let _ = UnixStream::connect(&self.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gets_along_with_whatever_answers_in_an_agents_place() {
    let mut world = World::new().await;
    let run_dir = world.dir.path().join("run").join(world.attacker.label());
    for manner in MANNERS {
        let impostor = Impostor::on(&run_dir, AGENT_SOCKET, move |stream| misbehave(stream, manner));
        // A new server finds both, whatever the one says, and is not kept waiting for the other.
        tokio::time::timeout(DEADLINE, world.reopen())
            .await
            .unwrap_or_else(|_| panic!("{manner:?} holds up the start"));
        assert_eq!(world.host.list().len(), 2, "{manner:?}");
        world.victim_works().await;
        let began = std::time::Instant::now();
        while impostor.asked.load(Ordering::Relaxed) == 0 {
            assert!(began.elapsed() < DEADLINE, "{manner:?} was not asked");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    // It is asked to end, does not listen, and is ended.
    let _impostor = Impostor::on(&run_dir, AGENT_SOCKET, |stream| misbehave(stream, Manner::Trickle));
    let stopped = world.host.stop(world.attacker, coditect_model::workspace::Generation(2));
    tokio::time::timeout(DEADLINE, stopped).await.unwrap().unwrap();
    assert_eq!(world.host.list().len(), 1);
    world.victim_works().await;
    world.end_after(coditect_model::workspace::Generation(3)).await;
}

/// What may come instead of a connection to a port: each with its status byte.
fn hand_out(stream: &mut UnixStream, which: u32, keepsake: &Path) {
    use coditect_sandbox::fds::send_fd;
    if !matches!(stream.read(&mut [0; 2]), Ok(1..)) {
        return;
    }
    let file = std::fs::File::open(keepsake).unwrap();
    let directory = std::fs::File::open("/").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (unix, _far) = UnixStream::pair().unwrap();
    let gift: Option<BorrowedFd<'_>> = match which % 7 {
        0 => Some(file.as_fd()),
        1 => Some(directory.as_fd()),
        2 => Some(listener.as_fd()),
        3 => Some(udp.as_fd()),
        4 => Some(unix.as_fd()),
        5 => Some(stream.as_fd()),
        _ => None,
    };
    // One after the other, as many as fit: what nobody receives is the kernel's to throw away.
    for _ in 0..64 {
        let sent = match gift {
            Some(gift) => send_fd(&*stream, &[0], gift).map(drop),
            None => (&*stream).write_all(&[0; 9]),
        };
        if sent.is_err() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_takes_nothing_but_a_connection_for_a_port() {
    let world = World::new().await;
    let run_dir = world.dir.path().join("run").join(world.attacker.label());
    let gift = world.dir.path().join("handed-out-to-the-host");
    std::fs::write(&gift, "").unwrap();
    for which in 0..7 {
        let path = gift.clone();
        let _impostor = Impostor::on(&run_dir, PORTS_SOCKET, move |stream| hand_out(stream, which, &path));
        let connected = world.host.connect_port(world.attacker, GENERATION, 3000);
        let answer = tokio::time::timeout(DEADLINE, connected).await.unwrap();
        assert!(matches!(answer, Err(ConnectError::Agent(_))), "gift {which}: {answer:?}");
    }
    // One that never answers is given up.
    let _silent = Impostor::on(&run_dir, PORTS_SOCKET, |stream| drop(stream.read_to_end(&mut Vec::new())));
    let connected = world.host.connect_port(world.attacker, GENERATION, 3000);
    assert!(tokio::time::timeout(DEADLINE, connected).await.unwrap().is_err());
    // Nothing of what was handed out stays open here.
    let began = std::time::Instant::now();
    let kept = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|path| path == gift)
    };
    while kept() {
        assert!(began.elapsed() < DEADLINE, "what was handed out is still open");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    world.victim_works().await;
    world.end().await;
}

#[test]
fn a_server_gets_along_with_whatever_answers_in_an_agents_place() {
    let stage = Stage::new();
    let run_dir = stage.at.data_dir().join("run").join(&stage.hers.label);
    let grant = stage.eve.grant(&stage.hers);
    let before = stage.at.memory_kib("VmRSS:");
    for manner in MANNERS {
        let _impostor = Impostor::on(&run_dir, AGENT_SOCKET, move |stream| misbehave(stream, manner));
        // Several at once; each client takes the beginning of whatever comes, and goes.
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (front, path) = (stage.front(), format!("/w/{}/v1/status", stage.hers.label));
                let request = Ask::get(&path).bearer(&grant).bytes(front);
                std::thread::spawn(move || {
                    let mut stream = front.connect();
                    stream.set_read_timeout(Some(std::time::Duration::from_secs(3))).unwrap();
                    stream.write_all(&request).unwrap();
                    let mut start = [0; 12];
                    // Nothing at all within that time is an answer too: the client goes.
                    let count = stream.read(&mut start).unwrap_or(0);
                    String::from_utf8_lossy(&start[..count]).into_owned()
                })
            })
            .collect();
        // Meanwhile the neighbour works.
        stage.bob_is_well();
        for client in clients {
            let start = client.join().unwrap();
            assert!(start.is_empty() || start.starts_with("HTTP/1.1 "), "{manner:?}: {start:?}");
            assert!(!start.starts_with("HTTP/1.1 101"), "{manner:?}: nobody asked for that");
        }
    }
    let after = stage.at.memory_kib("VmRSS:");
    println!("the server's memory: {before} KiB before, {after} KiB after");
    assert!(after < before + GROWTH_MAX_KIB, "the server grew from {before} to {after} KiB");
    stage.bob_is_well();
}
