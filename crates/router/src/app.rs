//! `{port}--{label}.{workspace domain}`: whatever a workspace serves on a port, on an origin of its own.

use axum::body::Body;
use coditect_api::error::ErrorKind;
use coditect_model::workspace::State;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

use crate::agent::of_generation;
use crate::answer::{Failure, no_route, redirect, relay_failed, unauthenticated};
use crate::app_login::{Visitor, is_platform_path};
use crate::authority::{GrantError, Route, RouteError};
use crate::cookies;
use crate::destination::{Place, Site};
use crate::dispatch::Call;
use crate::fetch;
use crate::headers::{set_forwarded, strip_app_claims, strip_claims};
use crate::logins::Guard;
use crate::pages::{Page, page};
use crate::relay::Job;
use crate::serve::Shared;

/// A page that waits for something loads again after this many seconds.
const RETRY_S: u32 = 2;

/// Why a request to a workspace origin is not passed on.
pub(crate) enum Refusal {
    /// Nobody is signed in on this origin; afterwards the person wants to see this path.
    SignIn(String),
    /// Anything else.
    Failure(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Shared {
    /// Answers one request to an origin of a workspace.
    pub(crate) async fn workspace_origin(&self, call: &Call, site: Site, request: Request<Incoming>) -> Response<Body> {
        let result = if is_platform_path(request.uri().path()) {
            self.platform_path(site, &request).await
        } else {
            self.visit(call, site, request).await
        };
        match result {
            Ok(answer) => answer,
            Err(Refusal::SignIn(path)) if call.navigation => {
                redirect(StatusCode::FOUND, &self.sign_in_address(site, &path))
            }
            Err(Refusal::SignIn(_)) => Failure::new(
                ErrorKind::Unauthenticated,
                "Sign in to this workspace: open this address in a browser, or send a grant as X-Coditect-Grant.",
            )
            .respond(&call.id),
            Err(Refusal::Failure(failure)) => self.explain(call, failure),
        }
    }

    /// An error for a person or for a program, whoever asks.
    fn explain(&self, call: &Call, failure: Failure) -> Response<Body> {
        if !call.navigation {
            return failure.respond(&call.id);
        }
        let title = failure.title.unwrap_or(match failure.kind {
            ErrorKind::Forbidden => "Not allowed",
            ErrorKind::NotFound => "Nothing here",
            ErrorKind::Unavailable => "Not available right now",
            ErrorKind::BadGateway | ErrorKind::Timeout => "No answer from the workspace",
            _ => "This did not work",
        });
        let shown = Page { status: failure.status(), title, text: &failure.message, retry_s: failure.retry_s };
        page(&self.config, &call.id, &shown)
    }

    async fn visit(&self, call: &Call, site: Site, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let upgrade = fetch::upgrade(request.headers());
        let bodiless = hyper::body::Body::is_end_stream(request.body());
        if upgrade.is_some() && !bodiless {
            return Err(
                Failure::new(ErrorKind::InvalidRequest, "A request to change protocols must not have a body.").into()
            );
        }
        let visitor = self.visitor(site, request.method(), request.uri(), request.headers(), upgrade.is_some())?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let sign_in = || Refusal::SignIn(crate::app_login::local_path(path).to_owned());
        let login = match (self.logins.admit(&*self.authority, visitor.grant()).await, &visitor) {
            (Ok(login), _) => login,
            (Err(error), Visitor::Program(_)) => return Err(unauthenticated(error).into()),
            (Err(_), Visitor::Browser(_)) => return Err(sign_in()),
        };
        let route = self.ready(call, site).await?;
        let mut cookie = None;
        match &visitor {
            Visitor::Program(grant) => of_generation(grant, route)?,
            Visitor::Browser(grant) => {
                let stale = grant.generation != route.generation.0;
                if upgrade.is_none() && (stale || self.is_ageing(grant)) {
                    cookie = match self.fresh_cookie(grant).await {
                        Ok(cookie) => Some(cookie),
                        Err(GrantError::Unavailable) => None,
                        Err(GrantError::Invalid | GrantError::Expired | GrantError::Ended) => return Err(sign_in()),
                    };
                }
            }
        }
        let mut answer = match site.place {
            Place::Files => self.download(call, site, route, request, login).await?,
            Place::Port(port) => self.relay_to_port(call, site, port, route, request, upgrade, login).await?,
        };
        if let Some(cookie) = cookie {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(answer)
    }

    /// The route to a running workspace. Whoever navigates to a stopped one starts it.
    async fn ready(&self, call: &Call, site: Site) -> Result<Route, Failure> {
        let route = self.authority.route(site.workspace).await.map_err(no_route)?;
        match route.state {
            State::Running => return Ok(route),
            State::Deleting => return Err(no_route(RouteError::NotFound)),
            State::Starting | State::Stopping | State::Stopped | State::Failed => {}
        }
        let stopped = || Failure::new(ErrorKind::Unavailable, "The workspace is not running. Open it to start it.");
        if !call.navigation {
            return Err(stopped());
        }
        let starting = || {
            Failure::new(ErrorKind::Unavailable, "The workspace is starting.")
                .titled("Waking the workspace")
                .retried(RETRY_S)
        };
        let woken = tokio::time::timeout(self.config.limits.wake_timeout, self.authority.wake(site.workspace)).await;
        let route = woken.map_err(|_| starting())?.map_err(no_route)?;
        if route.state == State::Running { Ok(route) } else { Err(starting()) }
    }

    #[expect(clippy::too_many_arguments, reason = "each is decided by another step of the caller")]
    async fn relay_to_port(
        &self,
        call: &Call,
        site: Site,
        port: u16,
        route: Route,
        request: Request<Incoming>,
        upgrade: Option<String>,
        login: Guard,
    ) -> Result<Response<Body>, Failure> {
        let io = self.connect(self.hosts.connect_port(site.workspace, route.generation, port)).await;
        let io = io.map_err(|error| no_port(port, &error))?;
        let request = self.for_app(call, request)?;
        let answer_timeout = self.config.limits.app_answer_timeout;
        let mut answer = self.relay(io, Job { request, upgrade, answer_timeout, login }).await.map_err(relay_failed)?;
        self.confine(answer.headers_mut());
        Ok(answer)
    }

    /// A request as an app may see it: without the platform's credentials, with the truth about where it came from.
    fn for_app(&self, call: &Call, request: Request<Incoming>) -> Result<Request<Incoming>, Failure> {
        let (mut parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().filter(|target| target.as_str().starts_with('/'));
        parts.uri = target
            .cloned()
            .map(Uri::from)
            .ok_or_else(|| Failure::new(ErrorKind::InvalidRequest, "The target of the request must be a path."))?;
        strip_claims(&mut parts.headers);
        cookies::hide(&mut parts.headers);
        set_forwarded(&mut parts.headers, call.peer.ip(), self.config.scheme());
        Ok(Request::from_parts(parts, body))
    }

    fn confine(&self, headers: &mut HeaderMap) {
        strip_app_claims(headers);
        cookies::confine(headers);
    }
}

fn no_port(port: u16, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => Failure::new(
            ErrorKind::BadGateway,
            format!("Nothing is listening on port {port} yet. Start a server on it in the workspace's terminal."),
        )
        .titled("Nothing is listening here yet")
        .retried(RETRY_S),
        std::io::ErrorKind::TimedOut => {
            Failure::new(ErrorKind::Timeout, format!("Port {port} of the workspace does not answer.")).retried(RETRY_S)
        }
        _ => {
            tracing::info!(port, %error, "a port cannot be reached");
            Failure::new(ErrorKind::BadGateway, "The workspace cannot be reached. Try again, or restart it.")
                .retried(RETRY_S)
        }
    }
}
