//! `/v1/exec`: a command's streams, its end, and its client's.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::agent::{Agent, Socket, eventually, runs};

#[derive(Default)]
struct Done {
    out: Vec<u8>,
    err: Vec<u8>,
    last: Value,
}

async fn finish(socket: &mut Socket) -> Done {
    let mut done = Done::default();
    loop {
        match socket.next().await {
            Some(Message::Binary(bytes)) => match bytes[0] {
                1 => done.out.extend(&bytes[1..]),
                2 => done.err.extend(&bytes[1..]),
                other => panic!("stream {other}"),
            },
            Some(Message::Text(text)) => {
                done.last = serde_json::from_str(&text).unwrap();
                return done;
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn run(agent: &Agent, request: Value) -> Done {
    let mut socket = agent.web_socket("/v1/exec").await;
    socket.send_json(request).await;
    finish(&mut socket).await
}

#[tokio::test]
async fn a_command_has_its_streams_environment_directory_and_code() {
    let agent = Agent::start();
    let script = "echo $GREETING; pwd; echo oops >&2; exit 3";
    let done = run(&agent, json!({"argv": ["sh", "-c", script], "env": {"GREETING": "hello"}, "cwd": "/"})).await;
    assert_eq!(done.out, b"hello\n/\n");
    assert_eq!(done.err, b"oops\n");
    assert_eq!(done.last, json!({"type": "exit", "code": 3}));
    assert_eq!(run(&agent, json!({"argv": ["sh", "-c", "kill -9 $$"]})).await.last["code"], 137);
    let pwd = run(&agent, json!({"argv": ["pwd"]})).await;
    assert_eq!(String::from_utf8(pwd.out).unwrap().trim(), agent.config.workspace);
}

#[tokio::test]
async fn input_ends_with_an_empty_frame_and_output_is_complete() {
    let agent = Agent::start();
    let mut socket = agent.web_socket("/v1/exec").await;
    socket.send_json(json!({"argv": ["cat"]})).await;
    let data: Vec<u8> = (0..400_000_u32).map(|byte| u8::try_from(byte % 253).unwrap()).collect();
    let (mut sink, mut stream) = futures_util::StreamExt::split(socket.inner);
    let sending = async {
        for chunk in data.chunks(60_000) {
            futures_util::SinkExt::send(&mut sink, Message::from(chunk.to_vec())).await.unwrap();
        }
        futures_util::SinkExt::send(&mut sink, Message::from(Vec::new())).await.unwrap();
    };
    let receiving = async {
        let mut out: Vec<u8> = Vec::new();
        loop {
            match futures_util::StreamExt::next(&mut stream).await.unwrap().unwrap() {
                Message::Binary(bytes) => out.extend(&bytes[1..]),
                Message::Text(text) => return (out, text.to_string()),
                other => panic!("{other:?}"),
            }
        }
    };
    let ((), (out, last)) =
        tokio::time::timeout(super::agent::DEADLINE, async { tokio::join!(sending, receiving) }).await.unwrap();
    assert!(out == data, "the bytes differ");
    assert_eq!(last, r#"{"type":"exit","code":0}"#);
}

#[tokio::test]
async fn a_background_process_does_not_hold_up_the_end() {
    let agent = Agent::start();
    let done = run(&agent, json!({"argv": ["sh", "-c", "sleep 1004 & echo $!"]})).await;
    assert_eq!(done.last["code"], 0);
    let pid: u32 = String::from_utf8(done.out).unwrap().trim().parse().unwrap();
    assert!(runs(pid), "what a command leaves behind on purpose stays");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.cast_signed()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
}

#[tokio::test]
async fn a_command_ends_with_its_client() {
    let agent = Agent::start();
    for script in [
        "sleep 1005 & echo $! >> pids; echo $$ >> pids; echo up; wait",
        "trap '' TERM HUP; (trap '' TERM; sleep 1006) & echo $! >> pids; echo $$ >> pids; echo up; wait",
    ] {
        let mut socket = agent.web_socket("/v1/exec").await;
        socket.send_json(json!({"argv": ["sh", "-c", script]})).await;
        let Some(Message::Binary(up)) = socket.next().await else { panic!() };
        assert_eq!(&up[1..], b"up\n");
        drop(socket);
        let text = std::fs::read_to_string(agent.workspace("pids")).unwrap();
        let pids: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        eventually("the processes end", || pids.iter().all(|&pid| !runs(pid))).await;
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_said() {
    let agent = Agent::start();
    for request in [
        json!({"argv": []}),
        json!({"argv": ["/no/such/program"]}),
        json!({"argv": ["a\u{0}b"]}),
        json!({"argv": ["true"], "env": {"A=B": "c"}}),
        json!({"argv": ["true"], "cwd": "/no/such/directory"}),
    ] {
        let done = run(&agent, request.clone()).await;
        assert_eq!(done.last["type"], "failed", "{request}");
        assert!(!done.last["reason"].as_str().unwrap().is_empty());
    }
    for first in ["nonsense", r#"{"argv":"true"}"#, r#"{"argv":["true"],"shell":true}"#] {
        let mut socket = agent.web_socket("/v1/exec").await;
        socket.send(first).await;
        assert_eq!(socket.close_code().await, 1008);
    }
}
