//! Commands inside a workspace, through its agent.

use coditect_host::Host;
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::Generation;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::DEADLINE;

/// Runs a program in a workspace; its exit code and what it printed on both streams.
pub(crate) async fn run(host: &Host, id: WorkspaceId, generation: u64, argv: &[&str]) -> (i64, String) {
    let exchange = async {
        let stream = host.connect_agent(id, Generation(generation)).await.unwrap();
        let mut request = "ws://agent/v1/exec".into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "coditect.v1".parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        socket.send(Message::text(serde_json::json!({ "argv": argv }).to_string())).await.unwrap();
        let mut output = Vec::new();
        while let Some(message) = socket.next().await {
            match message.unwrap() {
                Message::Binary(bytes) => output.extend_from_slice(&bytes[1..]),
                Message::Text(text) => {
                    let event: serde_json::Value = serde_json::from_str(&text).unwrap();
                    let code = event["code"].as_i64().unwrap_or_else(|| panic!("{argv:?}: {event}"));
                    return (code, String::from_utf8_lossy(&output).into_owned());
                }
                _ => {}
            }
        }
        panic!("no answer to {argv:?}")
    };
    tokio::time::timeout(DEADLINE, exchange).await.unwrap_or_else(|_| panic!("{argv:?} does not end"))
}

/// Runs a shell script in a workspace; what it printed. It must succeed.
pub(crate) async fn sh(host: &Host, id: WorkspaceId, generation: u64, script: &str) -> String {
    let (code, output) = run(host, id, generation, &["/bin/bash", "-euc", script]).await;
    assert_eq!(code, 0, "{script}\n{output}");
    output.trim_end().to_owned()
}
