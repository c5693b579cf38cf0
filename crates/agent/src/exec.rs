//! `GET /v1/exec`: a command without a terminal, over a WebSocket.
//!
//! **Invariants**: when the client goes away, the command's process group is ended; a client that does not read stops the
//! command, not the agent.

use std::collections::HashSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use bytes::{BufMut as _, Bytes, BytesMut};
use coditect_api::agent::{Exec, ExecEvent};
use coditect_sandbox::children::signal_group;
use coditect_sandbox::pty;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt as _, StreamExt as _};
use rustix::process::Signal;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval_at, sleep, timeout};

use crate::agent::Agent;
use crate::ambient::log;
use crate::error::Result;
use crate::shell;
use crate::socket::{self, PING_INTERVAL, SEND_DEADLINE, SILENCE, close};

/// What a client may take to say what it wants to run.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// Output that a background process may still hold back is waited for this long after the command has ended.
const DRAIN_DEADLINE: Duration = Duration::from_millis(300);
/// What an abandoned command has to end itself after SIGTERM.
const TERMINATE_GRACE: Duration = Duration::from_secs(1);
/// Output in one frame, in bytes.
const OUTPUT_BYTES: usize = 32 * 1024;
/// Frames of input that wait for the command.
const INPUT_FRAMES: usize = 2;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;

/// Process groups of commands that run.
#[derive(Default)]
pub struct Running(Mutex<HashSet<u32>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends all of them a signal.
    pub fn signal(&self, signal: Signal) {
        for group in self.lock().iter() {
            // It may have ended just now.
            let _ = signal_group(*group, signal);
        }
    }
}

/// `/v1/exec`.
pub fn router() -> Router<Arc<Agent>> {
    Router::new().route("/v1/exec", get(exec))
}

async fn exec(State(agent): State<Arc<Agent>>, upgrade: WebSocketUpgrade) -> Result<Response> {
    agent.refuse_when_stopping()?;
    Ok(socket::bounded(upgrade).on_upgrade(move |socket| serve(agent, socket)))
}

async fn serve(agent: Arc<Agent>, mut socket: WebSocket) {
    let request = match timeout(REQUEST_DEADLINE, socket.recv()).await {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str::<Exec>(&text).map_err(|error| error.to_string()),
        Ok(Some(Ok(_))) => Err("the first frame must be text: what to run".to_owned()),
        Ok(Some(Err(error))) => {
            if let Some(goodbye) = socket::refusal(&error) {
                socket::say_goodbye(&mut socket, goodbye).await;
            }
            return;
        }
        Ok(None) => return,
        Err(_) => Err("nothing was asked for in time".to_owned()),
    };
    let goodbye = match request {
        Err(reason) => Some(close(socket::REFUSED, &reason)),
        Ok(request) => match start(&agent, &request) {
            Ok(process) => run(&agent, &mut socket, process).await,
            Err(reason) => {
                let failed = socket::json(&ExecEvent::Failed { reason });
                socket.send(Message::Text(Utf8Bytes::from(failed))).await.ok().map(|()| done())
            }
        },
    };
    if let Some(goodbye) = goodbye {
        socket::say_goodbye(&mut socket, goodbye).await;
    }
}

fn done() -> CloseFrame {
    close(1000, "")
}

struct Process {
    pid: u32,
    exit: oneshot::Receiver<i32>,
    stdin: pipe::Sender,
    stdout: pipe::Receiver,
    stderr: pipe::Receiver,
}

fn start(agent: &Agent, request: &Exec) -> std::result::Result<Process, String> {
    let Some((program, arguments)) = request.argv.split_first() else {
        return Err("`argv` is empty: name a program".to_owned());
    };
    let has_nul = |text: &String| text.contains('\0');
    if request.argv.iter().chain(request.env.keys()).chain(request.env.values()).any(has_nul) {
        return Err("arguments and environment must not hold NUL".to_owned());
    }
    if request.env.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Err("names in the environment must not be empty or hold `=`".to_owned());
    }
    let cwd = shell::cwd(&agent.config, request.cwd.as_deref()).map_err(|error| error.message)?;
    let mut command = shell::command(&agent.config, program, &cwd);
    command.args(arguments).envs(&request.env);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        pty::spawn_plain(&mut command).map_err(|error| format!("{}: {error}", Path::new(program).display()))?;
    let pid = child.id();
    let exit = agent.children.expect(pid);
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let pipes = || -> std::io::Result<_> {
        let missing = || std::io::Error::other("a standard stream is missing");
        let stdin = pipe::Sender::from_owned_fd(stdin.ok_or_else(missing)?.into())?;
        let stdout = pipe::Receiver::from_owned_fd(stdout.ok_or_else(missing)?.into())?;
        let stderr = pipe::Receiver::from_owned_fd(stderr.ok_or_else(missing)?.into())?;
        Ok((stdin, stdout, stderr))
    };
    match pipes() {
        Ok((stdin, stdout, stderr)) => Ok(Process { pid, exit, stdin, stdout, stderr }),
        Err(error) => {
            // Without its streams it is of no use to anybody.
            let _ = signal_group(pid, Signal::KILL);
            Err(format!("cannot connect the command: {error}"))
        }
    }
}

/// Runs the command to its end, or until the client is gone.
async fn run(agent: &Arc<Agent>, socket: &mut WebSocket, process: Process) -> Option<CloseFrame> {
    let Process { pid, mut exit, stdin, mut stdout, mut stderr } = process;
    agent.running.lock().insert(pid);
    let (mut sink, mut stream) = socket.split();
    let (input, waiting) = mpsc::channel(INPUT_FRAMES);
    let feed = feed(stdin, waiting);
    let receive = receive(&mut stream, input);
    tokio::pin!(feed, receive);
    let mut fed = false;
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    let mut code = None;
    let mut open = (true, true);
    let (mut out, mut err) = (BytesMut::new(), BytesMut::new());
    let goodbye = loop {
        if let (Some((code, _)), (false, false)) = (code, open) {
            let exit = socket::json(&ExecEvent::Exit { code });
            let sent = timeout(SEND_DEADLINE, sink.send(Message::Text(Utf8Bytes::from(exit)))).await;
            break matches!(sent, Ok(Ok(()))).then(done);
        }
        let drained = code.map(|(_, at): (i32, Instant)| at + DRAIN_DEADLINE);
        let message = tokio::select! {
            end = &mut exit, if code.is_none() => {
                code = Some((end.unwrap_or(-1), Instant::now()));
                continue;
            }
            read = read_some(&mut stdout, &mut out, STDOUT), if open.0 => {
                open.0 = read;
                if !read { continue }
                Message::Binary(out.split().freeze())
            }
            read = read_some(&mut stderr, &mut err, STDERR), if open.1 => {
                open.1 = read;
                if !read { continue }
                Message::Binary(err.split().freeze())
            }
            () = &mut feed, if !fed => { fed = true; continue }
            goodbye = &mut receive => break goodbye,
            _ = ping.tick() => Message::Ping(Bytes::new()),
            () = sleep_until(drained) => { open = (false, false); continue }
        };
        if !matches!(timeout(SEND_DEADLINE, sink.send(message)).await, Ok(Ok(()))) {
            break None;
        }
    };
    if code.is_none() {
        tokio::spawn(abandon(Arc::clone(agent), pid, exit));
    } else {
        agent.running.lock().remove(&pid);
    }
    goodbye
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Reads output behind the byte that says which it is. `false` at its end. Nothing is lost when this is cancelled.
async fn read_some(pipe: &mut pipe::Receiver, buffer: &mut BytesMut, stream: u8) -> bool {
    loop {
        if pipe.readable().await.is_err() {
            return false;
        }
        buffer.clear();
        buffer.reserve(OUTPUT_BYTES + 1);
        buffer.put_u8(stream);
        match pipe.try_read_buf(buffer) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
}

/// Writes input to the command until it ends or nobody reads it.
async fn feed(mut stdin: pipe::Sender, mut waiting: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = waiting.recv().await {
        if bytes.is_empty() || stdin.write_all(&bytes).await.is_err() {
            break;
        }
    }
    drop(stdin);
    // Further input is for nobody; the client's frames must still be received.
    while waiting.recv().await.is_some() {}
}

/// Receives input until the connection ends (`None`) or is to be closed.
async fn receive(stream: &mut SplitStream<&mut WebSocket>, input: mpsc::Sender<Bytes>) -> Option<CloseFrame> {
    loop {
        let message = match timeout(SILENCE, stream.next()).await {
            Err(_) => return Some(close(socket::GONE, "no sign of life")),
            Ok(None) => return None,
            Ok(Some(Err(error))) => return socket::refusal(&error),
            Ok(Some(Ok(message))) => message,
        };
        match message {
            // The receiving side lives as long as this.
            Message::Binary(bytes) => drop(input.send(bytes).await),
            Message::Text(_) => return Some(close(socket::REFUSED, "only input may follow")),
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
}

/// Ends a command whose client is gone.
async fn abandon(agent: Arc<Agent>, group: u32, mut exit: oneshot::Receiver<i32>) {
    let kill = |signal| {
        if let Err(error) = signal_group(group, signal) {
            log(&format!("cannot end process group {group}: {error}"));
        }
    };
    kill(Signal::TERM);
    kill(Signal::CONT);
    tokio::select! {
        _ = &mut exit => {}
        () = sleep(TERMINATE_GRACE) => {}
    }
    // Its children may have outlived it.
    kill(Signal::KILL);
    agent.running.lock().remove(&group);
}
