//! Who makes a request: from `Authorization: Bearer`, or from the access cookie of our own pages.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use coditect_api::grant::{AccessClaims, Audience};
use coditect_model::id::LoginId;
use coditect_model::role::Principal;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, Method};

use super::{cookies, origin};
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;
use crate::keyring::TokenError;

impl FromRequestParts<Arc<Control>> for Caller {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, AppError> {
        authenticate(control, &parts.method, &parts.headers)
    }
}

impl FromRequestParts<Arc<Control>> for Me {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, AppError> {
        authenticate(control, &parts.method, &parts.headers)?.user()
    }
}

/// A request's author, if it says who that is: what a route takes that also serves strangers.
pub(super) struct Anybody(pub(super) Option<Caller>);

impl FromRequestParts<Arc<Control>> for Anybody {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, AppError> {
        Ok(Self(authenticate(control, &parts.method, &parts.headers).ok()))
    }
}

/// The client's address.
pub(super) struct Client(pub(super) IpAddr);

impl FromRequestParts<Arc<Control>> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, control: &Arc<Control>) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
        let forwarded: Vec<&str> =
            parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        Ok(Self(control.client_address(peer, Some(&forwarded.join(",")))))
    }
}

fn authenticate(control: &Control, method: &Method, headers: &HeaderMap) -> Result<Caller, AppError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    if let Some(value) = values.next() {
        let token = value.to_str().ok().and_then(|text| text.split_once(' '));
        let (Some((scheme, token)), None) = (token, values.next()) else { return Err(not_valid()) };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(not_valid());
        }
        return from_token(control, token.trim());
    }
    let token = cookies::access(&control.config, headers).ok_or_else(|| AppError::unauthenticated("log in first"))?;
    let caller = from_token(control, token)?;
    if !method.is_safe() {
        origin::check(&control.config, headers)?;
    }
    match caller {
        Caller::User { .. } => Ok(caller),
        // The operator's token is for programs; in a cookie it would act for whoever can make a browser send it.
        Caller::Operator => Err(not_valid()),
    }
}

fn not_valid() -> AppError {
    AppError::unauthenticated("the credentials are not valid; log in again")
}

fn from_token(control: &Control, token: &str) -> Result<Caller, AppError> {
    if control.is_operator(token) {
        return Ok(Caller::Operator);
    }
    let claims: AccessClaims =
        control.keyring.verify(token, Audience::Control, control.clock.now()).map_err(|error| match error {
            TokenError::Invalid => not_valid(),
            TokenError::Expired => AppError::unauthenticated("the access token has expired; refresh it"),
        })?;
    let login: LoginId = claims.login.parse().map_err(|_| not_valid())?;
    if control.revoked.contains(login) {
        return Err(AppError::unauthenticated("this login has ended; log in again"));
    }
    let principal = Principal {
        tenant: claims.tenant.parse().map_err(|_| not_valid())?,
        user: claims.sub.parse().map_err(|_| not_valid())?,
        role: claims.role,
        admin: claims.admin,
    };
    Ok(Caller::User { principal, login, expires_at_s: claims.exp })
}
