//! What the agent's WebSockets have in common: limits, liveness, how they end.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use coditect_api::terminal::FRAME_MAX_BYTES;
use serde::Serialize;
use tokio::time::timeout;

/// The subprotocol of every WebSocket of the agent.
pub const PROTOCOL: &str = "coditect.v1";
/// How often a silent peer is asked for a sign of life.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// A peer that was silent this long is gone.
pub const SILENCE: Duration = Duration::from_secs(80);
/// A frame that cannot be sent within this time ends connections that have no flow control of their own.
pub const SEND_DEADLINE: Duration = Duration::from_secs(30);
/// The closing handshake takes at most this long.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(1);
/// Read buffer of one connection, in bytes: memory that every connection costs.
const READ_BUFFER_BYTES: usize = 4096;
/// Longest reason in a close frame, in bytes (RFC 6455, 5.5: 125 with the code).
const REASON_MAX_BYTES: usize = 123;

/// Close code: the message breaks the protocol.
pub const REFUSED: u16 = 1008;
/// Close code: the agent is shutting down, or the peer gave no sign of life.
pub const GONE: u16 = 1001;
/// Close code: the frame is too large.
pub const TOO_LARGE: u16 = 1009;
/// Close code: not now.
pub const UNAVAILABLE: u16 = 1013;
/// Close code: the same client has connected again.
pub const REPLACED: u16 = 4000;
/// Close code: what the connection was about was deleted.
pub const DELETED: u16 = 4001;

/// Sets the protocol and the limits of a WebSocket.
pub fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * FRAME_MAX_BYTES)
        .max_frame_size(FRAME_MAX_BYTES)
        .max_message_size(FRAME_MAX_BYTES)
}

/// A close frame.
pub fn close(code: u16, reason: &str) -> CloseFrame {
    let end = (0..=reason.len().min(REASON_MAX_BYTES)).rev().find(|&end| reason.is_char_boundary(end));
    CloseFrame { code, reason: Utf8Bytes::from(&reason[..end.unwrap_or(0)]) }
}

/// Closes the connection, and hears the peer out for a moment: a socket closed with unread data loses what was sent.
pub async fn say_goodbye(socket: &mut WebSocket, goodbye: CloseFrame) {
    let handshake = async {
        socket.send(Message::Close(Some(goodbye))).await?;
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<(), axum::Error>(())
    };
    // The peer may be gone already; it is told, not asked.
    let _ = timeout(GOODBYE_DEADLINE, handshake).await;
}

/// What to answer to a message that could not be received; `None` when the connection is simply gone.
pub fn refusal(error: &axum::Error) -> Option<CloseFrame> {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if text.contains("too long") {
            return Some(close(TOO_LARGE, "a frame holds at most 65,536 bytes"));
        }
        if text.contains("protocol error") {
            return Some(close(1002, "not a WebSocket message"));
        }
        source = cause.source();
    }
    None
}

/// A frame as JSON.
pub fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("frames have string keys and no foreign Serialize")
}
