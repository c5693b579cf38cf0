//! Two strangers with a workspace each: what they ask, what they run, what their browsers send.

use std::net::TcpStream;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::front::{Ask, DEADLINE, Front, Reply};
use super::installation::Installation;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Somebody with an account and tokens, as a program has them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) front: Front,
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) id: String,
    pub(crate) label: String,
}

/// What a program inside did.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) code: i64,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Person {
    pub(crate) fn register(front: Front, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        Self::of(front, &front.ask(&Ask::post("/api/v5/auth/register").json(&body)).expect(201))
    }

    pub(crate) fn log_in(&self) -> Self {
        let body = json!({ "email": self.email, "password": PASSWORD });
        Self::of(self.front, &self.front.ask(&Ask::post("/api/v5/auth/login").json(&body)).expect(200))
    }

    fn of(front: Front, reply: &Reply) -> Self {
        let body = reply.json();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        Self {
            front,
            id: text("/user/id"),
            email: text("/user/email"),
            token: text("/access_token"),
            refresh: text("/refresh_token"),
        }
    }

    /// The cookies of a browser in which this person has logged in.
    pub(crate) fn browser(&self) -> String {
        let body = json!({ "email": self.email, "password": PASSWORD, "delivery": "cookie" });
        let ask = Ask::post("/api/v5/auth/login").header("origin", &self.front.origin()).json(&body);
        self.front.ask(&ask).expect(200).jar()
    }

    /// A request to the API.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let ask = Ask::new(method, &format!("/api/v5{path}")).bearer(&self.token);
        let ask = if let Some(body) = body { ask.json(&body) } else { ask };
        self.front.ask(&ask)
    }

    /// A running workspace.
    pub(crate) fn workspace(&self, name: &str) -> Workspace {
        let made = self.call("POST", "/workspaces?wait_ms=30000", Some(json!({ "name": name }))).expect(201).json();
        assert_eq!(made["state"], "running", "{made}");
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Workspace { id: text("id"), label: text("label") }
    }

    /// A fresh grant for one of one's own workspaces.
    pub(crate) fn grant(&self, workspace: &Workspace) -> String {
        let path = format!("/workspaces/{}/grant", workspace.id);
        self.call("POST", &path, Some(json!({}))).expect(200).json()["grant"].as_str().unwrap().to_owned()
    }

    /// A request to the agent.
    pub(crate) fn agent(&self, workspace: &Workspace, method: &str, path: &str, body: Option<Value>) -> Reply {
        let ask = Ask::new(method, &format!("/w/{}/v1{path}", workspace.label)).bearer(&self.grant(workspace));
        let ask = if let Some(body) = body { ask.json(&body) } else { ask };
        self.front.ask(&ask)
    }

    /// A stream of the agent, opened as programs do.
    pub(crate) fn stream(&self, workspace: &Workspace, path: &str) -> WebSocket<TcpStream> {
        let url = format!("ws://{}/w/{}/v1{path}", self.front.authority(), workspace.label);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", self.grant(workspace)).parse().unwrap());
        headers.insert("sec-websocket-protocol", "coditect.v1".parse().unwrap());
        tungstenite::client(request, self.front.connect()).unwrap_or_else(|error| panic!("{path}: {error}")).0
    }

    /// Runs a program inside, with input.
    pub(crate) fn exec(&self, workspace: &Workspace, argv: &[&str], input: &[u8]) -> Ran {
        let mut socket = self.stream(workspace, "/exec");
        socket.send(Message::text(json!({ "argv": argv }).to_string())).unwrap();
        for chunk in input.chunks(32 * 1024) {
            socket.send(Message::binary(chunk.to_vec())).unwrap();
        }
        socket.send(Message::binary(Vec::new())).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        loop {
            match socket.read().unwrap_or_else(|error| panic!("{argv:?}: {error}")) {
                Message::Binary(bytes) => match bytes.split_first() {
                    Some((1, rest)) => out.extend_from_slice(rest),
                    Some((2, rest)) => err.extend_from_slice(rest),
                    _ => {}
                },
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(event["type"], "exit", "{argv:?}: {event}");
                    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                    return Ran { code: event["code"].as_i64().unwrap(), out: text(out), err: text(err) };
                }
                _ => {}
            }
        }
    }

    /// Runs a shell script inside; what it printed. It must succeed.
    #[track_caller]
    pub(crate) fn sh(&self, workspace: &Workspace, script: &str) -> String {
        let ran = self.exec(workspace, &["/bin/bash", "-euc", script], b"");
        assert_eq!(ran.code, 0, "{script}\n{}{}", ran.out, ran.err);
        ran.out.trim_end().to_owned()
    }

    /// The same where failing is an answer too.
    pub(crate) fn try_sh(&self, workspace: &Workspace, script: &str) -> Ran {
        self.exec(workspace, &["/bin/bash", "-uc", script], b"")
    }

    /// Serves the tests' program on a port of the workspace and waits until it listens.
    pub(crate) fn serve_app(&self, workspace: &Workspace, port: u16) {
        let program = include_str!("../../e2e/harness/app.py");
        let ran = self.exec(workspace, &["/bin/bash", "-c", "cat > /workspace/app.py"], program.as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.err);
        self.sh(
            workspace,
            &format!(
                "setsid python3 /workspace/app.py {port} </dev/null >/tmp/app.log 2>&1 &\n\
                 until (exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.05; done"
            ),
        );
    }

    /// The cookie that a browser of this person has for one port, got by a ticket.
    pub(crate) fn app_cookie(&self, workspace: &Workspace, port: u16) -> String {
        let host = self.front.site(port, &workspace.label);
        let reply = self.front.ask(&Ask::get(&self.ticket(workspace, port)).host(&host)).expect(303);
        let cookie = reply.jar();
        assert!(cookie.starts_with("__Host-coditect_app="), "{:?}", reply.headers);
        cookie
    }

    /// Path and query of a one-time way in to a port.
    pub(crate) fn ticket(&self, workspace: &Workspace, port: u16) -> String {
        let path = format!("/workspaces/{}/tickets", workspace.id);
        let url = self.call("POST", &path, Some(json!({ "port": port, "path": "/" }))).expect(201).json();
        let url = url["url"].as_str().unwrap();
        let start = format!("http://{}", self.front.site(port, &workspace.label));
        url.strip_prefix(&start).unwrap_or_else(|| panic!("{url}")).to_owned()
    }
}

/// An installation, somebody who attacks, and somebody who must not notice.
pub(crate) struct Stage {
    pub(crate) at: Installation,
    pub(crate) eve: Person,
    pub(crate) bob: Person,
    /// Eve's.
    pub(crate) hers: Workspace,
    /// Bob's.
    pub(crate) his: Workspace,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        let at = Installation::start_with(settings);
        let (eve, bob) = (Person::register(at.front, "eve"), Person::register(at.front, "bob"));
        let (hers, his) = (eve.workspace("hers"), bob.workspace("his"));
        bob.sh(&his, "echo bobs-secret > /workspace/kept");
        Self { at, eve, bob, hers, his }
    }

    pub(crate) fn front(&self) -> Front {
        self.at.front
    }

    /// Bob's workspace runs, answers, and holds what it held.
    #[track_caller]
    pub(crate) fn bob_is_well(&self) {
        // Tests put their own program there.
        let seen = self.bob.sh(&self.his, "cat /workspace/kept; ls -A --ignore=app.py /workspace");
        assert_eq!(seen, "bobs-secret\nkept");
        let status = self.bob.agent(&self.his, "GET", "/status", None).expect(200).json();
        assert_eq!(status["workspace_id"], self.his.id.as_str());
    }

    /// Eve's own workspace answers: what was refused was refused, not broken.
    #[track_caller]
    pub(crate) fn eve_is_served(&self) {
        assert_eq!(self.eve.sh(&self.hers, "echo $((6 * 7))"), "42");
    }
}

/// A WebSocket whose server may keep it waiting no longer than the deadline.
pub(crate) fn read_or_closed(socket: &mut WebSocket<TcpStream>) -> Option<Message> {
    socket.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    socket.read().ok().filter(|message| !message.is_close())
}
