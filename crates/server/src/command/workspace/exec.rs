//! `coditect workspace exec`: one command in a workspace, its three streams and its exit code.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use coditect_api::agent::{Exec, ExecEvent};
use coditect_api::session::Access;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use crate::client::Client;
use crate::output::Failure;

/// Bytes of standard input in one frame.
const INPUT_CHUNK_BYTES: usize = 32 * 1024;

pub(crate) async fn run(
    client: &Client,
    id: &str,
    argv: Vec<String>,
    cwd: Option<String>,
) -> Result<ExitCode, Failure> {
    let access: Access = client.post(&format!("/api/v5/workspaces/{id}/grant"), &serde_json::json!({})).await?;
    let url = format!("{}{}/v1/exec", client.websocket_base(), access.path);
    let mut request = url.into_client_request().map_err(anyhow::Error::from)?;
    let headers = request.headers_mut();
    let bearer = format!("Bearer {}", access.grant).parse().context("the grant is not a header value")?;
    headers.insert(http::header::AUTHORIZATION, bearer);
    headers.insert("sec-websocket-protocol", http::HeaderValue::from_static("coditect.v1"));
    let (socket, _) = tokio_tungstenite::connect_async(request)
        .await
        .map_err(|error| Failure::Unreachable(format!("the workspace cannot be reached: {error}; is it running?")))?;
    let (mut sink, mut stream) = socket.split();
    let exec = Exec { argv, cwd, env: std::collections::BTreeMap::new() };
    let first = serde_json::to_string(&exec).map_err(anyhow::Error::from)?;
    sink.send(Message::text(first)).await.map_err(anyhow::Error::from)?;
    let input = async move {
        let mut stdin = tokio::io::stdin();
        let mut buffer = vec![0; INPUT_CHUNK_BYTES];
        loop {
            // An empty frame is the end of standard input.
            let count = stdin.read(&mut buffer).await.unwrap_or(0);
            if sink.send(Message::binary(buffer[..count].to_vec())).await.is_err() || count == 0 {
                break;
            }
        }
        // The socket's other half still reads; keep this one until the command has ended.
        std::future::pending::<()>().await;
    };
    let output = async {
        while let Some(message) = stream.next().await {
            match message.map_err(anyhow::Error::from)? {
                Message::Binary(bytes) => match bytes.split_first() {
                    Some((1, rest)) => write_all(&mut std::io::stdout().lock(), rest)?,
                    Some((2, rest)) => write_all(&mut std::io::stderr().lock(), rest)?,
                    _ => {}
                },
                Message::Text(text) => match serde_json::from_str(&text).map_err(anyhow::Error::from)? {
                    ExecEvent::Failed { reason } => return Err(Failure::Usage(reason)),
                    ExecEvent::Exit { code } => return Ok(code),
                },
                _ => {}
            }
        }
        Err(Failure::Unreachable("the connection to the workspace broke off before the command ended".to_owned()))
    };
    let code = tokio::select! { code = output => code?, () = input => unreachable!("the input side waits for ever") };
    // Reading standard input blocks a thread that cannot be cancelled; leave without waiting for it.
    let code = u8::try_from(code).unwrap_or(1);
    let _ = std::io::stdout().flush();
    std::process::exit(i32::from(code));
}

fn write_all(out: &mut impl std::io::Write, bytes: &[u8]) -> Result<(), Failure> {
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
