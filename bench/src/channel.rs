//! WebSockets to an agent, over the router or straight to its socket: exec and terminals, as a client sees them.

use anyhow::{Context as _, Result, bail, ensure};
use coditect_api::agent::ExecEvent;
use coditect_api::terminal::ServerFrame;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// A byte stream of any make.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One WebSocket.
pub(crate) type Socket = WebSocketStream<Box<dyn Io>>;

/// Opens a WebSocket of the agent's API. `grant` is empty when there is no router in between.
pub(crate) async fn open(stream: Box<dyn Io>, authority: &str, path: &str, grant: &str) -> Result<Socket> {
    let mut request = format!("ws://{authority}{path}").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", http::HeaderValue::from_static("coditect.v1"));
    if !grant.is_empty() {
        request.headers_mut().insert(http::header::AUTHORIZATION, format!("Bearer {grant}").parse()?);
    }
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(socket)
}

/// The same over TCP to a server's address (`http://…`).
pub(crate) async fn open_tcp(base: &str, path: &str, grant: &str) -> Result<Socket> {
    let authority = base.strip_prefix("http://").context("an http address")?;
    let stream = tokio::net::TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    open(Box::new(stream), authority, path, grant).await
}

/// Starts a command on an exec socket; it ends when the socket is dropped.
pub(crate) async fn command(mut socket: Socket, argv: &[&str]) -> Result<Socket> {
    socket.send(Message::text(serde_json::json!({ "argv": argv }).to_string())).await?;
    Ok(socket)
}

/// Runs `true` and waits for its exit code.
pub(crate) async fn run_true(socket: Socket) -> Result<()> {
    let mut socket = command(socket, &["true"]).await?;
    while let Some(message) = socket.next().await {
        if let Message::Text(text) = message? {
            match serde_json::from_str(&text)? {
                ExecEvent::Exit { code: 0 } => return Ok(()),
                other => bail!("true answered {other:?}"),
            }
        }
    }
    bail!("the command's connection broke off")
}

/// A terminal as a client without a screen has it.
pub(crate) struct Terminal {
    socket: Socket,
    offset: u64,
    acked: u64,
    /// Rendering bytes still to come that are not output.
    screen_left: u64,
}

/// Output is acknowledged every so many bytes.
const ACK_EVERY: u64 = 64 * 1024;

impl Terminal {
    /// Takes over the attach socket of a terminal and reads its greeting.
    pub(crate) async fn attach(mut socket: Socket) -> Result<Self> {
        while let Some(message) = socket.next().await {
            if let Message::Text(text) = message? {
                let ServerFrame::Hello { offset, .. } = serde_json::from_str(&text)? else {
                    bail!("no greeting: {text}")
                };
                return Ok(Self { socket, offset, acked: offset, screen_left: 0 });
            }
        }
        bail!("the terminal's connection broke off")
    }

    /// Types.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes.to_vec())).await?)
    }

    /// The next piece of output.
    pub(crate) async fn receive(&mut self) -> Result<Vec<u8>> {
        loop {
            let message = self.socket.next().await.context("the terminal's connection broke off")??;
            match message {
                Message::Binary(bytes) if self.screen_left > 0 => {
                    self.screen_left = self.screen_left.saturating_sub(bytes.len() as u64);
                    return Ok(bytes.to_vec());
                }
                Message::Binary(bytes) => {
                    self.offset += bytes.len() as u64;
                    if self.offset - self.acked >= ACK_EVERY {
                        self.acked = self.offset;
                        let ack = format!(r#"{{"type":"ack","offset":{}}}"#, self.offset);
                        self.socket.send(Message::text(ack)).await?;
                    }
                    return Ok(bytes.to_vec());
                }
                Message::Text(text) => {
                    if let Ok(ServerFrame::Screen { offset, bytes, .. }) = serde_json::from_str(&text) {
                        self.offset = offset;
                        self.acked = offset;
                        self.screen_left = bytes;
                    }
                }
                Message::Close(_) => bail!("the terminal was closed"),
                _ => {}
            }
        }
    }

    /// Reads until `needle` appears; answers the bytes read.
    pub(crate) async fn until(&mut self, needle: &[u8]) -> Result<u64> {
        ensure!(!needle.is_empty(), "something to wait for");
        let mut tail: Vec<u8> = Vec::new();
        let mut total = 0;
        loop {
            let bytes = self.receive().await?;
            total += bytes.len() as u64;
            tail.extend_from_slice(&bytes);
            if tail.windows(needle.len()).any(|window| window == needle) {
                return Ok(total);
            }
            let keep = tail.len().saturating_sub(needle.len() - 1);
            tail.drain(..keep);
        }
    }
}
