//! `/w/{label}/v1/…` on the control origin: the API of a workspace's agent.
//!
//! **Invariants**: opened by a grant the caller states explicitly, never by a cookie; only `/v1/` is reachable; the
//! answer is inert on this origin whatever the agent says.

use axum::body::Body;
use coditect_api::error::ErrorKind;
use coditect_api::grant::{AccessLevel, Audience, Grant};
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::{Generation, State};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use hyper::body::Incoming;

use crate::answer::{Failure, no_route, relay_failed, unauthenticated};
use crate::authority::{BoxedIo, Route, RouteError};
use crate::dispatch::Call;
use crate::fetch;
use crate::headers::{REQUEST_ID, from_agent, to_agent};
use crate::logins::Guard;
use crate::relay::Job;
use crate::serve::Shared;

/// The WebSocket subprotocol of every agent stream.
const SUBPROTOCOL: &str = "coditect.v1";
/// What precedes a grant among the subprotocols: browsers cannot set headers on a WebSocket.
const GRANT_PROTOCOL: &str = "grant.";
/// The one stream that a grant to read opens; the others take input.
const READABLE_STREAM: &str = "/v1/events";

/// Whether a path of the control origin belongs to an agent.
pub(crate) fn is_agent_path(path: &str) -> bool {
    path.strip_prefix("/w/").and_then(|rest| rest.split_once('/')).is_some_and(|(_, rest)| !rest.is_empty())
}

impl Shared {
    /// Answers one request to `/w/…`, received under `authority`.
    pub(crate) async fn agent(
        &self,
        call: &Call,
        authority: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Failure> {
        let (workspace, target) = target(request.uri())?;
        let upgrade = upgrade(&request)?;
        let token = self.agent_token(authority, request.headers(), upgrade.is_some())?;
        let grant = self.authority.verify(&token, Audience::Workspace).map_err(unauthenticated)?;
        let stream = upgrade.is_some().then(|| target.path().to_owned());
        permits(&grant, workspace, request.method(), stream.as_deref().map(|path| path == READABLE_STREAM))?;
        let login = self.logins.admit(&*self.authority, &grant).await.map_err(unauthenticated)?;
        let route = self.authority.route(workspace).await.map_err(no_route)?;
        running(route)?;
        of_generation(&grant, route)?;
        self.relay_to_agent(call, workspace, route, request, target, upgrade, login).await
    }

    /// Passes a request on to the agent of a running workspace and makes its answer inert.
    #[expect(clippy::too_many_arguments, reason = "each is decided by another step of the two callers")]
    pub(crate) async fn relay_to_agent(
        &self,
        call: &Call,
        workspace: WorkspaceId,
        route: Route,
        request: Request<Incoming>,
        target: Uri,
        upgrade: Option<String>,
        login: Guard,
    ) -> Result<Response<Body>, Failure> {
        let (mut parts, body) = request.into_parts();
        let mut headers = to_agent(&parts.headers);
        if upgrade.is_some() {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        if let Ok(id) = HeaderValue::from_str(&call.id) {
            headers.insert(REQUEST_ID, id);
        }
        parts.headers = headers;
        parts.uri = target;
        let io = self.connect(self.hosts.connect_agent(workspace, route.generation)).await.map_err(|error| {
            tracing::info!(%workspace, %error, "an agent cannot be reached");
            Failure::new(ErrorKind::BadGateway, "The workspace does not answer. Try again, or restart it.")
        })?;
        let answer_timeout = self.config.limits.agent_answer_timeout;
        let job = Job { request: Request::from_parts(parts, body), upgrade, answer_timeout, login };
        let mut answer = self.relay(io, job).await.map_err(relay_failed)?;
        let connection = answer.headers_mut().remove(header::CONNECTION);
        let changed = answer.headers_mut().remove(header::UPGRADE);
        from_agent(answer.headers_mut());
        if let (Some(connection), Some(changed)) = (connection, changed) {
            answer.headers_mut().insert(header::CONNECTION, connection);
            answer.headers_mut().insert(header::UPGRADE, changed);
        }
        Ok(answer)
    }

    /// A connection within the deadline.
    pub(crate) async fn connect(
        &self,
        connecting: impl Future<Output = std::io::Result<BoxedIo>>,
    ) -> std::io::Result<BoxedIo> {
        tokio::time::timeout(self.config.limits.connect_timeout, connecting)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
    }

    fn agent_token(&self, authority: &str, headers: &HeaderMap, stream: bool) -> Result<String, Failure> {
        let bearer = bearer(headers)?;
        if stream {
            // A page on any other origin could open this WebSocket in a visitor's browser (CVE-2023-0957): the origin
            // must be one of ours, exactly. Programs have none, and prove to be one by a header that pages cannot set.
            match fetch::origin(headers) {
                Some(origin) => {
                    let reached = format!("{}://{authority}", self.config.scheme());
                    if origin != reached && origin != self.config.public_origin() {
                        return Err(Failure::new(
                            ErrorKind::Forbidden,
                            "WebSockets are opened from Coditect's own pages only.",
                        ));
                    }
                }
                None if bearer.is_some() => {}
                None => {
                    return Err(Failure::new(
                        ErrorKind::Forbidden,
                        "A WebSocket needs an Origin header, or an Authorization header with a grant.",
                    ));
                }
            }
        }
        let from_protocol = || {
            let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
            offers.flat_map(|value| value.split(',')).find_map(|offer| offer.trim().strip_prefix(GRANT_PROTOCOL))
        };
        let token = bearer.or_else(|| from_protocol().filter(|_| stream));
        token.map(str::to_owned).ok_or_else(|| {
            Failure::new(
                ErrorKind::Unauthenticated,
                "Send the workspace's grant as `Authorization: Bearer`, or as WebSocket subprotocol `grant.…`.",
            )
        })
    }
}

/// Workspace and target inside the agent, from `/w/{label}/v1/…`.
pub(crate) fn target(uri: &Uri) -> Result<(WorkspaceId, Uri), Failure> {
    let nothing = || Failure::new(ErrorKind::NotFound, "There is nothing at this address.");
    let path = uri.path();
    // Paths of the agent are plain; whatever could be read in two ways is refused before it is routed.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~');
    let tricky = !path.bytes().all(plain)
        || path.contains("//")
        || path.split('/').any(|segment| segment == "." || segment == "..");
    if tricky {
        return Err(Failure::new(
            ErrorKind::InvalidRequest,
            "The path must be plain: no percent-encoding, no empty or dot segments.",
        ));
    }
    let (label, rest) = path.strip_prefix("/w/").and_then(|rest| rest.split_once('/')).ok_or_else(nothing)?;
    let workspace = WorkspaceId::from_label(label).map_err(|_| nothing())?;
    let inner = rest.strip_prefix("v1/").filter(|inner| !inner.is_empty()).ok_or_else(nothing)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/v1/{inner}{query}").parse().map_err(|_| nothing())?;
    Ok((workspace, target))
}

/// The WebSocket a request asks for, if it does; no other protocol is spoken here.
fn upgrade(request: &Request<Incoming>) -> Result<Option<String>, Failure> {
    let protocol = fetch::upgrade(request.headers());
    if let Some(protocol) = &protocol {
        let bare = *request.method() == Method::GET && hyper::body::Body::is_end_stream(request.body());
        if !fetch::is_websocket(protocol) || !bare {
            return Err(Failure::new(
                ErrorKind::InvalidRequest,
                "Only a plain WebSocket handshake may change protocols.",
            ));
        }
    }
    Ok(protocol)
}

pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match (token, values.next()) {
        (Some(token), None) => Ok(Some(token)),
        (None, _) | (_, Some(_)) => Err(Failure::new(
            ErrorKind::Unauthenticated,
            "The Authorization header must be given once, as `Bearer` and a grant.",
        )),
    }
}

/// Whether a grant covers this request: the workspace, and the right to change it where that is what is asked.
/// `stream`: for a WebSocket, whether it only reads.
pub(crate) fn permits(
    grant: &Grant,
    workspace: WorkspaceId,
    method: &Method,
    stream: Option<bool>,
) -> Result<(), Failure> {
    if grant.workspace != workspace.to_string() {
        return Err(Failure::new(ErrorKind::Forbidden, "This grant is for another workspace."));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && stream.unwrap_or(true);
    if !reads && grant.access < AccessLevel::Write {
        return Err(Failure::new(ErrorKind::Forbidden, "This grant allows to look, not to change."));
    }
    Ok(())
}

/// A grant from before the workspace's last start or stop is worth nothing: a new one costs one request.
pub(crate) fn of_generation(grant: &Grant, route: Route) -> Result<(), Failure> {
    if Generation(grant.generation) == route.generation {
        return Ok(());
    }
    Err(Failure::new(
        ErrorKind::Unauthenticated,
        "The workspace has been started or stopped since this grant was made. Ask for a new grant.",
    )
    .with("reason", "stale_generation"))
}

fn running(route: Route) -> Result<(), Failure> {
    let message = match route.state {
        State::Running => return Ok(()),
        State::Starting => "The workspace is starting.",
        State::Stopping | State::Stopped => "The workspace is not running. Open a session to start it.",
        State::Failed => "The workspace could not be started. Its page says why.",
        State::Deleting => return Err(no_route(RouteError::NotFound)),
    };
    let state = serde_json::to_value(route.state).unwrap_or_default();
    Err(Failure::new(ErrorKind::Unavailable, message).with("state", state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_below_v1_are_passed_on() {
        let label = WorkspaceId::from_bytes([5; 16]).label();
        let ask = |path: &str| target(&path.replace("LABEL", &label).parse().unwrap());
        let (workspace, inner) = ask("/w/LABEL/v1/files/list?path=%2Fworkspace%2F..").unwrap();
        assert_eq!(workspace.label(), label);
        assert_eq!(inner.to_string(), "/v1/files/list?path=%2Fworkspace%2F..");
        for path in [
            "/w/LABEL/v1/%2e%2e/host/shutdown",
            "/w/LABEL/v1/../host/shutdown",
            "/w/LABEL/v1/./x",
            "/w/LABEL//v1/x",
            "/w/LABEL/v1//x",
            "/w/LABEL/v1/a%2fb",
            "/w/LABEL/v1/a@b",
            "/w/LABEL/v1/a:b",
        ] {
            assert_eq!(ask(path).unwrap_err().kind, ErrorKind::InvalidRequest, "{path}");
        }
        for path in ["/w/LABEL/host/shutdown", "/w/LABEL/v1", "/w/LABEL/v1/", "/w/LABEL/v2/x", "/w/nobody/v1/x", "/w/"]
        {
            assert_eq!(ask(path).unwrap_err().kind, ErrorKind::NotFound, "{path}");
        }
    }
}
