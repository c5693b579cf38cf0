//! The web app's files: cached for good where their name holds a hash, under a strict policy.

use std::borrow::Cow;

use axum::body::Body;
use bytes::Bytes;
use coditect_api::error::ErrorKind;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};

use crate::answer::Failure;
use crate::config::RouterConfig;

/// Directory of files whose names change with their content.
const HASHED_PREFIX: &str = "assets/";
const INDEX: &str = "index.html";

/// A file of the web app.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// Its content type.
    pub content_type: Cow<'static, str>,
    /// Changes with the content; without quotes.
    pub etag: String,
    /// The content, compressed with gzip.
    pub gzip: Option<Cow<'static, [u8]>>,
}

/// The web app's files.
pub trait Assets: Send + Sync + 'static {
    /// The file at a path without leading slash, `index.html` included.
    fn get(&self, path: &str) -> Option<Asset>;
}

/// Headers of everything that is served as the web app.
pub(crate) struct AppPolicy(HeaderMap);

impl AppPolicy {
    pub(crate) fn new(config: &RouterConfig) -> Self {
        let (http, authority, workspaces) = (config.scheme(), config.authority(), config.workspace_domain());
        let ws = if http == "https" { "wss" } else { "ws" };
        let policy = format!(
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
             font-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; \
             connect-src 'self' {ws}://{authority} {http}://*.{workspaces} {ws}://*.{workspaces}; \
             frame-src {http}://*.{workspaces}; form-action 'self'; frame-ancestors 'none'"
        );
        let mut headers = HeaderMap::new();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "strict-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("origin-agent-cluster", "?1"),
            ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), hid=()"),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if http == "https" {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        Self(headers)
    }
}

/// Answers a request for the web app.
pub(crate) fn serve_asset(
    assets: &dyn Assets,
    policy: &AppPolicy,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    navigation: bool,
) -> Result<Response<Body>, Failure> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Failure::new(ErrorKind::MethodNotAllowed, "This address can only be read."));
    }
    let path = uri.path().trim_start_matches('/');
    let is_page = !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let (path, asset) = match (path, assets.get(path)) {
        ("", _) => (INDEX, assets.get(INDEX)),
        (path, Some(asset)) => (path, Some(asset)),
        // Pages of the app have addresses, but only one document.
        (_, None) if navigation && is_page => (INDEX, assets.get(INDEX)),
        (path, None) => (path, None),
    };
    let Some(asset) = asset else {
        return Err(Failure::new(ErrorKind::NotFound, "There is nothing at this address."));
    };
    Ok(answer(asset, path, policy, headers))
}

fn answer(asset: Asset, path: &str, policy: &AppPolicy, request: &HeaderMap) -> Response<Body> {
    let varies = asset.gzip.is_some();
    let (bytes, encoding) = match asset.gzip {
        Some(bytes) if accepts(request, "gzip") => (bytes, Some("gzip")),
        _ => (asset.bytes, None),
    };
    let etag = match encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", asset.etag),
        None => format!("\"{}\"", asset.etag),
    };
    let fresh = request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*"));
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut answer = Response::new(if fresh { Body::empty() } else { Body::from(bytes) });
    let headers = answer.headers_mut();
    headers.extend(policy.0.clone());
    let cache = if path.starts_with(HASHED_PREFIX) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    if varies {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if fresh {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return answer;
    }
    if let Ok(kind) = HeaderValue::from_str(&asset.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    answer
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|offer| {
        let (name, quality) = offer.split_once(';').map_or((offer, ""), |(name, quality)| (name, quality.trim()));
        let refused = quality.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}
