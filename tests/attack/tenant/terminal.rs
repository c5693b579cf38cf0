//! A person at a terminal of a workspace, with a watch.

use std::time::{Duration, Instant};

use coditect_api::terminal::Terminal as Made;
use coditect_model::id::WorkspaceId;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::world::{DEADLINE, World, websocket};

/// Between two keys: nobody types faster, and whoever measures should not be the load that is measured.
const BETWEEN_KEYS: Duration = Duration::from_millis(4);

pub(crate) struct Terminal {
    socket: WebSocketStream<UnixStream>,
}

impl Terminal {
    /// A new terminal whose shell has shown its prompt.
    pub(crate) async fn open(world: &World, workspace: WorkspaceId) -> Self {
        let mut stream = world.connect(workspace).await;
        let request = "POST /v1/terminals HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                       Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let made: Made = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let path = format!("/v1/terminals/{}/attach?client=6ba7b810-9dad-11d1-80b4-00c04fd430c8&since=0", made.id);
        let mut terminal = Self { socket: websocket(world.connect(workspace).await, &path).await };
        terminal.type_in("printf 'rea%s\\n' dy\r").await;
        terminal.until("ready").await;
        terminal
    }

    async fn type_in(&mut self, keys: &str) {
        self.socket.send(Message::binary(keys.as_bytes().to_vec())).await.unwrap();
    }

    /// Reads until the terminal has shown this.
    async fn until(&mut self, wanted: &str) {
        let mut shown = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&shown).contains(wanted) {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => shown.extend_from_slice(&bytes),
                    Some(Ok(_)) => {}
                    other => panic!("the terminal ended: {other:?}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, read).await.unwrap_or_else(|_| panic!("`{wanted}` is not shown"));
    }

    /// A key, and the shell's echo of it: how long that took.
    pub(crate) async fn keystroke(&mut self) -> Duration {
        let began = Instant::now();
        self.type_in("x").await;
        self.until("x").await;
        let took = began.elapsed();
        // And away with it. The shell moves back over it and writes a blank.
        self.type_in("\u{8}").await;
        self.until("\u{8}").await;
        tokio::time::sleep(BETWEEN_KEYS).await;
        took
    }
}

/// The middle one and nearly the slowest.
pub(crate) fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?}, p99 {:?}, longest {:?}, {} keys", at(50), at(99), at(100), times.len())
}
