//! One request over one fresh upstream connection.
//!
//! A connection is never used twice: what a hostile workspace sends after its answer is read by nobody, and a Unix
//! socket connects in some 20 microseconds.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::authority::BoxedIo;
use crate::body::{Download, Progress, Upload};
use crate::early::EarlyAnswer;
use crate::headers::strip_hop_by_hop;
use crate::logins::Guard;
use crate::serve::Shared;
use crate::tunnel::tunnel;

/// Why an upstream gave no answer that can be passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// No head of an answer in time.
    #[error("it did not answer in time")]
    Timeout,
    /// It broke off, or broke the protocol.
    #[error("its answer could not be understood")]
    Upstream(#[source] hyper::Error),
    /// It changed to a protocol nobody asked for.
    #[error("it changed to a protocol that was not asked for")]
    Protocol,
}

/// A request ready to be passed on: target in origin form, headers as the workspace may see them.
pub(crate) struct Job {
    pub(crate) request: Request<Incoming>,
    /// The protocol to change to.
    pub(crate) upgrade: Option<String>,
    pub(crate) answer_timeout: Duration,
    pub(crate) login: Guard,
}

impl Shared {
    /// Passes a request on. The answer comes without hop-by-hop headers, its body still arriving.
    pub(crate) async fn relay(&self, io: BoxedIo, job: Job) -> Result<Response<Body>, RelayError> {
        let Job { mut request, upgrade, answer_timeout, login } = job;
        let client = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
        strip_hop_by_hop(request.headers_mut());
        set_connection(request.headers_mut(), upgrade.as_deref());

        // A tunnel is to notice at once when its upstream has gone.
        let io: BoxedIo = if upgrade.is_some() { io } else { Box::new(EarlyAnswer::new(io)) };
        let (mut answer, connection) = self.exchange(io, request, answer_timeout).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            strip_hop_by_hop(answer.headers_mut());
            return Ok(answer.map(|body| Body::new(Download::new(body, login, connection))));
        }
        let (Some(client), Some(protocol)) = (client, upgrade) else { return Err(RelayError::Protocol) };
        let changed = answer.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
        if !changed.is_some_and(|changed| changed.trim().eq_ignore_ascii_case(&protocol)) {
            return Err(RelayError::Protocol);
        }
        let upstream = hyper::upgrade::on(&mut answer);
        self.tasks.spawn(tunnel(client, upstream, login, self.draining.clone(), connection));
        strip_hop_by_hop(answer.headers_mut());
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        set_connection(answer.headers_mut(), Some(&protocol));
        Ok(answer.map(|_| Body::empty()))
    }

    async fn exchange(
        &self,
        io: BoxedIo,
        request: Request<Incoming>,
        answer_timeout: Duration,
    ) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), RelayError> {
        let limits = &self.config.limits;
        let progress = Progress::new();
        let request = request.map(|body| Upload::noted(body, progress.clone()));
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(limits.max_answer_header_bytes.max(8192))
            .max_headers(limits.max_headers)
            .handshake(TokioIo::new(io))
            .await
            .map_err(RelayError::Upstream)?;
        let connection = AbortOnDropHandle::new(self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "an upstream connection broke");
            }
        }));
        let mut answer = std::pin::pin!(sender.send_request(request));
        loop {
            // The clock starts again with every part of the body that goes out: uploads may take long.
            let deadline = progress.last() + answer_timeout;
            tokio::select! {
                answer = &mut answer => return Ok((answer.map_err(RelayError::Upstream)?, connection)),
                () = tokio::time::sleep_until(deadline) => {
                    if progress.last() + answer_timeout <= Instant::now() {
                        return Err(RelayError::Timeout);
                    }
                }
            }
        }
    }
}

fn set_connection(headers: &mut http::HeaderMap, upgrade: Option<&str>) {
    match upgrade.map(HeaderValue::from_str) {
        Some(Ok(protocol)) => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, protocol);
        }
        Some(Err(_)) | None => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}
