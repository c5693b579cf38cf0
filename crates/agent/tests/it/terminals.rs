//! `/v1/terminals`: made once, named, limited, ended with everything in them.

use serde_json::{Value, json};

use super::agent::{Agent, eventually, runs};
use super::attach::Client;

#[tokio::test]
async fn asking_twice_for_one_id_makes_one_terminal() {
    let agent = Agent::start();
    let id = format!("term_{}", "0".repeat(26));
    let request = json!({"id": id, "name": "build\u{1b}[31m\n", "cols": 100, "rows": 30});
    let (first, made) = agent.request("POST", "/v1/terminals", request.clone()).await;
    let (second, same) = agent.request("POST", "/v1/terminals", request).await;
    assert_eq!((first, second), (201, 200));
    assert_eq!(made["pid"], same["pid"]);
    assert_eq!((&made["name"], &made["cols"], &made["rows"]), (&json!("build[31m"), &json!(100), &json!(30)));
    let (_, list) = agent.request("GET", "/v1/terminals", Value::Null).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    let (status, renamed) =
        agent.request("PATCH", &format!("/v1/terminals/{id}"), json!({"name": "x".repeat(500)})).await;
    assert_eq!((status, renamed["name"].as_str().unwrap().len()), (200, 200));
    let (status, agent_status) = agent.request("GET", "/v1/status", Value::Null).await;
    assert_eq!((status, &agent_status["terminals"]), (200, &json!(1)));
    assert_eq!(agent_status["workspace_id"], json!(agent.config.workspace_id));
}

#[tokio::test]
async fn bad_requests_are_answered_in_words() {
    let agent = Agent::start();
    let cases = [
        ("POST", "/v1/terminals", json!({"id": "nonsense"}), 422, "invalid_value"),
        ("POST", "/v1/terminals", json!({"cols": 5000}), 422, "invalid_value"),
        ("POST", "/v1/terminals", json!({"cols": "wide"}), 400, "invalid_request"),
        ("POST", "/v1/terminals", json!({"colour": 1}), 400, "invalid_request"),
        ("POST", "/v1/terminals", json!({"name": "x".repeat(100_000)}), 413, "payload_too_large"),
        ("POST", "/v1/terminals", json!({"cwd": "relative"}), 422, "invalid_value"),
        ("POST", "/v1/terminals", json!({"cwd": "/does/not/exist"}), 422, "invalid_value"),
        ("GET", "/v1/terminals/term_x", Value::Null, 404, "not_found"),
        ("DELETE", "/v1/terminals/nonsense", Value::Null, 404, "not_found"),
        ("PUT", "/v1/terminals", Value::Null, 405, "method_not_allowed"),
        ("GET", "/nowhere", Value::Null, 404, "not_found"),
        ("GET", "/v1/events", Value::Null, 400, "invalid_request"),
    ];
    for (method, path, body, status, kind) in cases {
        let answer = agent.request(method, path, body).await;
        assert_eq!((answer.0, &answer.1["error"]["kind"]), (status, &json!(kind)), "{method} {path}: {}", answer.1);
        assert!(!answer.1["error"]["message"].as_str().unwrap().is_empty());
        assert!(answer.1["error"]["request_id"].as_str().unwrap().starts_with("req_"));
    }
    let request = http::Request::get("/nowhere").header("host", "a").header("x-request-id", "req_given");
    let (parts, body) = agent.raw(request.body(http_body_util::Full::default()).unwrap()).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (parts.headers["x-request-id"].to_str().unwrap(), &body["error"]["request_id"]),
        ("req_given", &json!("req_given"))
    );
}

#[tokio::test]
async fn there_are_only_so_many_and_ended_ones_make_room() {
    let agent = Agent::start_with(|config| config.terminals_max = 2);
    let (first, _second) = (agent.terminal().await, agent.terminal().await);
    let (status, body) = agent.request("POST", "/v1/terminals", json!({})).await;
    assert_eq!(
        (status, &body["error"]["kind"], &body["error"]["details"]["value"]),
        (409, &json!("limit_exceeded"), &json!(2))
    );
    let mut client = Client::attach(&agent, &first, "a", Some(0)).await;
    client.run("exit").await;
    client.until("the end", |client| client.exit.is_some()).await;
    // As long as somebody reads its last screen it stays.
    assert_eq!(agent.request("POST", "/v1/terminals", json!({})).await.0, 409);
    client.socket.inner.close(None).await.unwrap();
    drop(client);
    let deadline = tokio::time::Instant::now() + super::agent::DEADLINE;
    while agent.request("POST", "/v1/terminals", json!({})).await.0 != 201 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(agent.request("GET", &format!("/v1/terminals/{first}"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn an_ended_shell_tells_its_code_and_keeps_its_last_screen() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("echo last''words; exit 7").await;
    client.until("the end", |client| client.exit.is_some()).await;
    assert_eq!(client.exit, Some(7));
    assert!(client.text().contains("lastwords"));
    let (_, shown) = agent.request("GET", &format!("/v1/terminals/{terminal}"), Value::Null).await;
    assert_eq!(shown["exit_code"], 7);
    let mut late = Client::attach(&agent, &terminal, "b", None).await;
    late.until("the end", |client| client.exit.is_some()).await;
    assert!(late.screen.screen().contents().contains("lastwords"));
    late.type_bytes(b"typed into the void").await;
    late.until("the acknowledgement", |client| client.input_offset == 19).await;

    let killed = agent.terminal().await;
    let mut client = Client::attach(&agent, &killed, "a", Some(0)).await;
    client.run("kill -9 $$").await;
    client.until("the end", |client| client.exit.is_some()).await;
    assert_eq!(client.exit, Some(137));
}

#[tokio::test]
async fn deleting_ends_background_jobs_that_ignore_hangups() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("set -m; sleep 1001 & nohup sleep 1002 >/dev/null 2>&1 & (trap '' HUP TERM; sleep 1003) & jobs -p > pids; echo $$ >> pids; echo do''ne").await;
    client.until_text("\ndone").await;
    let pids: Vec<u32> =
        std::fs::read_to_string(agent.workspace("pids")).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 4);
    assert!(pids.iter().all(|&pid| runs(pid)));
    let (status, _) = agent.request("DELETE", &format!("/v1/terminals/{terminal}"), Value::Null).await;
    assert_eq!(status, 204);
    assert!(pids.iter().all(|&pid| !runs(pid)), "processes are left");
    assert_eq!(client.socket.close_code().await, 4001);
    assert_eq!(agent.request("DELETE", &format!("/v1/terminals/{terminal}"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn orphans_are_reaped() {
    let agent = Agent::start();
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("for i in $(seq 50); do sh -c '(sleep 0.05 & echo $! >> orphans)'; done; echo do''ne").await;
    client.until_text("\ndone").await;
    let orphans = std::fs::read_to_string(agent.workspace("orphans")).unwrap();
    let pids: Vec<u32> = orphans.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 50);
    eventually("all reaped", || pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())).await;
}

#[tokio::test]
async fn a_shell_that_is_not_there_is_replaced_and_a_clients_name_is_checked() {
    let agent = Agent::start_with(|config| config.shell = "/bin/no-such-shell".to_owned());
    let terminal = agent.terminal().await;
    let mut client = Client::attach(&agent, &terminal, "a", Some(0)).await;
    client.run("echo us''able").await;
    client.until_text("usable").await;
    for query in [
        "",
        "?client=",
        "?client=a%20b",
        &format!("?client={}", "x".repeat(65)),
        "?client=a&since=-1",
        "?client=a&more=1",
    ] {
        let request = http::Request::get(format!("/v1/terminals/{terminal}/attach{query}"))
            .header("host", "a")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let (parts, _) = agent.raw(request.body(http_body_util::Full::default()).unwrap()).await;
        assert!(parts.status.is_client_error(), "{query}: {}", parts.status);
    }
}

#[tokio::test]
async fn the_host_changes_how_many_while_it_runs() {
    let agent = Agent::start_with(|config| config.terminals_max = 1);
    agent.terminal().await;
    assert_eq!(agent.request("POST", "/v1/terminals", json!({})).await.0, 409);
    assert_eq!(agent.request("POST", "/host/limits", json!({"terminals_max": 2})).await.0, 204);
    agent.terminal().await;
    // Fewer than there are: those stay, and no other is made.
    assert_eq!(agent.request("POST", "/host/limits", json!({"terminals_max": 1})).await.0, 204);
    assert_eq!(agent.request("GET", "/v1/terminals", Value::Null).await.1.as_array().unwrap().len(), 2);
    let (_, body) = agent.request("POST", "/v1/terminals", json!({})).await;
    assert_eq!(body["error"]["details"], json!({"limit": "terminals", "value": 1}));
}
