//! Bodies, queries and cookies as hostile clients may send them.

use axum::extract::Query;
use coditect_api::{auth, invitation, session, user, workspace};
use coditect_model::id::Workspace;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Uri};
use serde::de::DeserializeOwned;

use super::query::{ListParams, Wait};
use crate::config::ControlConfig;

/// Longest explanation of a refused body, in characters.
const MESSAGE_MAX_CHARS: usize = 300;

/// A body is read or refused in a few words without control characters.
pub fn body(data: &[u8]) {
    fn of<T: DeserializeOwned>(data: &[u8]) {
        if let Err(error) = super::body::parse::<T>(data) {
            let text = error.to_string();
            assert!(text.chars().count() <= MESSAGE_MAX_CHARS && !text.chars().any(char::is_control), "{text:?}");
        }
    }
    of::<auth::Register>(data);
    of::<auth::LogIn>(data);
    of::<auth::Refresh>(data);
    of::<auth::ClaimAdmin>(data);
    of::<auth::ChangePassword>(data);
    of::<user::CreateUser>(data);
    of::<user::UpdateUser>(data);
    of::<workspace::CreateWorkspace>(data);
    of::<workspace::UpdateWorkspace>(data);
    of::<workspace::CreateTicket>(data);
    of::<session::OpenSession>(data);
    of::<session::UpdateSession>(data);
    of::<invitation::CreateInvitation>(data);
}

/// A query is refused, or asks for no more than is offered.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(uri) = format!("/api/v5/workspaces?{text}").parse::<Uri>() else { return };
    if let Ok(Query(params)) = Query::<ListParams>::try_from_uri(&uri)
        && let Ok((_, limit)) = params.page::<Workspace>()
    {
        assert!((1..=crate::app::PAGE_MAX).contains(&limit));
    }
    if let Ok(Query(wait)) = Query::<Wait>::try_from_uri(&uri) {
        assert!(wait.checked().map_or(true, |wait_ms| wait_ms <= 30_000));
    }
}

/// Of two different cookies of our name neither is believed. Lines are headers.
pub fn cookies(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    let config = ControlConfig::new("http://coditect.localhost:8080", "coditect.localhost:8080");
    let name = if config.secure_cookies { "__Host-coditect_access" } else { "coditect_access" };
    let sent = || {
        let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        texts
            .flat_map(|text| text.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|pair| pair.0 == name)
    };
    let believed = super::cookies::access(&config, &headers);
    assert!(sent().all(|(_, value)| believed.is_none_or(|believed| believed == value)));
    assert!(believed.is_none() || sent().count() > 0);
    assert_ne!(believed, Some(""));
}
