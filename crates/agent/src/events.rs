//! `GET /v1/events`: file changes, ports and terminals as they happen, over a WebSocket.
//!
//! **Invariants**: nothing is queued for a client: what changed while it did not read is told once, as it is then.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use coditect_api::agent::{Event, EventsRequest};
use tokio::time::{Instant, interval_at, timeout};

use crate::agent::Agent;
use crate::files::path;
use crate::socket::{self, PING_INTERVAL, SEND_DEADLINE, SILENCE, close};
use crate::watch::DIRECTORIES_MAX;

/// `/v1/events`.
pub fn router() -> Router<Arc<Agent>> {
    Router::new().route("/v1/events", get(events))
}

async fn events(State(agent): State<Arc<Agent>>, upgrade: WebSocketUpgrade) -> Response {
    socket::bounded(upgrade).on_upgrade(move |socket| serve(agent, socket))
}

async fn serve(agent: Arc<Agent>, mut socket: WebSocket) {
    if let Some(goodbye) = tell(&agent, &mut socket).await {
        socket::say_goodbye(&mut socket, goodbye).await;
    }
}

async fn tell(agent: &Agent, socket: &mut WebSocket) -> Option<CloseFrame> {
    let mut files = agent.watcher.subscribe();
    let mut terminals = agent.terminals.changes();
    let mut ports = agent.ports.subscribe();
    let mut notices = agent.notices.changes();
    if *notices.borrow() > 0 {
        notices.mark_changed();
    }
    // Both are told at connect.
    terminals.mark_changed();
    ports.mark_changed();
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut heard = Instant::now();
    loop {
        let event = tokio::select! {
            message = socket.recv() => {
                heard = Instant::now();
                match message? {
                    Err(error) => return socket::refusal(&error),
                    Ok(Message::Text(text)) => match serde_json::from_str(&text) {
                        Ok(EventsRequest::Ping { id }) => Event::Pong { id },
                        Ok(EventsRequest::Watch { paths }) => {
                            match decode(&paths) {
                                Ok(paths) => files.set(paths),
                                Err(reason) => return Some(close(socket::REFUSED, &reason)),
                            }
                            continue;
                        }
                        Err(error) => return Some(close(socket::REFUSED, &error.to_string())),
                    },
                    Ok(Message::Binary(_)) => return Some(close(socket::REFUSED, "requests are text")),
                    Ok(Message::Close(_)) => return None,
                    Ok(Message::Ping(_) | Message::Pong(_)) => continue,
                }
            }
            event = files.next() => event,
            // The senders live as long as the agent.
            _ = terminals.changed() => {
                terminals.mark_unchanged();
                Event::Terminals { terminals: agent.terminals.describe() }
            }
            _ = ports.changed() => Event::Ports { ports: ports.borrow_and_update().clone() },
            _ = notices.changed() => {
                notices.mark_unchanged();
                Event::Notices { notices: agent.notices.latest() }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return Some(close(socket::GONE, "no sign of life"));
                }
                timeout(SEND_DEADLINE, socket.send(Message::Ping(Bytes::new()))).await.ok()?.ok()?;
                continue;
            }
        };
        let message = Message::Text(Utf8Bytes::from(socket::json(&event)));
        timeout(SEND_DEADLINE, socket.send(message)).await.ok()?.ok()?;
    }
}

fn decode(paths: &[String]) -> Result<Vec<PathBuf>, String> {
    if paths.len() > DIRECTORIES_MAX {
        return Err(format!("at most {DIRECTORIES_MAX} directories are watched for one client"));
    }
    paths.iter().map(|text| path::decode(text).map_err(|error| error.message)).collect()
}
