//! What the tier's limits do to a real workspace, and what its user is told.

use std::time::Duration;

use coditect_host::{Host, StartWorkspace};
use coditect_model::id::WorkspaceId;
use coditect_model::tier::Limits;
use coditect_model::workspace::Generation;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{DEADLINE, Machine, start, workspace};

/// A program that runs within little CPU on a loaded machine must have done its work within this.
const EXEC_DEADLINE: Duration = Duration::from_secs(120);

/// Runs a program in a workspace by way of a WebSocket to its agent's `/v1/exec`; its exit code and output.
async fn exec(host: &Host, id: WorkspaceId, generation: u64, argv: &[&str]) -> (i64, String) {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};
    let stream = host.connect_agent(id, Generation(generation)).await.unwrap();
    let mut request = "ws://agent/v1/exec".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "coditect.v1".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    socket.send(Message::text(serde_json::json!({ "argv": argv }).to_string())).await.unwrap();
    let mut output = Vec::new();
    loop {
        match tokio::time::timeout(EXEC_DEADLINE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Binary(bytes) => output.extend_from_slice(&bytes[1..]),
            Message::Text(text) => {
                let event: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(event["type"], "exit", "{event}");
                return (event["code"].as_i64().unwrap(), String::from_utf8_lossy(&output).into_owned());
            }
            _ => {}
        }
    }
}

/// The first event that fits.
async fn event(host: &Host, id: WorkspaceId, fits: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    use futures_util::StreamExt as _;
    use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};
    let stream = host.connect_agent(id, Generation(1)).await.unwrap();
    let mut request = "ws://agent/v1/events".into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "coditect.v1".parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let found = async {
        loop {
            if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
                let event = serde_json::from_str(&text).unwrap();
                if fits(&event) {
                    return event;
                }
            }
        }
    };
    tokio::time::timeout(EXEC_DEADLINE, found).await.expect("the event did not come")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_told_which_program_was_ended_for_memory() {
    let machine = Machine::new();
    let host = machine.open();
    let (id, neighbour) = (workspace(20), workspace(21));
    for workspace in [id, neighbour] {
        let limits = Limits { memory_bytes: 96 << 20, pids: 40, ..super::limits() };
        host.start(StartWorkspace { workspace, generation: Generation(1), limits }).await.unwrap();
    }
    let hog =
        "import ctypes\nctypes.CDLL(None).prctl(15, b'hog,task=x')\nx = []\nwhile True: x.append(bytearray(1 << 20))";
    let (code, _) = exec(&host, id, 1, &["python3", "-c", hog]).await;
    assert_eq!(code, 128 + 9);
    let told = event(&host, id, |event| event["type"] == "notices").await;
    let notice = &told["notices"][0];
    assert_eq!((&notice["kind"], &notice["count"]), (&"out_of_memory".into(), &1.into()), "{told}");
    // Without the log's line (the kernel rations them) the name is missing, nothing else.
    if !notice["process"].is_null() {
        assert_eq!(notice["process"], "hog,task=x");
    }
    assert_eq!(notice["limit_bytes"], 96 << 20);
    assert_eq!(host.usage(id).unwrap().oom_kills, Some(1));
    // The agent and everything else in it lives; the neighbour was not touched.
    assert_eq!(exec(&host, id, 1, &["echo", "alive"]).await, (0, "alive\n".to_owned()));
    assert_eq!(host.usage(neighbour).unwrap().oom_kills, Some(0));

    let forks = "import os\ntry:\n while True:\n  if os.fork() == 0:\n   import signal; signal.pause()\nexcept OSError as e: print(e.errno)";
    let (code, output) = exec(&host, id, 1, &["timeout", "-s", "KILL", "60", "python3", "-c", forks]).await;
    assert_eq!((code, output.as_str()), (0, "11\n"));
    let refused = |event: &serde_json::Value| {
        event["notices"].as_array().is_some_and(|all| all.iter().any(|notice| notice["kind"] == "process_limit"))
    };
    event(&host, id, refused).await;
    assert!(host.usage(id).unwrap().refused_processes.unwrap() > 0);
    for workspace in [id, neighbour] {
        host.delete(workspace, Generation(2)).await.unwrap();
    }
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_change_while_a_workspace_runs_and_nothing_is_ended_for_it() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(22);
    host.start(start(id, 1)).await.unwrap();
    // 200 MiB that cannot be given back.
    let holder = "import sys\nx = bytearray(b'x') * (200 << 20)\nprint('held', flush=True)\nsys.stdin.read()";
    let script = "python3 -c \"$0\" < <(sleep 300) > /tmp/held & until grep -q held /tmp/held; do :; done";
    let (code, output) = exec(&host, id, 1, &["bash", "-c", script, holder]).await;
    assert_eq!(code, 0, "{output}");
    let smaller =
        Limits { memory_bytes: 100 << 20, pids: 60, cpu_millis: 300, terminals: 1, open_files: 999, ..super::limits() };
    let pending = host.set_limits(id, Generation(1), &smaller).await.unwrap();
    let named: Vec<(&str, bool)> = pending.iter().map(|limit| (&*limit.limit, limit.retried)).collect();
    assert_eq!(named, [("memory_bytes", true), ("open_files", false)], "{pending:?}");
    assert!(pending[0].reason.contains("new limit of 100 MiB"), "{pending:?}");
    assert_eq!(exec(&host, id, 1, &["pgrep", "-c", "python3"]).await.1.trim(), "1", "it was not ended");
    assert_eq!(host.usage(id).unwrap().oom_kills, Some(0));
    let create = b"POST /v1/terminals HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    for status in ["201", "409"] {
        let mut stream = host.connect_agent(id, Generation(1)).await.unwrap();
        stream.write_all(create).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text}");
    }
    // Once there is room, the same request does it.
    exec(&host, id, 1, &["pkill", "python3"]).await;
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let pending = host.set_limits(id, Generation(1), &smaller).await.unwrap();
        if pending.iter().all(|limit| limit.limit != "memory_bytes") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{pending:?}");
    }
    let (code, _) = exec(&host, id, 1, &["python3", "-c", "x = bytearray(b'x') * (200 << 20)"]).await;
    assert_eq!(code, 128 + 9, "the lower limit holds");
    // An outdated command changes nothing; one for what does not run is nothing.
    assert!(host.set_limits(id, Generation(0), &super::limits()).await.is_err());
    host.stop(id, Generation(2)).await.unwrap();
    assert_eq!(host.set_limits(id, Generation(2), &super::limits()).await.unwrap(), []);
    host.delete(id, Generation(3)).await.unwrap();
    machine.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_slowed_down_to_the_tiers_rate() {
    let machine = Machine::new();
    let host = machine.open();
    let id = workspace(23);
    let limits = Limits { disk_bytes_per_second: 4 << 20, ..super::limits() };
    host.start(StartWorkspace { workspace: id, generation: Generation(1), limits: limits.clone() }).await.unwrap();
    let write = ["dd", "if=/dev/zero", "of=/workspace/x", "bs=1M", "count=12", "oflag=direct", "conv=fsync"];
    let began = std::time::Instant::now();
    let (code, output) = exec(&host, id, 1, &write).await;
    let slow = began.elapsed();
    assert_eq!(code, 0, "{output}");
    // 12 MiB at 4 MiB/s are three seconds; the first moments may be free.
    assert!(slow > Duration::from_secs(1), "{slow:?}");
    let faster = Limits { disk_bytes_per_second: 1 << 30, ..limits };
    assert_eq!(host.set_limits(id, Generation(1), &faster).await.unwrap(), []);
    let began = std::time::Instant::now();
    exec(&host, id, 1, &write).await;
    assert!(began.elapsed() < slow, "{:?} after {slow:?}", began.elapsed());
    host.delete(id, Generation(2)).await.unwrap();
    machine.assert_clean();
}
