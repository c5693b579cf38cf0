//! What stands behind the router in these tests: a control API, an agent, apps, and some that misbehave.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::harness::World;

/// Everything about a request, as JSON.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
    let body = axum::body::to_bytes(body, 1 << 20).await.map_err(|error| error.to_string());
    let seen = json!({
        "method": parts.method.as_str(), "target": parts.uri.to_string(), "headers": headers, "peer": peer,
        "body": body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).ok(),
    });
    let mut answer = Response::builder().header("content-type", "application/json");
    // What a hostile workspace would love to say.
    for (name, value) in [
        ("set-cookie", "sid=1; Domain=coditect.localhost; Path=/"),
        ("set-cookie", "__Host-coditect_access=evil; Secure; Path=/"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-credentials", "true"),
        ("content-security-policy", "script-src *"),
        ("clear-site-data", "\"*\""),
        ("service-worker-allowed", "/"),
        ("location", "https://evil.example/"),
        ("refresh", "0;url=https://evil.example/"),
        ("alt-svc", "h2=\":1\""),
        ("x-coditect-user", "evil"),
        ("x-request-id", "forged"),
        ("etag", "\"e1\""),
    ] {
        answer = answer.header(name, value);
    }
    answer.body(Body::from(seen.to_string())).unwrap()
}

/// Echoes WebSocket messages; other requests are echoed as JSON.
async fn echo_all(mut request: Request) -> Response {
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        return echo(request).await;
    };
    let offered = request.headers().get("sec-websocket-protocol").cloned();
    let cookies = request.headers().get("cookie").cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    });
    let mut answer = Response::builder()
        .status(101)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", derive_accept_key(key.as_bytes()));
    if let Some(offered) = offered {
        answer = answer.header("sec-websocket-protocol", offered);
    }
    if let Some(cookies) = cookies {
        answer = answer.header("x-seen-cookie", cookies);
    }
    answer.body(Body::empty()).unwrap()
}

/// The control API: echoes.
pub(crate) fn control() -> Router {
    Router::new()
        .route("/api/v5/{*rest}", any(echo))
        .route("/health", any(echo))
        .route("/.well-known/jwks.json", any(|| async { "keys" }))
}

/// The agent: echoes, host-only routes included.
pub(crate) fn agent(listener: UnixListener) {
    let app = Router::new()
        .route("/host/shutdown", any(|| async { "the agent was shut down" }))
        .route(
            "/v1/files/read",
            any(|| async {
                Response::builder()
                    .header("content-type", "text/html")
                    .header("content-disposition", "inline; filename=\"a.html\"")
                    .body(Body::from("<script>alert(1)</script>"))
                    .unwrap()
            }),
        )
        .fallback(any(echo_all));
    tokio::spawn(async move { axum::serve(listener, app).await });
}

/// An app that echoes requests and WebSocket messages.
pub(crate) fn app() -> Router {
    Router::new().fallback(any(echo_all))
}

/// A server that reads one request's head, says exactly `answer`, and closes.
pub(crate) async fn says(world: &World, port: u16, answer: impl Into<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.sockets.ports.lock().unwrap().insert(port, listener.local_addr().unwrap().port());
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                crate::harness::read_until(&mut stream, "\r\n\r\n").await;
                // The router may hang up on such an answer before it has all of it.
                drop(stream.write_all(&answer).await);
                drop(stream.shutdown().await);
            });
        }
    });
}

/// A server that tells everything it received, once the router closes or nothing has come for good.
pub(crate) async fn records(world: &World, port: u16) -> tokio::sync::mpsc::UnboundedReceiver<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.sockets.ports.lock().unwrap().insert(port, listener.local_addr().unwrap().port());
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            drop(stream.read_to_end(&mut bytes).await);
            drop(sender.send(bytes));
        }
    });
    receiver
}
