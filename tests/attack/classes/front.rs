//! Requests as an attacker writes them: every byte of the head is the test's own, one connection each.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Whatever is waited for must come within this; it only guards against hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Looks again and again until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE, "not so within {} s: {what}", DEADLINE.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The front door of an installation: the one port it listens on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    pub(crate) port: u16,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    target: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, host: None, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    /// Asks to change to WebSocket.
    pub(crate) fn websocket(self) -> Self {
        self.header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn bytes(&self, front: Front) -> Vec<u8> {
        let host = self.host.clone().unwrap_or_else(|| front.authority());
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| name == "connection") {
            head.push_str("connection: close\r\n");
        }
        let framed = self.headers.iter().any(|(name, _)| name == "transfer-encoding" || name == "content-length");
        if !framed && (!self.body.is_empty() || self.method != "GET") {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.into_bytes(), self.body.clone()].concat()
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Parses an answer whose connection was closed behind it. Status 0: there was none.
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let rest = bytes.get(end + 4..).unwrap_or_default();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { unchunk(rest) } else { rest.to_vec() };
        Self { status, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}: {}", self.status, self.text()))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?} {}", self.headers, self.text());
        self
    }

    /// Refused with one of these, in the one form of refusals.
    #[track_caller]
    pub(crate) fn refused(self, statuses: &[u16], what: &str) -> Self {
        assert!(statuses.contains(&self.status), "{what}: {} {:?} {}", self.status, self.headers, self.text());
        self
    }

    /// The `Cookie` header a browser sends after this answer.
    pub(crate) fn jar(&self) -> String {
        let pairs = self.all("set-cookie");
        pairs.iter().map(|cookie| cookie.split(';').next().unwrap_or_default()).collect::<Vec<_>>().join("; ")
    }
}

/// Whether an answer needs no end of its connection to be over: it changes protocols, or says how long it is. (An answer
/// to `HEAD` says so too, and is closed behind.)
fn is_whole(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    head.starts_with("http/1.1 101") || length.is_some_and(|length| received.len() - end - 4 >= length)
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
        let Some(size) = size.filter(|&size| size > 0) else { break };
        let from = end + 2;
        body.extend_from_slice(rest.get(from..from + size).unwrap_or_default());
        rest = rest.get(from + size + 2..).unwrap_or_default();
    }
    body
}

impl Front {
    /// Host and port of the control origin.
    pub(crate) fn authority(self) -> String {
        format!("coditect.localhost:{}", self.port)
    }

    /// The control origin.
    pub(crate) fn origin(self) -> String {
        format!("http://{}", self.authority())
    }

    /// Host and port of an origin of a workspace.
    pub(crate) fn site(self, place: impl std::fmt::Display, label: &str) -> String {
        format!("{place}--{label}.{}", self.authority())
    }

    pub(crate) fn connect(self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends a request and reads its answer: until the connection closes, or to the end of the head of a change of
    /// protocols.
    pub(crate) fn ask(self, ask: &Ask) -> Reply {
        self.raw(&ask.bytes(self))
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // Whoever is refused early may not be able to send the rest.
        let _ = stream.write_all(bytes);
        let mut received = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
                Err(error) => panic!("no whole answer: {error}; so far: {}", String::from_utf8_lossy(&received)),
            }
            if is_whole(&received) {
                break;
            }
        }
        Reply::parse(&received)
    }
}
