//! What a browser says about why it asks: navigation or not, and on whose behalf.

use coditect_model::id::WorkspaceId;
use http::header::{self, HeaderName};
use http::{HeaderMap, Method};

use crate::config::RouterConfig;
use crate::destination::{Place, canonical_authority, site};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The value of a header that must not be doubled. A doubled or unreadable one is none of the known values.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { "" } else { first.to_str().unwrap_or("") })
}

/// The `Origin` header, empty when it is unreadable or doubled.
pub(crate) fn origin(headers: &HeaderMap) -> Option<&str> {
    only(headers, &header::ORIGIN)
}

/// Whether a person is waiting for a page.
pub(crate) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    match only(headers, &SEC_FETCH_MODE) {
        Some(mode) => mode == "navigate",
        None => {
            let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            accepts.is_some_and(|accept| accept.contains("text/html"))
        }
    }
}

/// The protocol a request wants to change to, if it is one that may be relayed.
pub(crate) fn upgrade(headers: &HeaderMap) -> Option<String> {
    let mut connection = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    if !connection.any(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade"))) {
        return None;
    }
    let protocol = only(headers, &header::UPGRADE)?.trim();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte);
    // HTTP/2 over clear text would carry requests past every check made here.
    let usable =
        !protocol.is_empty() && protocol.bytes().all(token) && !protocol.to_ascii_lowercase().starts_with("h2");
    usable.then(|| protocol.to_owned())
}

/// Whether an upgrade is to WebSocket.
pub(crate) fn is_websocket(protocol: &str) -> bool {
    protocol.eq_ignore_ascii_case("websocket")
}

/// Whether `origin` is one of the workspace's ports.
fn is_of_workspace(config: &RouterConfig, origin: &str, workspace: WorkspaceId) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    scheme == config.scheme()
        && canonical_authority(scheme, authority)
            // An `Origin` header has one spelling.
            .filter(|canonical| canonical == authority)
            .and_then(|authority| site(config, &authority))
            .is_some_and(|site| site.workspace == workspace && matches!(site.place, Place::Port(_)))
}

/// Whether a request that carries a workspace origin's cookie was meant by that workspace's pages or by the person:
/// all workspaces are one *site*, so that `SameSite` lets every neighbour's page send it.
pub(crate) fn is_own(
    config: &RouterConfig,
    method: &Method,
    headers: &HeaderMap,
    upgrades: bool,
    workspace: WorkspaceId,
) -> bool {
    let fetch_site = only(headers, &SEC_FETCH_SITE);
    let by_own_page = matches!(fetch_site, Some("same-origin" | "none"));
    let safe = matches!(*method, Method::GET | Method::HEAD) && !upgrades;
    // A person may follow any link here. A frame is not a person: a neighbour's page could lay it under its own buttons.
    let framed =
        matches!(only(headers, &SEC_FETCH_DEST), Some("iframe" | "frame" | "embed" | "object" | "fencedframe"));
    if safe && !framed && only(headers, &SEC_FETCH_MODE) == Some("navigate") {
        return true;
    }
    if let Some(origin) = origin(headers) {
        return is_of_workspace(config, origin, workspace);
    }
    if !safe {
        return by_own_page;
    }
    // A picture, script or frame that another port of the same workspace embeds carries no Origin, but a Referer.
    by_own_page
        || fetch_site.is_none()
        || only(headers, &header::REFERER).is_some_and(|referer| {
            let end = referer.match_indices('/').nth(2).map_or(referer.len(), |(at, _)| at);
            let origin = &referer[..end];
            is_of_workspace(config, origin, workspace) || (framed && origin == config.public_origin())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    /// Vulnerability 4: cross-site request forgery, no-cors included, between workspaces of one site.
    #[test]
    fn only_the_workspaces_own_pages_may_use_its_cookie() {
        let config = RouterConfig::new("http://coditect.localhost:8080", &[], "coditect.localhost:8080", true).unwrap();
        let (mine, other) = (WorkspaceId::from_bytes([1; 16]), WorkspaceId::from_bytes([2; 16]));
        let at = |place: &str, workspace: WorkspaceId| {
            format!("http://{place}--{}.coditect.localhost:8080", workspace.label())
        };
        let own = |method: Method, pairs: &[(&'static str, &str)], upgrades| {
            is_own(&config, &method, &map(pairs), upgrades, mine)
        };
        let (same, sibling, foreign) = (at("3000", mine), at("8000", mine), at("3000", other));
        for upgrades in [false, true] {
            let method = if upgrades { Method::GET } else { Method::POST };
            assert!(own(method.clone(), &[("origin", &same)], upgrades));
            assert!(own(method.clone(), &[("origin", &sibling), ("sec-fetch-site", "same-site")], upgrades));
            assert!(own(method.clone(), &[("sec-fetch-site", "same-origin")], upgrades));
            for bad in [&foreign, "null", "http://coditect.localhost:8080", "", "https://evil.example"] {
                assert!(!own(method.clone(), &[("origin", bad), ("sec-fetch-mode", "navigate")], upgrades), "{bad}");
            }
            assert!(!own(method.clone(), &[("origin", &at("files", mine))], upgrades));
            assert!(!own(method.clone(), &[("origin", &same.replace("http:", "https:"))], upgrades));
            assert!(!own(method.clone(), &[("origin", &same.to_uppercase())], upgrades));
            assert!(!own(method.clone(), &[], upgrades));
            assert!(!own(method.clone(), &[("sec-fetch-site", "same-site")], upgrades));
            assert!(!own(method.clone(), &[("origin", &same), ("origin", &foreign)], upgrades));
        }
        assert!(own(Method::GET, &[], false));
        assert!(own(Method::GET, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false));
        let framed = |site: &str, referer: &str| {
            let named = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
            let mut pairs = named.to_vec();
            pairs.extend((!referer.is_empty()).then_some(("referer", referer)));
            own(Method::GET, &pairs, false)
        };
        assert!(framed("same-origin", ""));
        assert!(framed("same-site", &format!("{sibling}/")) && framed("same-site", "http://coditect.localhost:8080/"));
        for foreign_page in ["", &format!("{foreign}/"), "http://coditect.localhost:8080.evil.example/"] {
            assert!(!framed("same-site", foreign_page), "{foreign_page}");
        }
        assert!(!own(Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")], false));
        assert!(!own(Method::GET, &[("sec-fetch-site", "same-site"), ("referer", &format!("{foreign}/"))], false));
        assert!(own(Method::GET, &[("sec-fetch-site", "same-site"), ("referer", &format!("{sibling}/a/b"))], false));
        assert!(!own(Method::GET, &[("origin", &foreign), ("sec-fetch-mode", "cors")], false));
        assert!(!own(Method::DELETE, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], false));
    }

    #[test]
    fn only_http_1_protocols_are_changed_to() {
        assert_eq!(
            upgrade(&map(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")])).unwrap(),
            "websocket"
        );
        assert!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "h2c")])).is_none());
        assert!(upgrade(&map(&[("connection", "close"), ("upgrade", "websocket")])).is_none());
        assert!(upgrade(&map(&[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "x")])).is_none());
    }
}
