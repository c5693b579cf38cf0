//! A client of a terminal that keeps the protocol's books: offsets, renderings, acknowledgements.

use std::num::NonZeroU16;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::agent::{Agent, Socket};

/// A connection to a terminal.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    /// Output received, beginning at `offset`.
    pub(crate) output: Vec<u8>,
    /// Where `output` begins in the stream.
    pub(crate) offset: u64,
    /// The emulator of this client.
    pub(crate) screen: vt100::Parser,
    pub(crate) renderings: u32,
    pub(crate) input_offset: u64,
    pub(crate) size: (u64, u64),
    pub(crate) title: String,
    pub(crate) exit: Option<i64>,
    /// Acknowledges all output.
    pub(crate) acknowledges: bool,
    rendering_left: u64,
}

impl Client {
    pub(crate) async fn attach(agent: &Agent, terminal: &str, client: &str, since: Option<u64>) -> Self {
        let since = since.map(|since| format!("&since={since}")).unwrap_or_default();
        let mut socket = agent.web_socket(&format!("/v1/terminals/{terminal}/attach?client={client}{since}")).await;
        let Some(Message::Text(text)) = socket.next().await else { panic!("no hello") };
        let hello: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(hello["type"], "hello", "{hello}");
        let number = |value: &Value| value.as_u64().unwrap();
        let size = (number(&hello["terminal"]["cols"]), number(&hello["terminal"]["rows"]));
        Self {
            socket,
            output: Vec::new(),
            offset: number(&hello["offset"]),
            screen: emulator(size),
            renderings: 0,
            input_offset: number(&hello["input_offset"]),
            size,
            title: hello["terminal"]["title"].as_str().unwrap().to_owned(),
            exit: None,
            acknowledges: true,
            rendering_left: 0,
        }
    }

    /// Where the next output byte stands in the stream.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.output.len() as u64
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    pub(crate) async fn type_bytes(&mut self, bytes: &[u8]) {
        self.socket.send(bytes.to_vec()).await;
    }

    pub(crate) async fn run(&mut self, line: &str) {
        self.type_bytes(format!("{line}\n").as_bytes()).await;
    }

    pub(crate) async fn resize(&mut self, cols: u16, rows: u16) {
        self.socket.send_json(json!({"type": "resize", "cols": cols, "rows": rows})).await;
    }

    pub(crate) async fn ack(&mut self) {
        let offset = self.end();
        self.socket.send_json(json!({"type": "ack", "offset": offset})).await;
    }

    /// Takes one message. `false` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> bool {
        let Some(message) = self.socket.next_in_time().await else {
            panic!(
                "the agent says nothing; output so far {:?}, screen {:?}",
                self.text(),
                self.screen.screen().contents()
            );
        };
        match message {
            Some(Message::Binary(bytes)) if self.rendering_left > 0 => {
                self.screen.process(&bytes);
                self.rendering_left -= bytes.len() as u64;
            }
            Some(Message::Binary(bytes)) => {
                assert!(!bytes.is_empty() && bytes.len() <= 65_536);
                self.screen.process(&bytes);
                self.output.extend(&bytes);
                if self.acknowledges {
                    self.ack().await;
                }
            }
            Some(Message::Text(text)) => self.frame(&serde_json::from_str(&text).unwrap()),
            Some(Message::Close(_)) | None => return false,
            Some(other) => panic!("unexpected {other:?}"),
        }
        true
    }

    fn frame(&mut self, frame: &Value) {
        let number = |name: &str| frame[name].as_u64().unwrap();
        match frame["type"].as_str().unwrap() {
            "screen" => {
                self.renderings += 1;
                self.rendering_left = number("bytes");
                self.offset = number("offset");
                self.output.clear();
                self.size = (number("cols"), number("rows"));
                self.screen = emulator(self.size);
            }
            "input_ack" => {
                assert!(number("offset") > self.input_offset);
                self.input_offset = number("offset");
            }
            "size" => {
                self.size = (number("cols"), number("rows"));
                let (rows, cols) = sides(self.size);
                self.screen.set_size(rows, cols);
            }
            "title" => frame["title"].as_str().unwrap().clone_into(&mut self.title),
            "exit" => self.exit = frame["code"].as_i64(),
            other => panic!("unexpected frame {other}"),
        }
    }

    pub(crate) async fn until(&mut self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        while !so(self) || self.rendering_left > 0 {
            assert!(self.receive().await, "the connection ended before: {what}; output {:?}", self.text());
        }
    }

    /// Until the output holds this text.
    pub(crate) async fn until_text(&mut self, wanted: &str) {
        self.until(wanted, |client| contains(&client.output, wanted.as_bytes())).await;
    }

    /// Until the screen shows this text.
    pub(crate) async fn until_shown(&mut self, wanted: &str) {
        self.until(wanted, |client| client.screen.screen().contents().contains(wanted)).await;
    }

    /// Makes the terminal give back every byte as it is typed, with `program` reading it.
    pub(crate) async fn raw(&mut self, program: &str) {
        // The marker is not in the echo of the command line.
        self.run(&format!("stty raw -echo; printf 'RE''ADY'; {program}")).await;
        self.until_text("READY").await;
        // The program's own output may have come along.
        let marker = self.output.windows(5).rposition(|window| window == b"READY").unwrap() + 5;
        self.output.drain(..marker);
        self.offset += marker as u64;
    }
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn sides(size: (u64, u64)) -> (NonZeroU16, NonZeroU16) {
    let side = |cells: u64| NonZeroU16::new(u16::try_from(cells).unwrap()).unwrap();
    (side(size.1), side(size.0))
}

pub(crate) fn emulator(size: (u64, u64)) -> vt100::Parser {
    let (rows, cols) = sides(size);
    vt100::Parser::new(rows, cols, 2000)
}

/// Scrolled rows, newest first.
pub(crate) fn scrollback(parser: &mut vt100::Parser) -> Vec<String> {
    let screen = parser.screen_mut();
    let cols = screen.size().1.get();
    let mut rows = Vec::new();
    for offset in 1..=screen.scrollback_len() {
        screen.set_scrollback(offset);
        rows.push(screen.rows_formatted(0, cols).next().unwrap());
    }
    screen.set_scrollback(0);
    rows
}
