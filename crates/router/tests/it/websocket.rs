//! WebSockets: who may open one, that bytes pass, and when it is cut.

use coditect_api::grant::{AccessLevel, Audience};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::harness::{ALIAS, Ask, COOKIE, DEADLINE, ORIGIN, World, read_until};
use crate::upstreams::app;

/// The head of the answer to a handshake, and the connection.
pub(crate) async fn open(world: &World, ask: &Ask) -> (u16, String, TcpStream) {
    let mut stream = world.connect().await;
    stream.write_all(&ask.bytes()).await.unwrap();
    let head = read_until(&mut stream, "\r\n\r\n").await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), stream)
}

async fn echoes(stream: TcpStream) -> WebSocketStream<TcpStream> {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    for message in [Message::text("ls\r"), Message::binary(vec![7; 300_000])] {
        socket.send(message.clone()).await.unwrap();
        let answer = tokio::time::timeout(DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(answer == message, "the echo differs");
    }
    socket
}

async fn is_cut(mut socket: WebSocketStream<TcpStream>) {
    let end = tokio::time::timeout(DEADLINE, socket.next()).await.expect("the connection was not cut");
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
}

fn attach(world: &World) -> Ask {
    Ask::get(&world.agent_path("/v1/terminals/term_1/attach?since=0")).websocket()
}

fn with_grant(world: &World, ask: Ask) -> Ask {
    let grant = world.token(Audience::Workspace, None);
    ask.header("Sec-WebSocket-Protocol", &format!("coditect.v1, grant.{grant}"))
}

#[tokio::test]
async fn a_browser_attaches_with_its_grant_as_a_subprotocol() {
    let world = World::start().await;
    let ask = with_grant(&world, attach(&world).header("Origin", ORIGIN));
    let (status, head, stream) = open(&world, &ask).await;
    assert_eq!(status, 101, "{head}");
    assert!(head.contains("sec-websocket-protocol: coditect.v1\r\n"), "{head}");
    assert!(!head.contains("grant."), "{head}");
    echoes(stream).await;
}

/// Vulnerabilities 2 and 3: cross-site and unauthenticated WebSockets.
#[tokio::test]
async fn the_origin_of_a_websocket_must_be_ours_exactly() {
    let world = World::start().await;
    let grant = world.token(Audience::Workspace, None);
    let bearer = format!("Bearer {grant}");
    let own = format!("http://{}", world.host("3000"));
    for origin in [
        "http://evil.example",
        "null",
        "",
        "http://coditect.localhost:8080.evil.example",
        "http://coditect.localhost",
        "https://coditect.localhost:8080",
        "http://CODITECT.localhost:8080",
        "http://coditect.localhost:8080/",
        "http://localhost:8080",
        &own,
    ] {
        let ask = with_grant(&world, attach(&world).header("Origin", origin));
        assert_eq!(open(&world, &ask).await.0, 403, "{origin}");
        let program = attach(&world).header("Origin", origin).header("Authorization", &bearer);
        assert_eq!(open(&world, &program).await.0, 403, "{origin}");
    }
    let twice = attach(&world).header("Origin", ORIGIN).header("Origin", "http://evil.example");
    assert_eq!(open(&world, &with_grant(&world, twice)).await.0, 403);
    assert_eq!(open(&world, &with_grant(&world, attach(&world))).await.0, 403, "no origin, no header");
    // Neither does the right origin stand in for a grant, nor a cookie.
    let cookie = format!("__Host-coditect_access={grant}; {COOKIE}={grant}");
    for ask in
        [attach(&world).header("Origin", ORIGIN), attach(&world).header("Origin", ORIGIN).header("Cookie", &cookie)]
    {
        assert_eq!(open(&world, &ask).await.0, 401);
    }
    // On an alias, that alias or the public origin; a program anywhere.
    for origin in ["http://localhost:8080", ORIGIN] {
        let ask = with_grant(&world, attach(&world).host(ALIAS).header("Origin", origin));
        assert_eq!(open(&world, &ask).await.0, 101, "{origin}");
    }
    let (status, _, stream) = open(&world, &attach(&world).header("Authorization", &bearer)).await;
    assert_eq!(status, 101);
    echoes(stream).await;
}

#[tokio::test]
async fn who_may_only_look_opens_no_stream_that_takes_input() {
    let world = World::start().await;
    let mut reader = world.claims(Audience::Workspace, None);
    reader.access = AccessLevel::Read;
    let bearer = format!("Bearer {}", world.table.issue(reader));
    assert_eq!(open(&world, &attach(&world).header("Authorization", &bearer)).await.0, 403);
    let events = Ask::get(&world.agent_path("/v1/events")).websocket().header("Authorization", &bearer);
    assert_eq!(open(&world, &events).await.0, 101);
}

#[tokio::test]
async fn an_open_websocket_is_cut_when_its_login_ends() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let agent = with_grant(&world, attach(&world).header("Origin", ORIGIN));
    let agent = echoes(open(&world, &agent).await.2).await;
    let own = format!("http://{}", world.host("3000"));
    let port = world.visit(3000, "GET", "/ws").websocket().header("Origin", &own);
    let port = echoes(open(&world, &port).await.2).await;
    world.table.end(world.login, true);
    is_cut(agent).await;
    is_cut(port).await;
}

#[tokio::test]
async fn an_open_websocket_is_cut_when_nobody_tells_but_asking_shows_it() {
    let world = World::with(|limits| limits.recheck_interval = std::time::Duration::from_millis(20)).await;
    let ask = with_grant(&world, attach(&world).header("Origin", ORIGIN));
    let socket = echoes(open(&world, &ask).await.2).await;
    // The grant's own end is not the connection's: revocation is what ends it.
    world.clock.advance_s(100_000);
    let mut socket = socket;
    socket.send(Message::text("still here")).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_text());
    world.table.end(world.login, false);
    is_cut(socket).await;
}

#[tokio::test]
async fn an_apps_websocket_needs_the_cookie_and_its_workspaces_own_origin() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let own = format!("http://{}", world.host("3000"));
    let ask = || world.visit(3000, "GET", "/ws?a=b").websocket();
    for origin in ["http://evil.example", "null", ORIGIN, &own.replace("3000--", "files--")] {
        assert_eq!(open(&world, &ask().header("Origin", origin)).await.0, 403, "{origin}");
    }
    assert_eq!(open(&world, &ask()).await.0, 403);
    let bare = Ask::get("/ws").host(&world.host("3000")).websocket().header("Origin", &own);
    assert_eq!(open(&world, &bare).await.0, 401);
    let ask = ask().header("Origin", &own).header("Cookie", "sid=1").header("Sec-WebSocket-Protocol", "vite-hmr");
    let (status, head, stream) = open(&world, &ask).await;
    assert_eq!(status, 101);
    assert!(
        head.contains("sec-websocket-protocol: vite-hmr\r\n") && head.contains("x-seen-cookie: sid=1\r\n"),
        "{head}"
    );
    echoes(stream).await;
}

#[tokio::test]
async fn any_protocol_of_an_app_passes_after_its_upgrade_and_ends_with_it() {
    let world = World::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.sockets.ports.lock().unwrap().insert(3000, listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 101 Fine\r\nConnection: upgrade\r\nUpgrade: Chat/2\r\n\r\nhello ").await.unwrap();
        read_until(&mut stream, "ping").await;
        stream.write_all(b"and goodbye").await.unwrap();
    });
    let ask = world.visit(3000, "GET", "/").websocket().header("Sec-Fetch-Site", "same-origin");
    let raw = String::from_utf8(ask.bytes()).unwrap().replace("websocket\r\n", "chat/2\r\n");
    let mut stream = world.connect().await;
    stream.write_all(raw.as_bytes()).await.unwrap();
    read_until(&mut stream, "hello ").await;
    stream.write_all(b"ping").await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, "and goodbye");
}
