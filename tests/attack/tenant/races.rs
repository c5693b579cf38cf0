//! A tenant who changes what names mean while others use them: nothing outside its volume is read, written, counted or
//! removed.

use std::time::{Duration, Instant};

use coditect_host::StartWorkspace;
use coditect_model::workspace::Generation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::world::{DEADLINE, World, limits};

/// Turns a directory into a link to the host's, and back, as fast as it can; and a file into a FIFO, a link, a socket.
const FLIP: &str = "
import ctypes, os, socket, sys
libc, here = ctypes.CDLL(None), -100
outside = sys.argv[1].encode()
os.chdir('/workspace')
os.makedirs('d/e'); open('d/e/f', 'w').write('inside'); open('d/f', 'w').write('inside')
os.symlink(outside, 'l'); open('a', 'w').write('inside'); os.symlink(outside + b'/canary', 'b')
os.mkfifo('p'); socket.socket(socket.AF_UNIX).bind('s'); os.symlink('/proc/self/root' + sys.argv[1], 'q')
print('flipping', flush=True)
pairs = [(b'd', b'l'), (b'a', b'b'), (b'a', b'p'), (b'b', b's'), (b'l', b'q'), (b'd', b'q')]
while True:
    for one, other in pairs: libc.renameat2(here, one, here, other, 2)
";
const ROUNDS: usize = 150;

/// One request to the agent; what it answered, however it ended.
async fn ask(world: &World, request: String, body: &[u8]) -> String {
    let mut stream = world.connect(world.attacker).await;
    let exchange = async {
        // A refusal may come before the body is read.
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| panic!("no answer: {request}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_change_under_way_lead_nowhere_outside() {
    let world = World::new().await;
    let outside = tempfile::Builder::new().prefix("coditect-outside-").tempdir().unwrap();
    std::fs::write(outside.path().join("canary"), &world.secret).unwrap();
    std::fs::create_dir(outside.path().join("e")).unwrap();
    // Larger than anything the tenant has: whoever counted it would be seen to.
    std::fs::write(outside.path().join("large"), vec![7; 48 << 20]).unwrap();
    let flip = format!(
        "python3 -c \"$0\" {} > /tmp/flip 2>&1 & until grep -q flipping /tmp/flip; do :; done",
        outside.path().display()
    );
    let (code, output) = world.exec(world.attacker, &["/bin/bash", "-c", &flip, FLIP], &[], b"").await;
    assert_eq!(code, 0, "{output}");

    let target = |round: usize| match round % 4 {
        0 => "/workspace/d/f",
        1 => "/workspace/d/canary",
        2 => "/workspace/a",
        _ => "/workspace/l/e/new",
    };
    let mut right = 0;
    for round in 0..ROUNDS {
        let path = target(round);
        let get = |kind: &str, path: &str| {
            format!("GET /v1/files/{kind}?path={path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        };
        let put = |kind: &str, path: &str| {
            format!(
                "PUT /v1/files/{kind}?path={path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                 Content-Type: application/octet-stream\r\nContent-Length: 7\r\n\r\n"
            )
        };
        let (request, body) = match round % 5 {
            0 => (get("archive", "/workspace"), &b""[..]),
            1 => (get("read", path), &b""[..]),
            2 => (get("list", "/workspace/d"), &b""[..]),
            3 => (put("write", path), &b"changed"[..]),
            _ => (put("upload", path), &b"changed"[..]),
        };
        let answer = ask(&world, request, body).await;
        assert!(!answer.contains(&world.secret), "the host's file was read: {path}");
        right += usize::from(answer.starts_with("HTTP/1.1 2"));
        if let Some(usage) = world.host.usage(world.attacker)
            && let Some(bytes) = usage.storage_bytes
        {
            assert!(bytes < 32 << 20, "{bytes} bytes are counted: those outside too");
        }
    }
    assert!(right > ROUNDS / 20, "hardly anything was answered, so hardly anything was tried: {right}");
    world.victim_works().await;

    // Stopped, started and removed while names are as they happen to be: the host handles the volume on its own.
    world.host.stop(world.attacker, Generation(3)).await.unwrap();
    for entry in std::fs::read_dir(outside.path()).unwrap().flatten() {
        let owner = std::os::unix::fs::MetadataExt::uid(&entry.metadata().unwrap());
        assert_eq!(owner, 0, "{} changed hands", entry.path().display());
    }
    let start = StartWorkspace { workspace: world.attacker, generation: Generation(4), limits: limits() };
    world.host.start(start).await.unwrap();
    world.host.delete(world.attacker, Generation(5)).await.unwrap();
    let began = Instant::now();
    let removed = |world: &World| {
        let volumes = std::fs::read_dir(world.dir.path().join("host/volumes")).into_iter().flatten().flatten();
        !volumes.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().contains(&world.attacker.label()))
    };
    while !removed(&world) {
        assert!(began.elapsed() < DEADLINE, "the attacker's volume is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("canary")).unwrap(), world.secret);
    let mut left: Vec<_> =
        std::fs::read_dir(outside.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, ["canary", "e", "large"]);
    assert_eq!(std::fs::read_dir(outside.path().join("e")).unwrap().count(), 0);
    world.victim_works().await;
    world.end_after(Generation(9)).await;
}
