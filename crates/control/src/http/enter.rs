//! `GET /api/v5/enter`: where a browser without a cookie for a workspace's origin comes by to get one.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use coditect_api::auth::TokenDelivery;
use coditect_api::error::{ErrorBody, ErrorKind};
use coditect_model::id::WorkspaceId;
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;

use super::answer::Answer;
use super::authenticate::{Anybody, Client};
use super::cookies;
use super::query::Params;
use crate::app::grant::{check_path, percent_encode};
use crate::caller::{Caller, Me};
use crate::control::Control;
use crate::error::AppError;

/// Where to go.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Enter {
    /// Label of the workspace: its id without the prefix.
    workspace: String,
    /// A port of it; absent for its files origin.
    port: Option<u16>,
    /// Path and query there; must begin with exactly one `/`.
    path: Option<String>,
}

/// Signs the browser in on an origin of a workspace and sends it there; to the login page first when need be.
#[utoipa::path(get, path = "/api/v5/enter", tag = "workspaces", security(()), params(Enter),
    responses((status = 303, description = "To the workspace's origin, or to the login page"),
              (status = "default", description = "Why not", body = ErrorBody)))]
pub(super) async fn enter(
    State(control): State<Arc<Control>>,
    Anybody(caller): Anybody,
    Client(address): Client,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Params(input): Params<Enter>,
) -> Answer<Response> {
    let id = WorkspaceId::from_label(&input.workspace)
        .map_err(|_| AppError::request("`workspace` is not the label of a workspace"))?;
    let path = input.path.as_deref().unwrap_or("/");
    check_path(path)?;
    let mut set_cookies = HeaderMap::new();
    let me = match caller {
        Some(Caller::User { .. }) => caller.as_ref().map(Caller::user).transpose()?,
        Some(Caller::Operator) | None => renew(&control, address, &headers, &mut set_cookies).await,
    };
    let Some(me) = me else {
        let back = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        return redirect(&format!("/login?next={}", percent_encode(back).replace('/', "%2F")), set_cookies);
    };
    match control.ticket(me, id, input.port, path).await {
        Ok(url) => redirect(&url, set_cookies),
        // A person is waiting for a page: the workspace's own says what is the matter and leads on. Programs get the error.
        Err(error) if error.kind == ErrorKind::NotFound && !headers.contains_key(AUTHORIZATION) => {
            redirect(&format!("/workspaces/{id}"), set_cookies)
        }
        Err(error) => Err(error),
    }
}

/// The access cookie lives for minutes, a tab for days: the refresh cookie gets the next one on the way.
async fn renew(
    control: &Control,
    address: std::net::IpAddr,
    headers: &HeaderMap,
    set_cookies: &mut HeaderMap,
) -> Option<Me> {
    let token = cookies::refresh(&control.config, headers)?;
    let issued = control.refresh(token, address).await.ok()?;
    if issued.delivery != TokenDelivery::Cookie {
        return None;
    }
    cookies::set_tokens(&control.config, set_cookies, &issued.access_token, &issued.refresh_token);
    let expires_at_s = control.clock.now().as_secs().saturating_add(control.config.access_ttl_s);
    Some(Me { tenant: issued.user.tenant, user: issued.user.id, login: issued.login, expires_at_s })
}

fn redirect(to: &str, mut headers: HeaderMap) -> Answer<Response> {
    let to = HeaderValue::from_str(to).map_err(AppError::internal)?;
    headers.insert(LOCATION, to);
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
