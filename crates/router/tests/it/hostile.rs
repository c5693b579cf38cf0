//! Clients, apps and agents that break the rules on purpose.

use std::time::Duration;

use coditect_api::grant::Audience;
use tokio::io::AsyncWriteExt;

use crate::harness::{Answer, Ask, CONTROL, DEADLINE, World, read_to_end, read_until};
use crate::upstreams::{app, records, says};

#[tokio::test]
async fn the_host_header_is_one_known_name() {
    let world = World::start().await;
    let label = world.workspace.label();
    let raw = |head: &str| format!("{head}Connection: close\r\n\r\n").into_bytes();
    for head in [
        "GET /health HTTP/1.1\r\n".to_owned(),
        "GET /health HTTP/1.0\r\n".to_owned(),
        format!("GET /health HTTP/1.1\r\nHost: {CONTROL}\r\nHost: {CONTROL}\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: {CONTROL}, evil.example\r\n"),
        "GET /health HTTP/1.1\r\nHost: \r\n".to_owned(),
        format!("GET /health HTTP/1.1\r\nHost: user@{CONTROL}\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: {CONTROL}/x\r\n"),
        format!("GET http://evil.example/health HTTP/1.1\r\nHost: {CONTROL}\r\n"),
        format!("GET https://{CONTROL}/health HTTP/1.1\r\nHost: {CONTROL}\r\n"),
        format!("GET http://{CONTROL}/health HTTP/1.1\r\nHost: 3000--{label}.{CONTROL}\r\n"),
    ] {
        let answer = world.send_raw(&raw(&head)).await;
        assert_eq!((answer.status, answer.kind().as_str()), (400, "invalid_request"), "{head}");
    }
    for host in [
        "coditect.localhost.:8080",
        "coditect.localhost:8081",
        "coditect.localhost",
        "evil.example",
        "localhost:80",
        &format!("a--{label}.{CONTROL}"),
        &format!("0--{label}.{CONTROL}"),
        &format!("70000--{label}.{CONTROL}"),
        &format!("3000--{label}.{CONTROL}."),
        &format!("3000--.{CONTROL}"),
        &format!("x.{CONTROL}"),
    ] {
        let answer = world.send(&Ask::get("/health").host(host)).await;
        assert!([400, 421].contains(&answer.status), "{host}: {}", answer.status);
        if answer.status == 421 {
            assert_eq!(answer.kind(), "misdirected_request");
            assert!(answer.text().contains("http://coditect.localhost:8080"));
        }
    }
    for head in [
        format!("GET http://{CONTROL}/health HTTP/1.1\r\nHost: {CONTROL}\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: {}\r\n", CONTROL.to_uppercase()),
        format!("GET /health HTTP/1.0\r\nHost: {CONTROL}\r\n"),
    ] {
        assert_eq!(world.send_raw(&raw(&head)).await.status, 200, "{head}");
    }
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "CONNECT" { "evil.example:443" } else { "/" };
        let answer = world.send_raw(&raw(&format!("{method} {target} HTTP/1.1\r\nHost: {CONTROL}\r\n"))).await;
        assert!([400, 405].contains(&answer.status), "{method}: {}", answer.status);
    }
}

/// Everything an upstream receives of a doubtful request is one request, framed anew, or nothing whole.
#[tokio::test]
async fn nothing_is_smuggled_to_an_app() {
    // The app of this test listens and never answers.
    let world = World::with(|limits| limits.app_answer_timeout = Duration::from_millis(100)).await;
    let mut received = records(&world, 3000).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let head = |extra: &str| {
        let ask = world.visit(3000, "POST", "/first").header("Sec-Fetch-Site", "same-origin");
        String::from_utf8(ask.bytes()).unwrap().replace("close\r\n\r\n", &format!("close\r\n{extra}\r\n"))
    };
    let length = smuggled.len();
    for (extra, body) in [
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), format!("0\r\n\r\n{smuggled}")),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), format!("0\r\n\r\n{smuggled}")),
        (format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), smuggled.to_owned()),
        (format!("Content-Length: 0, {length}\r\n"), smuggled.to_owned()),
        (format!("Content-Length: +{length}\r\n"), smuggled.to_owned()),
        ("Content-Length: -1\r\n".to_owned(), smuggled.to_owned()),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        ("Transfer-Encoding : chunked\r\n".to_owned(), format!("0\r\n\r\n{smuggled}")),
        (format!("X: a\r\n Content-Length: {length}\r\n"), smuggled.to_owned()),
        (format!("Content-Length: {length}\r\nConnection: content-length\r\n"), smuggled.to_owned()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("zz\r\n{smuggled}")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("ffffffffffffffffff\r\n{smuggled}")),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("1\r\nab{smuggled}")),
    ] {
        let mut stream = world.connect().await;
        stream.write_all(format!("{}{body}", head(&extra)).as_bytes()).await.unwrap();
        read_to_end(&mut stream).await;
        // Whatever was passed on of it, before what is asked next.
        world.send(&world.visit(3000, "GET", "/next")).await;
        loop {
            let bytes =
                tokio::time::timeout(DEADLINE, received.recv()).await.expect("the next request arrives").unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.starts_with("GET /next ") {
                break;
            }
            if text.is_empty() {
                continue; // connected, then the request turned out to be broken
            }
            let (first, rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            assert!(first.starts_with("POST /first HTTP/1.1\r\n"), "{extra:?}: {text}");
            let lower = first.to_lowercase();
            let framings =
                lower.matches("\r\ncontent-length:").count() + lower.matches("\r\ntransfer-encoding:").count();
            assert!(framings <= 1, "{extra:?}: {text}");
            if lower.contains(&format!("content-length: {length}")) {
                assert!(rest.len() <= length, "{extra:?}: {text}");
            } else {
                assert!(!rest.contains("/smuggled"), "{extra:?}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn an_apps_broken_answer_is_its_own_affair() {
    let world = World::start().await;
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: 1\r\n".repeat(500));
    for (index, answer) in [
        "not http at all\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name: a\r\n\r\n",
        "HTTP/1.1 101 Fine\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        &long,
        &many,
    ]
    .iter()
    .enumerate()
    {
        let port = 3000 + u16::try_from(index).unwrap();
        says(&world, port, *answer).await;
        let got = world.send(&world.visit(port, "GET", "/")).await;
        assert_eq!((got.status, got.kind().as_str()), (502, "bad_gateway"), "{index}");
        let page = world.send(&world.visit(port, "GET", "/").navigating()).await;
        assert!(page.text().starts_with("<!doctype html>"));
    }
    // A second answer behind the first is nobody's.
    says(
        &world,
        4000,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    )
    .await;
    for _ in 0..3 {
        assert_eq!(world.send(&world.visit(4000, "GET", "/")).await.text(), "ok");
    }
    // Both framings: the length goes.
    says(
        &world,
        4001,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let got = world.send(&world.visit(4001, "GET", "/")).await;
    assert!(got.all("content-length").is_empty());
    assert_eq!(got.text(), "hello");
    // Cut in the middle: the client can tell.
    says(&world, 4002, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let mut stream = world.connect().await;
    stream.write_all(&world.visit(4002, "GET", "/").bytes()).await.unwrap();
    assert!(!read_to_end(&mut stream).await.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn a_workspace_that_never_answers_is_given_up() {
    let world = World::with(|limits| {
        limits.agent_answer_timeout = Duration::from_millis(50);
        limits.app_answer_timeout = Duration::from_millis(50);
    })
    .await;
    let _silent = records(&world, 3000).await;
    let answer = world.send(&world.visit(3000, "GET", "/")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (504, "timeout"));
    std::fs::remove_file(&world.sockets.agent).unwrap();
    let silent = tokio::net::UnixListener::bind(&world.sockets.agent).unwrap();
    let answer = world.send(&world.call("GET", "/v1/status")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (504, "timeout"));
    drop(silent);
}

/// Vulnerability 11 at the entry: nothing before authentication is unbounded.
#[tokio::test]
async fn slow_and_large_heads_are_cut() {
    let world = World::with(|limits| limits.header_timeout = Duration::from_millis(200)).await;
    for start in ["", "GET / HTTP/1.1\r\nHost: a", "GET /health HTTP/1.1\r\nHost: coditect.localhost:8080\r\nX: y\r\n"]
    {
        let mut stream = world.connect().await;
        stream.write_all(start.as_bytes()).await.unwrap();
        read_to_end(&mut stream).await;
    }
    let large = Ask::get("/health").header("X-Large", &"a".repeat(500_000)).bytes();
    let mut stream = world.connect().await;
    // It may hang up before it has taken all of it.
    drop(stream.write_all(&large).await);
    let answer = read_to_end(&mut stream).await;
    assert!(answer.is_empty() || Answer::parse(&answer).status == 431, "{}", String::from_utf8_lossy(&answer));
    let above = world.send(&Ask::get("/health").header("X-Large", &"a".repeat(65 * 1024))).await;
    assert_eq!((above.status, above.kind().as_str()), (431, "head_too_large"));
    let below = world.send(&Ask::get("/health").header("X-Large", &"a".repeat(63 * 1024))).await;
    assert_eq!(below.status, 200);
    let many = (0..200).fold(Ask::get("/health"), |ask, _| ask.header("X", "y"));
    assert_eq!(world.send(&many).await.status, 431);
}

#[tokio::test]
async fn a_body_for_the_api_that_trickles_is_not_waited_for() {
    let world = World::with(|limits| limits.control_body_timeout = Duration::from_millis(100)).await;
    let mut stream = world.connect().await;
    let ask = Ask::new("POST", "/api/v5/auth/login").header("Content-Length", "1000");
    stream.write_all(&ask.bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    let text = read_until(&mut stream, "\"body\":null").await;
    assert!(text.starts_with("HTTP/1.1 200"), "the echo saw the body fail: {text}");
}

#[tokio::test]
async fn one_connection_too_many_is_turned_away_and_room_is_made_again() {
    let world = World::with(|limits| limits.max_connections = 3).await;
    world.serve_port(3000, app()).await;
    // A tunnel counts for as long as it lives.
    let ask = Ask::get(&world.agent_path("/v1/events"))
        .websocket()
        .header("Authorization", &format!("Bearer {}", world.token(Audience::Workspace, None)));
    let (status, _, tunnel) = crate::websocket::open(&world, &ask).await;
    assert_eq!(status, 101);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = world.connect().await;
        let ask = String::from_utf8(Ask::get("/health").bytes()).unwrap().replace("Connection: close\r\n", "");
        stream.write_all(ask.as_bytes()).await.unwrap();
        read_until(&mut stream, "200 OK").await;
        held.push(stream);
    }
    let mut stream = world.connect().await;
    assert_eq!(Answer::parse(&read_to_end(&mut stream).await).status, 503);
    drop((tunnel, held));
    let trying = async {
        while world.send(&Ask::get("/health")).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, trying).await.expect("no room was made");
}
