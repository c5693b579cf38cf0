//! One connection to a terminal: the frames of `coditect_api::terminal` over a WebSocket.
//!
//! **Invariants**: what waits to be sent is bounded by the window; what was received and not typed by the input queue;
//! a peer that is silent for [`SILENCE`] in spite of pings is gone.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use coditect_api::terminal::ClientFrame;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, sleep_until, timeout};

use super::model::Size;
use super::{Attached, Closing, Frame, Step, Terminal};
use crate::socket::{self, PING_INTERVAL, SILENCE, close};

/// Acknowledgements of input wait this long for more input.
const ACK_DELAY: Duration = Duration::from_millis(15);

/// A client that can no longer be written to may have typed before it went; what it sent is taken within this.
const LAST_INPUT: Duration = Duration::from_secs(5);

/// Serves the connection until either side ends it.
pub async fn serve(terminal: Arc<Terminal>, mut socket: WebSocket, client: String, since: Option<u64>) {
    let Some(attached) = terminal.attach(&client, since) else {
        let reason = "the terminal is gone or has too many connections; close a tab that shows it";
        socket::say_goodbye(&mut socket, close(socket::UNAVAILABLE, reason)).await;
        return;
    };
    let key = attached.key;
    let (mut sink, mut stream) = socket.split();
    let goodbye = {
        let mut receiving = pin!(receive(&terminal, &mut stream, &attached));
        tokio::select! {
            // A closed tab fails the next write while its last keystrokes still wait to be read.
            goodbye = send(&terminal, &mut sink, &attached) => match goodbye {
                None => timeout(LAST_INPUT, receiving).await.unwrap_or_default(),
                goodbye => goodbye,
            },
            goodbye = &mut receiving => goodbye,
        }
    };
    terminal.detach(key);
    if let (Some(goodbye), Ok(mut socket)) = (goodbye, sink.reunite(stream)) {
        socket::say_goodbye(&mut socket, goodbye).await;
    }
}

/// Sends until the connection fails (`None`) or is to be closed.
async fn send(
    terminal: &Terminal,
    sink: &mut SplitSink<WebSocket, Message>,
    attached: &Attached,
) -> Option<CloseFrame> {
    for frame in &attached.frames {
        sink.feed(message(frame)).await.ok()?;
    }
    sink.flush().await.ok()?;
    let mut acknowledge_at: Option<Instant> = None;
    let mut ping_at = Instant::now() + PING_INTERVAL;
    loop {
        let now = Instant::now();
        match terminal.step(attached.key, acknowledge_at.is_some_and(|at| at <= now)) {
            Step::Send(frames) => {
                for frame in &frames {
                    if matches!(frame, Frame::Text(coditect_api::terminal::ServerFrame::InputAck { .. })) {
                        acknowledge_at = None;
                    }
                    sink.feed(message(frame)).await.ok()?;
                }
                sink.flush().await.ok()?;
            }
            Step::Close(Closing::Replaced) => {
                return Some(close(socket::REPLACED, "this client has connected again"));
            }
            Step::Close(Closing::Deleted) => return Some(close(socket::DELETED, "the terminal was deleted")),
            Step::Close(Closing::Stopping) => return Some(close(socket::GONE, "the workspace is stopping")),
            Step::Wait { acknowledge } => {
                if acknowledge {
                    acknowledge_at.get_or_insert(now + ACK_DELAY);
                }
                tokio::select! {
                    () = attached.wake.notified() => {}
                    () = sleep_until(acknowledge_at.unwrap_or(ping_at).min(ping_at)) => {}
                }
                if ping_at <= Instant::now() {
                    sink.send(Message::Ping(bytes::Bytes::new())).await.ok()?;
                    ping_at = Instant::now() + PING_INTERVAL;
                }
            }
        }
    }
}

/// Receives until the connection ends (`None`) or is to be closed.
async fn receive(terminal: &Terminal, stream: &mut SplitStream<WebSocket>, attached: &Attached) -> Option<CloseFrame> {
    loop {
        // Input that the terminal does not take stays in the socket, where it costs the client and nobody else.
        while terminal.has_room(attached.key) == Some(false) {
            attached.room.notified().await;
        }
        let message = match timeout(SILENCE, stream.next()).await {
            Err(_) => return Some(close(socket::GONE, "no sign of life")),
            Ok(None) => return None,
            Ok(Some(Err(error))) => return socket::refusal(&error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            // Input of a connection that is over is not taken; the sender tells why.
            Message::Binary(bytes) => terminal.input(attached.key, bytes),
            Message::Text(text) => match serde_json::from_str::<ClientFrame>(&text) {
                Ok(ClientFrame::Resize { cols, rows }) => match Size::new(cols, rows) {
                    Some(size) => terminal.resize(size),
                    None => return Some(close(socket::REFUSED, "a size is 1 to 1000 columns and rows")),
                },
                Ok(ClientFrame::Ack { offset }) => terminal.ack(attached.key, offset),
                Err(error) => return Some(close(socket::REFUSED, &format!("not a frame of this protocol: {error}"))),
            },
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

fn message(frame: &Frame) -> Message {
    match frame {
        Frame::Binary(bytes) => Message::Binary(bytes.clone()),
        Frame::Text(frame) => Message::Text(Utf8Bytes::from(socket::json(frame))),
    }
}
