//! Every request's way in: named, placed by its address, answered, accounted for.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use coditect_api::error::ErrorKind;
use coditect_model::id::RequestId;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt;
use tracing::Instrument;

use crate::agent::is_agent_path;
use crate::answer::{Failure, redirect};
use crate::assets::serve_asset;
use crate::body::Upload;
use crate::destination::{Destination, NoDestination, Place, destination};
use crate::fetch::is_navigation;
use crate::headers::REQUEST_ID;
use crate::serve::Shared;

/// What every step of an answer needs to know about its request.
pub(crate) struct Call {
    /// `req_…`
    pub(crate) id: String,
    pub(crate) peer: SocketAddr,
    /// Whether a person is waiting for a page.
    pub(crate) navigation: bool,
}

/// Whether control answers this path of the control origin.
fn is_control_path(path: &str) -> bool {
    ["/api", "/health", "/.well-known"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Bytes of a request's head as HTTP/1.1 writes it, spaces around values aside.
fn head_bytes(request: &Request<Incoming>) -> usize {
    const LINE: usize = "METHOD  HTTP/1.1\r\n\r\n".len();
    let target = request.uri().path_and_query().map_or(1, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    headers.fold(LINE + target, usize::saturating_add)
}

impl Shared {
    /// Answers one request.
    pub(crate) async fn handle(self: Arc<Self>, peer: SocketAddr, mut request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let id = RequestId::random(&*self.entropy);
        let method = request.method().clone();
        request.headers_mut().remove(REQUEST_ID);
        let navigation = is_navigation(&method, request.headers());
        let call = Call { id: id.to_string(), peer, navigation };
        let span = tracing::info_span!("request", request = %id, %method);
        async move {
            let (class, mut answer) = self.dispatch(&call, request).await;
            if let Ok(id) = HeaderValue::from_str(&call.id) {
                answer.headers_mut().entry(REQUEST_ID).or_insert(id);
            }
            let (status, duration_us) = (answer.status().as_u16(), started.elapsed().as_micros());
            if status >= 500 {
                tracing::info!(class, status, duration_us, "answered");
            } else {
                tracing::debug!(class, status, duration_us, "answered");
            }
            answer
        }
        .instrument(span)
        .await
    }

    async fn dispatch(self: &Arc<Self>, call: &Call, request: Request<Incoming>) -> (&'static str, Response<Body>) {
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            let failure = Failure::new(ErrorKind::MethodNotAllowed, "This method is not offered here.");
            return ("refused", failure.respond(&call.id));
        }
        let most = self.config.limits.max_header_bytes;
        if head_bytes(&request) > most {
            let message = format!("A request's address and headers may have {most} bytes together.");
            return ("refused", Failure::new(ErrorKind::HeadTooLarge, message).respond(&call.id));
        }
        match destination(&self.config, request.uri(), request.headers()) {
            Ok(Destination::Control { authority }) => self.control_origin(call, &authority, request).await,
            Ok(Destination::Workspace(site)) => {
                let class = match site.place {
                    Place::Port(_) => "app",
                    Place::Files => "files",
                };
                (class, self.workspace_origin(call, site, request).await)
            }
            Err(NoDestination::Malformed) => {
                let failure = Failure::new(
                    ErrorKind::InvalidRequest,
                    "The request must have exactly one Host header with a name and a port, the same as its target's.",
                );
                ("malformed", failure.respond(&call.id))
            }
            Err(NoDestination::Unknown) => {
                let failure = Failure::new(
                    ErrorKind::MisdirectedRequest,
                    format!("Coditect does not answer under this address. It is at {}.", self.config.public_origin()),
                );
                ("misdirected", failure.respond(&call.id))
            }
        }
    }

    async fn control_origin(
        self: &Arc<Self>,
        call: &Call,
        authority: &str,
        request: Request<Incoming>,
    ) -> (&'static str, Response<Body>) {
        // Browsers keep to one origin: cookies, storage and the Origin checks belong to it.
        if call.navigation && authority != self.config.authority() {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let location = format!("{}{path}", self.config.public_origin());
            return ("alias", redirect(StatusCode::TEMPORARY_REDIRECT, &location));
        }
        let path = request.uri().path();
        if is_control_path(path) {
            let mut answer = self.control(call, request).await;
            for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::X_FRAME_OPTIONS, "DENY")] {
                answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
            }
            return ("control", answer);
        }
        let (class, result) = if is_agent_path(path) {
            ("agent", self.agent(call, authority, request).await)
        } else {
            let (method, uri, headers) = (request.method(), request.uri(), request.headers());
            ("asset", serve_asset(&*self.assets, &self.app_policy, method, uri, headers, call.navigation))
        };
        let answer = result.unwrap_or_else(|failure| {
            let readable = failure.kind == ErrorKind::MethodNotAllowed;
            let mut answer = failure.respond(&call.id);
            if readable {
                answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            answer
        });
        (class, answer)
    }

    async fn control(&self, call: &Call, request: Request<Incoming>) -> Response<Body> {
        let changes = !request.method().is_safe();
        let time = self.config.limits.control_body_timeout;
        let mut request = request.map(|body| Body::new(Upload::within(body, time)));
        request.extensions_mut().insert(ConnectInfo(call.peer));
        if let Ok(id) = HeaderValue::from_str(&call.id) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let answering = self.control.clone().oneshot(request);
        if !changes {
            let Ok(answer) = answering.await;
            return answer;
        }
        // A change that has begun is finished even when its client hangs up in the middle.
        match self.tasks.spawn(answering.in_current_span()).await {
            Ok(Ok(answer)) => answer,
            Err(error) => {
                tracing::error!(%error, "a handler of the control API failed");
                Failure::new(ErrorKind::Internal, "Something went wrong on our side. Try again.").respond(&call.id)
            }
        }
    }
}
