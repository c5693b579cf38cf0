//! Which headers pass between client and workspace, in which direction.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

use crate::answer::INERT_POLICY;

/// Where a program puts a workspace grant when it talks to a port.
pub(crate) const GRANT_HEADER: &str = "x-coditect-grant";
/// Names a request in logs, error bodies and answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Removes what belongs to one connection only (RFC 9110 section 7.6.1), and what `Connection` nominates.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|token| token.trim().parse().ok())
        // What frames or addresses the message is not for a client to take away.
        .filter(|name| ![header::HOST, header::CONTENT_LENGTH, header::CONTENT_TYPE].contains(name))
        .collect();
    for name in nominated {
        headers.remove(name);
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    for name in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("http2-settings"),
    ] {
        headers.remove(name);
    }
}

/// Request headers an agent needs; everything else stays outside.
const TO_AGENT: [HeaderName; 13] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::RANGE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// Answer headers an agent may set; the agent is a tenant's process.
const FROM_AGENT: [HeaderName; 14] = [
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
];

/// A request's headers, reduced to what an agent needs.
pub(crate) fn to_agent(headers: &HeaderMap) -> HeaderMap {
    let mut passed = HeaderMap::with_capacity(16);
    for name in TO_AGENT {
        for value in headers.get_all(&name) {
            passed.append(name.clone(), value.clone());
        }
    }
    passed.insert(header::HOST, HeaderValue::from_static("workspace"));
    passed
}

/// An agent's headers, reduced to what it may say on the control origin, under a policy that makes it inert.
pub(crate) fn from_agent(headers: &mut HeaderMap) {
    let mut passed = HeaderMap::with_capacity(16);
    for name in FROM_AGENT {
        // One value each: a second `Content-Type` or `Content-Length` is a trick.
        if let Some(value) = headers.remove(&name) {
            passed.insert(name, value);
        }
    }
    passed.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    passed.insert(header::CONTENT_SECURITY_POLICY, INERT_POLICY);
    passed.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    if !passed.contains_key(header::CACHE_CONTROL) {
        passed.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    *headers = passed;
}

/// Takes away what a client says about itself or what is the platform's own. Underscores count as hyphens: CGI-like
/// servers cannot tell them apart.
pub(crate) fn strip_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str().replace('_', "-");
            name.starts_with("x-forwarded-")
                || name.starts_with("x-coditect-")
                || matches!(
                    name.as_str(),
                    "forwarded" | "x-real-ip" | "x-request-id" | "x-original-url" | "x-rewrite-url" | "proxy"
                )
        })
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Says where a request to an app came from.
pub(crate) fn set_forwarded(headers: &mut HeaderMap, client: IpAddr, scheme: &'static str) {
    if let Some(host) = headers.get(header::HOST).cloned() {
        headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
    headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static(scheme));
    if let Ok(client) = HeaderValue::from_str(&client.to_canonical().to_string()) {
        headers.insert(HeaderName::from_static("x-forwarded-for"), client);
    }
}

/// What an app may not say even on its own origin: where else it is to be reached, and the platform's own words.
pub(crate) fn strip_app_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-coditect-") || matches!(name.as_str(), "alt-svc" | "x-request-id"))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn connection_headers_and_what_they_nominate_go_but_not_the_framing() {
        let mut headers = map(&[
            ("connection", "close, x-private, content-length, host"),
            ("x-private", "1"),
            ("content-length", "5"),
            ("host", "h"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("content-length", "5"), ("host", "h"), ("accept", "*/*")]));
    }

    #[test]
    fn a_length_beside_a_transfer_encoding_goes() {
        let mut headers = map(&[("transfer-encoding", "chunked"), ("content-length", "5")]);
        strip_hop_by_hop(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn claims_go_in_every_spelling() {
        let mut headers = map(&[
            ("x-forwarded-for", "1"),
            ("x_forwarded_host", "1"),
            ("x-coditect-grant", "1"),
            ("x_coditect_user", "1"),
            ("forwarded", "1"),
            ("x-real_ip", "1"),
            ("x-mine", "1"),
        ]);
        strip_claims(&mut headers);
        assert_eq!(headers, map(&[("x-mine", "1")]));
    }
}
