//! What fuzzers call: each function takes any bytes for what a hostile agent sends its host.
//!
//! Behind the feature `fuzzing`, which only crate `fuzzing` asks for.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use http::Method;
use tokio::net::UnixStream;

use crate::{agent_client, relay};

/// Everything has been sent and the connection closed, so nothing may be waited for.
const DEADLINE: Duration = Duration::from_secs(20);

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("descriptors are left");
    let waited = runtime.block_on(async { tokio::time::timeout(DEADLINE, future).await });
    waited.expect("what a closed connection said is acted on at once")
}

/// Two ends of a connection; what is written into the second waits in the first.
fn pair() -> (StdStream, StdStream) {
    let (host, agent) = StdStream::pair().expect("descriptors are left");
    host.set_nonblocking(true).expect("a socket can be made so");
    agent.set_nonblocking(true).expect("a socket can be made so");
    (host, agent)
}

/// An agent's answer over HTTP is bounded or refused.
pub fn agent_answer(data: &[u8]) {
    let (host, mut agent) = pair();
    // What is beyond the socket's buffer is for another case.
    let _ = agent.write(data);
    let _ = agent.shutdown(std::net::Shutdown::Write);
    wait(async {
        let host = UnixStream::from_std(host).expect("inside a runtime");
        if let Ok(body) = agent_client::ask(host, Method::GET, "/v1/status", Vec::new()).await {
            assert!(body.len() <= agent_client::ANSWER_MAX_BYTES);
            // What it says is believed only as far as it can be read.
            let _ = serde_json::from_slice::<coditect_api::agent::AgentStatus>(&body);
        }
    });
}

/// What comes instead of a connected TCP socket is refused. If the first byte is odd, a descriptor that is none comes with
/// the second.
pub fn port_handover(data: &[u8]) {
    let Some((&kind, words)) = data.split_first() else { return };
    let (host, mut agent) = pair();
    match words.split_first() {
        Some((&status, rest)) if kind % 2 == 1 => {
            let _ = coditect_sandbox::fds::send_fd(&agent, &[status], agent.as_fd());
            let _ = agent.write(rest);
        }
        _ => drop(agent.write(words)),
    }
    let _ = agent.shutdown(std::net::Shutdown::Write);
    wait(async {
        let host = UnixStream::from_std(host).expect("inside a runtime");
        assert!(relay::take_over(host, 3000).await.is_err(), "something else was taken for a connection to a port");
    });
}

/// What a workspace asks of the names' forwarder, and what a resolver answers.
pub fn names(data: &[u8]) {
    crate::network::fuzzing::names(data);
}
