//! What a host asks and tells its agents itself: who are you, please end, these are your limits, tell your user.
//!
//! An agent is a tenant's process: its answers are bounded, timed and believed only about itself.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use coditect_api::agent::{AgentLimits, AgentStatus, NoticeKind};
use coditect_sandbox::spec::AGENT_SOCKET;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// Longest answer read from an agent, in bytes.
pub(crate) const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// How long an agent may take to answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Why an agent did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("the workspace's agent cannot be reached")]
    Connect(#[source] io::Error),
    #[error("the workspace's agent broke off")]
    Exchange(#[source] hyper::Error),
    #[error("the workspace's agent did not answer within {} s", ANSWER_DEADLINE.as_secs())]
    Deadline,
    #[error("the workspace's agent answered {0}")]
    Status(StatusCode),
    #[error("the workspace's agent gave an answer that makes no sense")]
    Nonsense,
}

/// Asks an agent for its status.
pub(crate) async fn status(run_dir: &Path) -> Result<AgentStatus, AgentError> {
    let body = request(run_dir, Method::GET, "/v1/status", Vec::new()).await?;
    serde_json::from_slice(&body).map_err(|_| AgentError::Nonsense)
}

/// Asks an agent to end its terminals and then itself.
pub(crate) async fn shut_down(run_dir: &Path) -> Result<(), AgentError> {
    request(run_dir, Method::POST, "/host/shutdown", Vec::new()).await.map(drop)
}

/// Tells an agent the limits that it holds itself.
pub(crate) async fn set_limits(run_dir: &Path, limits: AgentLimits) -> Result<(), AgentError> {
    send(run_dir, "/host/limits", serde_json::to_vec(&limits)).await
}

/// Gives an agent something to tell its user.
pub(crate) async fn tell(run_dir: &Path, notice: &NoticeKind) -> Result<(), AgentError> {
    send(run_dir, "/host/notices", serde_json::to_vec(notice)).await
}

async fn send(run_dir: &Path, path: &str, message: serde_json::Result<Vec<u8>>) -> Result<(), AgentError> {
    let message = message.expect("plain data with string keys always serialises");
    request(run_dir, Method::POST, path, message).await.map(drop)
}

async fn request(run_dir: &Path, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, AgentError> {
    let exchange = async {
        let stream = crate::relay::connect(run_dir, AGENT_SOCKET).await.map_err(AgentError::Connect)?;
        ask(stream, method, path, body).await
    };
    tokio::time::timeout(ANSWER_DEADLINE, exchange).await.map_err(|_| AgentError::Deadline)?
}

/// One request over a connection, and its bounded answer.
pub(crate) async fn ask(stream: UnixStream, method: Method, path: &str, body: Vec<u8>) -> Result<Bytes, AgentError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(AgentError::Exchange)?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, "agent")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .expect("a constant request is well-formed");
    let answer = async {
        let response = sender.send_request(request).await.map_err(AgentError::Exchange)?;
        if !response.status().is_success() {
            return Err(AgentError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| AgentError::Nonsense)
    };
    // The connection future only moves bytes; it ends with the exchange or is dropped with it.
    tokio::select! {
        answer = answer => answer,
        Err(error) = connection => Err(AgentError::Exchange(error)),
    }
}
