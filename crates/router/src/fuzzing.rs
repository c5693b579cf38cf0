//! What fuzzers call: each function takes any bytes and asserts what must hold of one of the router's decisions.
//!
//! Behind the feature `fuzzing`, which only crate `fuzzing` asks for.

use coditect_model::id::WorkspaceId;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::app_login::{is_platform_path, local_path};
use crate::config::RouterConfig;
use crate::destination::{Destination, Place, canonical_authority, destination};
use crate::{agent, cookies, fetch, files, headers};

/// Header lines of one case.
const LINES_MAX: usize = 32;

fn config() -> RouterConfig {
    let aliases = ["localhost:8080".to_owned(), "[::1]:8080".to_owned()];
    RouterConfig::new("http://coditect.localhost:8080", &aliases, "coditect.localhost:8080", true)
        .expect("these are origins and authorities")
}

/// Reads `name: value` lines; what is no header is left out, as the HTTP library would refuse it.
fn read_headers(data: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(LINES_MAX) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}

/// A `Host` header leads to the one name it spells or nowhere. The first line is the request's target, the second the
/// host.
pub fn host(data: &[u8]) {
    let config = config();
    let (target, host) = split_line(data);
    let uri = Uri::try_from(target).unwrap_or_else(|_| Uri::from_static("/"));
    let Ok(host) = HeaderValue::from_bytes(host) else { return };
    let text = host.to_str().unwrap_or_default().to_owned();
    let mut map = HeaderMap::new();
    map.insert(header::HOST, host);
    let canonical = canonical_authority("http", &text);
    if let Some(canonical) = &canonical {
        assert_eq!(canonical_authority("http", canonical).as_ref(), Some(canonical), "one form has two forms");
    }
    let expected = match destination(&config, &uri, &map) {
        Err(_) => return,
        Ok(Destination::Control { authority }) => {
            assert!(authority == "coditect.localhost:8080" || config.aliases().contains(&authority));
            authority
        }
        Ok(Destination::Workspace(site)) => {
            let place = match site.place {
                Place::Port(port) => port.to_string(),
                Place::Files => "files".to_owned(),
            };
            format!("{place}--{}.coditect.localhost:8080", site.workspace.label())
        }
    };
    assert_eq!(canonical, Some(expected));
}

/// A path below `/w/` reaches `/v1/` of the workspace it names, or nothing.
pub fn agent_path(data: &[u8]) {
    let Ok(uri) = Uri::try_from(data) else { return };
    let Ok((workspace, inner)) = agent::target(&uri) else { return };
    assert_eq!(uri.path(), format!("/w/{}{}", workspace.label(), inner.path()));
    assert!(inner.path().starts_with("/v1/") && inner.authority().is_none());
    assert!(
        inner.path().split('/').skip(1).all(|part| !matches!(part, "" | "." | "..") || inner.path().ends_with('/'))
    );
}

/// Where a sign-in returns to is a path of the same origin.
pub fn return_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = local_path(text);
    assert!(path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\"), "{path:?}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{path:?}");
    assert!(!is_platform_path(path.split(['?', '#']).next().unwrap_or_default()), "{path:?}");
}

/// The platform's cookies neither reach an app nor can be set by one. The data are `name: value` lines.
pub fn cookie_headers(data: &[u8]) {
    let mut map = read_headers(data);
    cookies::hide(&mut map);
    for secure in [false, true] {
        assert!(cookies::candidates(&map, cookies::app_cookie_name(secure)).is_empty(), "{map:?}");
    }
    cookies::confine(&mut map);
    for value in map.get_all(header::SET_COOKIE) {
        let mut parts = value.as_bytes().split(|&byte| byte == b';');
        let pair = parts.next().unwrap_or_default();
        for part in parts {
            let name = part.split(|&byte| byte == b'=').next().unwrap_or_default();
            assert!(!name.trim_ascii().eq_ignore_ascii_case(b"domain"), "{value:?}");
        }
        // What a browser sends back for it (RFC 6265 bis): a nameless cookie is its bare value.
        let sent = match pair.iter().position(|&byte| byte == b'=') {
            Some(at) if !pair[..at].trim_ascii().is_empty() => {
                [pair[..at].trim_ascii(), b"=", pair[at + 1..].trim_ascii()].concat()
            }
            Some(at) => pair[at + 1..].trim_ascii().to_vec(),
            None => pair.trim_ascii().to_vec(),
        };
        let Ok(sent) = HeaderValue::from_bytes(&sent) else { continue };
        let mut back = HeaderMap::new();
        back.insert(header::COOKIE, sent.clone());
        cookies::hide(&mut back);
        assert_eq!(back.get(header::COOKIE), (!sent.is_empty()).then_some(&sent), "{value:?} comes back as ours");
    }
}

/// What passes between client and workspace keeps no word of one connection, of the platform, or of a client about
/// itself. The data are `name: value` lines.
pub fn passed_headers(data: &[u8]) {
    let given = read_headers(data);
    let mut map = given.clone();
    headers::strip_hop_by_hop(&mut map);
    for name in ["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection", "expect"] {
        assert!(!map.contains_key(name), "{name}");
    }
    assert_eq!(map.get_all(header::HOST).iter().count(), given.get_all(header::HOST).iter().count());
    headers::strip_claims(&mut map);
    headers::strip_app_claims(&mut map);
    for name in map.keys() {
        let spelled = name.as_str().replace('_', "-");
        assert!(!spelled.starts_with("x-forwarded-") && !spelled.starts_with("x-coditect-"), "{name}");
    }
    let agent = headers::to_agent(&given);
    assert!(!agent.contains_key(header::COOKIE) && !agent.contains_key(header::AUTHORIZATION));
    assert_eq!(agent.get_all(header::HOST).iter().count(), 1);
    let mut answer = given.clone();
    headers::from_agent(&mut answer);
    for name in [header::SET_COOKIE, header::LOCATION, header::REFRESH] {
        assert!(!answer.contains_key(name));
    }
    for name in answer.keys() {
        assert_eq!(answer.get_all(name).iter().count(), 1, "{name}");
    }
    assert!(answer.contains_key(header::CONTENT_SECURITY_POLICY));
    files::force_download(&mut answer);
    let disposition = answer[header::CONTENT_DISPOSITION].as_bytes();
    assert!(disposition == b"attachment" || disposition.starts_with(b"attachment; "), "{disposition:?}");
}

/// A request with a workspace's cookie counts as its own only from its own pages or from a person. The data are
/// `name: value` lines.
pub fn origin(data: &[u8]) {
    let (config, workspace) = (config(), WorkspaceId::from_bytes([7; 16]));
    let map = read_headers(data);
    let own = fetch::is_own(&config, &Method::POST, &map, false, workspace);
    if let (true, Some(origin)) = (own, fetch::origin(&map)) {
        let port = origin
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix(&format!("--{}.coditect.localhost:8080", workspace.label())));
        assert!(port.is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0)), "{origin:?}");
    }
    if let Some(protocol) = fetch::upgrade(&map) {
        assert!(
            !protocol.to_ascii_lowercase().starts_with("h2") && !protocol.contains([' ', ',', ';']),
            "{protocol:?}"
        );
    }
    if let Ok(Some(token)) = agent::bearer(&map) {
        assert_eq!(map.get_all(header::AUTHORIZATION).iter().count(), 1);
        assert_eq!(token.trim(), token);
    }
}

fn split_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|&byte| byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (b"/", data),
    }
}
