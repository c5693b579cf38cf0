//! Signing a browser in on an origin of a workspace: a one-time ticket becomes a cookie for that origin alone.

use axum::body::Body;
use coditect_api::error::ErrorKind;
use coditect_api::grant::{Audience, Grant};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;

use crate::agent::permits;
use crate::answer::{Failure, empty, redirect, unauthenticated};
use crate::app::Refusal;
use crate::authority::GrantError;
use crate::cookies::{app_cookie, app_cookie_name, candidates};
use crate::destination::Site;
use crate::fetch;
use crate::headers::GRANT_HEADER;
use crate::serve::Shared;
use crate::spent::NotSpent;

/// Paths of a workspace origin that the router keeps for itself.
const PLATFORM_PREFIX: &str = "/.coditect";
/// Longest path to return to after signing in, in bytes.
const PATH_MAX_BYTES: usize = 4096;

/// Who asks an origin of a workspace for something.
pub(crate) enum Visitor {
    /// A program, with a workspace grant in a header.
    Program(Grant),
    /// A browser, with the origin's cookie.
    Browser(Grant),
}

impl Visitor {
    pub(crate) fn grant(&self) -> &Grant {
        let (Self::Program(grant) | Self::Browser(grant)) = self;
        grant
    }
}

/// Whether the router answers this path itself.
pub(crate) fn is_platform_path(path: &str) -> bool {
    path.strip_prefix(PLATFORM_PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path to go to on the same origin: one slash, visible ASCII, no backslash, not one of the router's own. Else `/`.
pub(crate) fn local_path(path: &str) -> &str {
    let visible = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let local = path.starts_with('/') && !path.starts_with("//") && visible && path.len() <= PATH_MAX_BYTES;
    if local && !is_platform_path(path.split(['?', '#']).next().unwrap_or(path)) { path } else { "/" }
}

impl Shared {
    /// Who makes this request, or how to become somebody.
    pub(crate) fn visitor(
        &self,
        site: Site,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        upgrades: bool,
    ) -> Result<Visitor, Refusal> {
        let stream = upgrades.then_some(false);
        if let Some(token) = headers.get(GRANT_HEADER) {
            let token = token.to_str().map_err(|_| unauthenticated(GrantError::Invalid))?;
            let grant = self.authority.verify(token, Audience::Workspace).map_err(unauthenticated)?;
            permits(&grant, site.workspace, method, stream)?;
            return Ok(Visitor::Program(grant));
        }
        let workspace = site.workspace.to_string();
        let grant = candidates(headers, app_cookie_name(self.config.secure_cookies()))
            .into_iter()
            .filter_map(|token| self.authority.verify(token, Audience::App).ok())
            .find(|grant| grant.workspace == workspace && grant.port == site.place.port());
        let Some(grant) = grant else {
            let path = uri.path_and_query().map_or("/", |path| path.as_str());
            return Err(Refusal::SignIn(local_path(path).to_owned()));
        };
        if !fetch::is_own(&self.config, method, headers, upgrades, site.workspace) {
            return Err(Failure::new(
                ErrorKind::Forbidden,
                "This request was sent by a page of another origin; only the workspace's own pages may.",
            )
            .into());
        }
        permits(&grant, site.workspace, method, stream)?;
        Ok(Visitor::Browser(grant))
    }

    /// Answers `/.coditect/…`.
    pub(crate) async fn platform_path(
        &self,
        site: Site,
        request: &Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/.coditect/enter") => self.enter(site, request.uri()).await,
            (&Method::POST, "/.coditect/leave") => {
                if !fetch::is_own(&self.config, request.method(), request.headers(), false, site.workspace) {
                    return Err(
                        Failure::new(ErrorKind::Forbidden, "Only the workspace's own pages may do this.").into()
                    );
                }
                let mut answer = empty(StatusCode::NO_CONTENT);
                if let Some(cookie) = app_cookie(self.config.secure_cookies(), "", 0) {
                    answer.headers_mut().insert(header::SET_COOKIE, cookie);
                }
                Ok(answer)
            }
            (_, "/.coditect/enter" | "/.coditect/leave") => {
                Err(Failure::new(ErrorKind::MethodNotAllowed, "This address does not offer that method.").into())
            }
            _ => Err(Failure::new(ErrorKind::NotFound, "There is nothing at this address.").into()),
        }
    }

    async fn enter(&self, site: Site, uri: &Uri) -> Result<Response<Body>, Refusal> {
        let query = uri.query().unwrap_or_default().as_bytes();
        let value = |name: &str| form_urlencoded::parse(query).find(|(key, _)| key == name).map(|(_, value)| value);
        let path = value("path").map(|path| local_path(&path).to_owned()).unwrap_or_else(|| "/".to_owned());
        // A ticket that is spent, expired or made up leads to where new ones are given to those who may have them.
        let again = || Refusal::SignIn(path.clone());
        let ticket = value("ticket").ok_or_else(again)?;
        let ticket = self.authority.verify(&ticket, Audience::Ticket).map_err(|error| match error {
            GrantError::Unavailable => unauthenticated(error).into(),
            GrantError::Invalid | GrantError::Expired | GrantError::Ended => again(),
        })?;
        if ticket.workspace != site.workspace.to_string() || ticket.port != site.place.port() {
            return Err(again());
        }
        let now_s = self.clock.now().as_secs();
        match self.spent.take(&ticket.jti, ticket.exp, now_s, self.config.limits.max_spent_tickets) {
            Ok(()) => {}
            Err(NotSpent::Again) => return Err(again()),
            Err(NotSpent::Full) => {
                return Err(Failure::new(ErrorKind::Unavailable, "Too many people are signing in. Try again.").into());
            }
        }
        let cookie = self.fresh_cookie(&ticket).await.map_err(|error| match error {
            GrantError::Unavailable => unauthenticated(error).into(),
            GrantError::Invalid | GrantError::Expired | GrantError::Ended => again(),
        })?;
        let mut answer = redirect(StatusCode::SEE_OTHER, &path);
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
        Ok(answer)
    }

    /// A new cookie for the login, workspace and port of `grant`.
    pub(crate) async fn fresh_cookie(&self, grant: &Grant) -> Result<HeaderValue, GrantError> {
        let token = self.authority.renew(grant).await?;
        let renewed = self.authority.verify(&token, Audience::App)?;
        let max_age_s = renewed.exp.saturating_sub(self.clock.now().as_secs()).max(0);
        app_cookie(self.config.secure_cookies(), &token, max_age_s).ok_or(GrantError::Invalid)
    }

    /// Whether less than half of a cookie's life is left.
    pub(crate) fn is_ageing(&self, grant: &Grant) -> bool {
        let left = grant.exp.saturating_sub(self.clock.now().as_secs());
        left < grant.exp.saturating_sub(grant.iat) / 2
    }

    /// Where a person signs in on this origin.
    pub(crate) fn sign_in_address(&self, site: Site, path: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("workspace", &site.workspace.label());
        if let Some(port) = site.place.port() {
            query.append_pair("port", &port.to_string());
        }
        query.append_pair("path", path);
        format!("{}/api/v5/enter?{}", self.config.public_origin(), query.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vulnerability 5: open redirects.
    #[test]
    fn paths_stay_on_their_origin() {
        for path in ["/", "/a/b?c=%2F%2Fd#e", "/a//b", "/.coditectx"] {
            assert_eq!(local_path(path), path);
        }
        for path in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil",
            "https://evil.example",
            "/a\r\nSet-Cookie: x",
            "/\t/evil",
            "/ä",
            "/.coditect/enter?ticket=x",
            "/.coditect",
            "javascript:alert(1)",
        ] {
            assert_eq!(local_path(path), "/", "{path:?}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(5000))), "/");
    }
}
