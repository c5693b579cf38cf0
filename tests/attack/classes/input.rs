//! Input without bounds: class 11, and clients that never read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::front::{Ask, DEADLINE, Reply, until};
use super::person::{PASSWORD, Stage, read_or_closed};

/// How much more memory the server may have needed at its peak, in KiB. What is sent to it is a hundred times as much.
const GROWTH_MAX_KIB: u64 = 96 * 1024;
/// Connections that are opened and kept.
const IDLE_CONNECTIONS: usize = 400;

/// Sends a head, then goes on sending chunks until the server has had enough; how many bytes it took.
fn pour(stream: &mut TcpStream, head: &str, chunk: &[u8], most: usize) -> usize {
    stream.write_all(head.as_bytes()).unwrap();
    let mut sent = 0;
    while sent < most && stream.write_all(chunk).is_ok() {
        sent += chunk.len();
    }
    sent
}

/// Class 11: bytes, headers, depth, connections and time, from somebody who has no account.
#[test]
fn class_11_a_stranger_cannot_use_the_server_up() {
    let stage = Stage::new();
    let front = stage.front();
    let before = stage.at.memory_kib("VmHWM:");
    let (login, register) = ("/api/v5/auth/login", "/api/v5/auth/register");
    let host = front.authority();
    let in_words = |reply: Reply, what: &str| {
        let error = reply.json();
        assert!(error.pointer("/error/message").is_some(), "{what}: {error}");
    };

    // Heads: too long, too many lines, a target that does not end.
    let raw = |head: &str| front.raw(head.as_bytes());
    for (head, what) in [
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)), "a long line"),
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\n{}\r\n", "a: b\r\n".repeat(100_000)), "many lines"),
        (format!("GET /{} HTTP/1.1\r\nhost: {host}\r\n\r\n", "a".repeat(1 << 20)), "a long target"),
        (format!("GET / HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\n\r\n", "a=b; ".repeat(100_000)), "many cookies"),
        ("A".repeat(1 << 20), "no head at all"),
    ] {
        let reply = raw(&head);
        assert!([0, 400, 414, 431].contains(&reply.status), "{what}: {}", reply.status);
    }
    // Bodies: announced, chunked without end, deep, compressed, never coming.
    let json = |path: &str, body: String| Ask::post(path).header("content-type", "application/json").body(body);
    for path in [login, register, "/api/v5/auth/refresh"] {
        in_words(front.ask(&json(path, format!("{{\"email\":\"{}\"}}", "a".repeat(4 << 20)))).expect(413), "4 MiB");
        for deep in ["[".repeat(100_000), "{\"a\":".repeat(40_000), format!("{{\"email\":{}", "[".repeat(100_000))] {
            in_words(front.ask(&json(path, deep)).expect(400), "deep");
        }
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let mut stream = front.connect();
        let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 65_536], b"\r\n"].concat();
        let taken = pour(&mut stream, &head, &chunk, 1 << 30);
        assert!(taken < 1 << 30, "a body without end was taken");
    }
    // A small body that unfolds to a large one: read as what it is.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..256 {
        bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 400 << 10);
    for part in [&bomb[..200 << 10], &bomb] {
        let ask = Ask::post(login).header("content-type", "application/json").header("content-encoding", "gzip");
        front.ask(&ask.body(part)).refused(&[400, 413, 415], "a compressed body");
    }
    // Values: every field as long as the body may be.
    for field in ["email", "password", "name"] {
        let mut body = json!({ "email": "a@example.com", "password": PASSWORD, "name": "a" });
        body[field] = json!("a".repeat(200_000));
        front.ask(&Ask::post(register).json(&body)).refused(&[422], field);
    }
    let body = json!({ "email": "a@example.com", "password": "a".repeat(200_000) });
    front.ask(&Ask::post(login).json(&body)).refused(&[401, 422], "a long password");
    // Tokens, cookies, queries.
    let long = "a.".repeat(25_000);
    for ask in [
        Ask::get("/api/v5/auth/me").bearer(&long),
        Ask::get("/api/v5/auth/me").header("cookie", &format!("__Host-coditect_access={long}")),
        Ask::get(&format!("/w/{}/v1/status", stage.his.label)).bearer(&long),
        Ask::get("/").host(&front.site(4000, &stage.his.label)).header("x-coditect-grant", &long),
    ] {
        front.ask(&ask).refused(&[401], "a long token");
    }

    // Connections that say nothing, half of something, or a body byte by byte, all at once; and WebSockets without rights.
    let mut idle = Vec::new();
    for number in 0..IDLE_CONNECTIONS {
        let mut stream = front.connect();
        let start = match number % 4 {
            0 => String::new(),
            1 => "GET / HT".to_owned(),
            2 => format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-slow: "),
            _ => format!(
                "POST {login} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n{{"
            ),
        };
        stream.write_all(start.as_bytes()).unwrap();
        idle.push(stream);
    }
    for _ in 0..5 {
        front.ask(&Ask::get("/health")).expect(200);
        stage.bob_is_well();
    }
    // Frames to a stream that was never opened are not read as frames.
    let refused = Ask::get(&format!("/w/{}/v1/events", stage.his.label)).websocket().body(vec![0x82; 1 << 20]);
    front.ask(&refused).refused(&[0, 400, 401, 403], "frames without a right");
    let grown = stage.at.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "the server grew by {grown} KiB");
    // Who says nothing in time is cut, without having been answered.
    let quiet = &mut idle[1];
    quiet.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = Vec::new();
    let _ = quiet.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    drop(idle);
    stage.eve_is_served();
}

/// A client that has every right and takes nothing of what it asked for; and one that sends frames without end.
#[test]
fn clients_that_never_read_cost_their_own_workspace_at_most() {
    let stage = Stage::new();
    let (front, eve, hers) = (stage.front(), &stage.eve, &stage.hers);
    eve.sh(hers, "truncate -s 4G /workspace/large");
    let before = stage.at.memory_kib("VmHWM:");
    let grant = eve.grant(hers);
    let mut waiting = Vec::new();
    for number in 0..48 {
        let target = match number % 2 {
            0 => format!("/w/{}/v1/files/read?path=%2Fworkspace%2Flarge", hers.label),
            _ => format!("/w/{}/v1/files/archive?path=%2Fworkspace", hers.label),
        };
        let mut stream = front.connect();
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {grant}\r\n\r\n", front.authority());
        stream.write_all(head.as_bytes()).unwrap();
        waiting.push(stream);
    }
    // Streams: output that nobody takes, and frames larger than a stream allows.
    let mut floods = Vec::new();
    for _ in 0..8 {
        let mut socket = eve.stream(hers, "/exec");
        socket.send(Message::text(json!({ "argv": ["yes", "x".repeat(1000)] }).to_string())).unwrap();
        floods.push(socket);
    }
    for path in ["/events", "/exec"] {
        let mut socket = eve.stream(hers, path);
        let _ = socket.send(Message::binary(vec![0; 32 << 20]));
        until("a frame of 32 MiB ends its stream", || read_or_closed(&mut socket).is_none());
        let mut socket = eve.stream(hers, path);
        // A frame that announces 2^62 bytes and begins.
        let head = [&[0x82, 0xff][..], &(1_u64 << 62).to_be_bytes(), &[0; 4], &[0; 1000]].concat();
        let _ = socket.get_mut().write_all(&head);
        until("an announced giant ends its stream", || read_or_closed(&mut socket).is_none());
    }
    for _ in 0..5 {
        stage.bob_is_well();
        front.ask(&Ask::get("/health")).expect(200);
    }
    let grown = stage.at.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "the server grew by {grown} KiB");
    drop((waiting, floods));
    stage.eve_is_served();
}
