//! `/v1/events`.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::agent::{Agent, Socket};

async fn until(socket: &mut Socket, mut so: impl FnMut(&Value) -> bool) -> Value {
    loop {
        let Some(Message::Text(text)) = socket.next().await else { panic!("the connection ended") };
        let event: Value = serde_json::from_str(&text).unwrap();
        if so(&event) {
            return event;
        }
    }
}

#[tokio::test]
async fn ports_and_terminals_are_told_at_connect_and_when_they_change() {
    let agent = Agent::start();
    let mut socket = agent.web_socket("/v1/events").await;
    until(&mut socket, |event| event["type"] == "terminals" && event["terminals"] == json!([])).await;
    until(&mut socket, |event| event["type"] == "ports").await;
    let id = agent.terminal().await;
    until(&mut socket, |event| event["type"] == "terminals" && event["terminals"][0]["id"] == json!(id)).await;
    agent.request("PATCH", &format!("/v1/terminals/{id}"), json!({"name": "new"})).await;
    until(&mut socket, |event| event["terminals"][0]["name"] == "new").await;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let has =
        |event: &Value| event["ports"].as_array().is_some_and(|ports| ports.iter().any(|found| found["port"] == port));
    until(&mut socket, has).await;
    drop(listener);
    until(&mut socket, |event| event["type"] == "ports" && !has(event)).await;

    socket.send_json(json!({"type": "ping", "id": 42})).await;
    until(&mut socket, |event| *event == json!({"type": "pong", "id": 42})).await;
    agent.request("DELETE", &format!("/v1/terminals/{id}"), Value::Null).await;
    until(&mut socket, |event| event["type"] == "terminals" && event["terminals"] == json!([])).await;
}

#[tokio::test]
async fn changes_in_watched_directories_are_told() {
    let agent = Agent::start();
    let mut socket = agent.web_socket("/v1/events").await;
    socket.send_json(json!({"type": "watch", "paths": [agent.config.workspace]})).await;
    // Only what follows an answer is sure to be watched.
    socket.send_json(json!({"type": "ping", "id": 1})).await;
    until(&mut socket, |event| event["type"] == "pong").await;
    let path = agent.workspace("new file");
    let wanted = path.to_str().unwrap().to_owned();
    let mut written = 0;
    until(&mut socket, |event| {
        written += 1;
        std::fs::write(&path, written.to_string()).unwrap();
        event["changes"].as_array().is_some_and(|changes| changes.iter().any(|change| change["path"] == json!(wanted)))
    })
    .await;
}

#[tokio::test]
async fn requests_that_break_the_protocol_end_the_connection() {
    let agent = Agent::start();
    let many: Vec<String> = (0..513).map(|number| format!("/{number}")).collect();
    for request in [
        json!({"type": "watch", "paths": many}),
        json!({"type": "watch", "paths": ["relative"]}),
        json!({"type": "dance"}),
    ] {
        let mut socket = agent.web_socket("/v1/events").await;
        socket.send_json(request).await;
        assert_eq!(socket.close_code().await, 1008);
    }
    let mut socket = agent.web_socket("/v1/events").await;
    socket.send(vec![1_u8]).await;
    assert_eq!(socket.close_code().await, 1008);
}

#[tokio::test]
async fn what_the_host_has_to_tell_is_told_at_once_and_to_those_who_come_later() {
    let agent = Agent::start();
    let mut early = agent.web_socket("/v1/events").await;
    for count in 1..=20 {
        let notice = json!({"kind": "out_of_memory", "process": "node", "count": count, "limit_bytes": 512 << 20});
        assert_eq!(agent.request("POST", "/host/notices", notice).await.0, 204);
    }
    let last = |event: &Value| event["notices"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    let told = until(&mut early, |event| last(event)["count"] == 20).await;
    let notice = last(&told);
    assert_eq!(
        (&notice["kind"], &notice["process"], &notice["id"]),
        (&json!("out_of_memory"), &json!("node"), &json!(20))
    );
    assert!(notice["at"].as_i64().unwrap() > 0);
    // The latest sixteen are kept.
    let mut late = agent.web_socket("/v1/events").await;
    let told = until(&mut late, |event| event["type"] == "notices").await;
    assert_eq!((told["notices"].as_array().unwrap().len(), &told["notices"][0]["id"]), (16, &json!(5)));
}
