//! `/api/v5/auth/*`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use coditect_api::auth::{ChangePassword, ClaimAdmin, Identity, LogIn, LoggedIn, Refresh, Register, TokenDelivery};
use coditect_api::error::ErrorBody;
use http::{HeaderMap, StatusCode};

use super::answer::{Answer, opened};
use super::authenticate::{Anybody, Client};
use super::body::{Body, MaybeBody};
use super::{cookies, origin};
use crate::app::auth::Issued;
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;

/// Makes an account and logs it in: in a tenant of its own, or in that of an invitation.
#[utoipa::path(post, path = "/api/v5/auth/register", tag = "auth", security(()), request_body = Register,
    responses((status = 201, description = "The account, logged in", body = LoggedIn),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn register(
    State(control): State<Arc<Control>>,
    Client(address): Client,
    headers: HeaderMap,
    Body(input): Body<Register>,
) -> Answer<Response> {
    check_delivery(&control, &headers, input.delivery)?;
    let issued = control.register(input, address).await?;
    deliver(&control, StatusCode::CREATED, issued, false).await
}

/// Trades e-mail address and password for tokens. Answers the session used last beside them.
#[utoipa::path(post, path = "/api/v5/auth/login", tag = "auth", security(()), request_body = LogIn,
    responses((status = 200, description = "Logged in", body = LoggedIn),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn log_in(
    State(control): State<Arc<Control>>,
    Client(address): Client,
    headers: HeaderMap,
    Body(input): Body<LogIn>,
) -> Answer<Response> {
    check_delivery(&control, &headers, input.delivery)?;
    let issued = control.log_in(input, address).await?;
    deliver(&control, StatusCode::OK, issued, true).await
}

/// Trades a refresh token for the next one and a new access token. A token works once; using one twice ends the login.
#[utoipa::path(post, path = "/api/v5/auth/refresh", tag = "auth", security(()), request_body = Refresh,
    responses((status = 200, description = "The next tokens", body = LoggedIn),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn refresh(
    State(control): State<Arc<Control>>,
    Client(address): Client,
    headers: HeaderMap,
    MaybeBody(input): MaybeBody<Refresh>,
) -> Answer<Response> {
    let (token, delivery) = match &input.refresh_token {
        Some(token) => (token.clone(), TokenDelivery::Body),
        None => {
            let token = cookies::refresh(&control.config, &headers)
                .ok_or_else(|| AppError::unauthenticated("there is no refresh token; log in"))?
                .to_owned();
            origin::check(&control.config, &headers)?;
            (token, TokenDelivery::Cookie)
        }
    };
    match control.refresh(&token, address).await {
        Ok(issued) => deliver(&control, StatusCode::OK, Issued { delivery, ..issued }, false).await,
        Err(error) => {
            let over = error.kind == coditect_api::error::ErrorKind::Unauthenticated;
            let mut response = error.into_response();
            if over && delivery == TokenDelivery::Cookie {
                cookies::clear(&control.config, response.headers_mut());
            }
            Ok(response)
        }
    }
}

/// Ends the login of the access token, the refresh token or the cookies that come with the request, and clears the
/// cookies. Fine to do twice.
#[utoipa::path(post, path = "/api/v5/auth/logout", tag = "auth", request_body = Refresh,
    responses((status = 204, description = "Logged out"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn log_out(
    State(control): State<Arc<Control>>,
    Anybody(caller): Anybody,
    headers: HeaderMap,
    MaybeBody(input): MaybeBody<Refresh>,
) -> Answer<Response> {
    let cookie = cookies::refresh(&control.config, &headers);
    let by_cookie = cookie.is_some() || cookies::access(&control.config, &headers).is_some();
    if by_cookie && !headers.contains_key(http::header::AUTHORIZATION) {
        origin::check(&control.config, &headers)?;
    }
    if let Some(Caller::User { login, .. }) = caller {
        control.log_out(login).await?;
    } else if let Some(token) = input.refresh_token.as_deref().or(cookie)
        && let Some(login) = control.login_of_refresh_token(token).await?
    {
        control.log_out(login).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies::clear(&control.config, response.headers_mut());
    Ok(response)
}

/// Whose credentials these are, and until when they are good.
#[utoipa::path(post, path = "/api/v5/auth/validate", tag = "auth",
    responses((status = 200, description = "Valid", body = Identity),
              (status = "default", description = "Not valid", body = ErrorBody)))]
pub(super) async fn validate(State(control): State<Arc<Control>>, me: Me) -> Answer<Json<Identity>> {
    identity(&control, me).await
}

/// The caller's own account.
#[utoipa::path(get, path = "/api/v5/auth/me", tag = "auth",
    responses((status = 200, description = "The account", body = Identity),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn me(State(control): State<Arc<Control>>, me: Me) -> Answer<Json<Identity>> {
    identity(&control, me).await
}

/// Makes the caller an administrator, with the one-time token that the server prints at first start.
#[utoipa::path(post, path = "/api/v5/auth/claim-admin", tag = "auth", request_body = ClaimAdmin,
    responses((status = 200, description = "Now an administrator", body = Identity),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn claim_admin(
    State(control): State<Arc<Control>>,
    me: Me,
    Client(address): Client,
    Body(input): Body<ClaimAdmin>,
) -> Answer<Json<Identity>> {
    control.limiters.login.check(address, control.clock.now()).map_err(AppError::rate_limited)?;
    let user = control.claim_admin(me, &input.setup_token).await?;
    Ok(Json(Identity { user: user.to_api(), expires_at: me.expires_at_s.saturating_mul(1000) }))
}

/// Changes the caller's own password and ends every other login of theirs.
#[utoipa::path(post, path = "/api/v5/auth/password", tag = "auth", request_body = ChangePassword,
    responses((status = 204, description = "Changed"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn change_password(
    State(control): State<Arc<Control>>,
    me: Me,
    Client(address): Client,
    Body(input): Body<ChangePassword>,
) -> Answer<StatusCode> {
    control.change_password(me, input, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn identity(control: &Control, me: Me) -> Answer<Json<Identity>> {
    let user = control.me(me).await?;
    Ok(Json(Identity { user: user.to_api(), expires_at: me.expires_at_s.saturating_mul(1000) }))
}

/// Cookies are only set for our own pages: another site must not be able to log its visitor in as somebody else.
fn check_delivery(control: &Control, headers: &HeaderMap, delivery: TokenDelivery) -> Answer<()> {
    match delivery {
        TokenDelivery::Body => Ok(()),
        TokenDelivery::Cookie => origin::check(&control.config, headers),
    }
}

/// The answer to register, login and refresh.
async fn deliver(control: &Control, status: StatusCode, issued: Issued, with_session: bool) -> Answer<Response> {
    let me = Me {
        tenant: issued.user.tenant,
        user: issued.user.id,
        login: issued.login,
        expires_at_s: control.clock.now().as_secs().saturating_add(control.config.access_ttl_s),
    };
    let session = match if with_session { control.last_session(me).await? } else { None } {
        Some(last) => Some(opened(control, me, last).await?),
        None => None,
    };
    let mut headers = HeaderMap::new();
    let (access_token, refresh_token) = match issued.delivery {
        TokenDelivery::Body => (Some(issued.access_token), Some(issued.refresh_token)),
        TokenDelivery::Cookie => {
            cookies::set_tokens(&control.config, &mut headers, &issued.access_token, &issued.refresh_token);
            (None, None)
        }
    };
    let answer = LoggedIn {
        user: issued.user.to_api(),
        expires_in_s: u64::try_from(control.config.access_ttl_s).unwrap_or_default(),
        access_token,
        refresh_token,
        session,
    };
    Ok((status, headers, Json(answer)).into_response())
}
