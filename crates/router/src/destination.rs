//! From a request's address to what it may reach.

use std::net::Ipv6Addr;

use coditect_model::id::WorkspaceId;
use http::{HeaderMap, Uri, header};

use crate::config::RouterConfig;

/// Longest `Host` header, in bytes: a DNS name of 253, a colon and a port.
const AUTHORITY_MAX_BYTES: usize = 260;

/// A place of a workspace that has an origin of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A TCP port.
    Port(u16),
    /// Downloads.
    Files,
}

impl Place {
    /// The port in tokens and addresses; none for the files origin.
    pub(crate) fn port(self) -> Option<u16> {
        match self {
            Self::Port(port) => Some(port),
            Self::Files => None,
        }
    }
}

/// An origin of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    /// Whose.
    pub(crate) workspace: WorkspaceId,
    /// Which.
    pub(crate) place: Place,
}

/// What a `Host` header names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The control origin, under this authority.
    Control { authority: String },
    /// An origin of a workspace.
    Workspace(Site),
}

/// Why a `Host` header names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoDestination {
    /// Missing, doubled, malformed, or not the host of the request's target.
    Malformed,
    /// A name that is not served here.
    Unknown,
}

/// Host and port in the one form they are compared in: lower case, no default port. None: not an authority.
pub(crate) fn canonical_authority(scheme: &str, text: &str) -> Option<String> {
    if text.is_empty() || text.len() > AUTHORITY_MAX_BYTES {
        return None;
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inner, rest) = rest.split_once(']')?;
        let address: Ipv6Addr = inner.parse().ok()?;
        let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
        (format!("[{address}]"), port)
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if host.is_empty() || !host.bytes().all(known) {
            return None;
        }
        (host.to_ascii_lowercase(), port)
    };
    let default = if scheme == "https" { 443 } else { 80 };
    match port.map(canonical_port) {
        None => Some(host),
        Some(None) => None,
        Some(Some(port)) if port == default => Some(host),
        Some(Some(port)) => Some(format!("{host}:{port}")),
    }
}

/// A port in its one spelling: 1 to 65535, no sign, no leading zero.
pub(crate) fn canonical_port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port != 0 && port.to_string() == text).then_some(port)
}

/// Decides what a request may reach.
pub(crate) fn destination(config: &RouterConfig, uri: &Uri, headers: &HeaderMap) -> Result<Destination, NoDestination> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(NoDestination::Malformed);
    };
    let host = host.to_str().map_err(|_| NoDestination::Malformed)?;
    let authority = canonical_authority(config.scheme(), host).ok_or(NoDestination::Malformed)?;
    // A target with a host of its own (`GET http://other/ HTTP/1.1`) must say the same, or two parts of the
    // system could believe two different names.
    if let Some(target) = uri.authority() {
        let same = canonical_authority(config.scheme(), target.as_str()).is_some_and(|target| target == authority);
        if !same || uri.scheme_str() != Some(config.scheme()) {
            return Err(NoDestination::Malformed);
        }
    }
    if authority == config.authority() || config.aliases().contains(&authority) {
        return Ok(Destination::Control { authority });
    }
    site(config, &authority).map(Destination::Workspace).ok_or(NoDestination::Unknown)
}

/// The workspace origin that a canonical authority names.
pub(crate) fn site(config: &RouterConfig, authority: &str) -> Option<Site> {
    let name = authority.strip_suffix(config.workspace_domain())?.strip_suffix('.')?;
    let (place, label) = name.split_once("--")?;
    let workspace = WorkspaceId::from_label(label).ok()?;
    let place = if place == "files" { Place::Files } else { Place::Port(canonical_port(place)?) };
    Some(Site { workspace, place })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RouterConfig {
        let aliases = ["localhost:8080".to_owned(), "[::1]:8080".to_owned()];
        RouterConfig::new("http://coditect.localhost:8080", &aliases, "coditect.localhost:8080", true).unwrap()
    }

    fn at(host: &str) -> Result<Destination, NoDestination> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        destination(&config(), &Uri::from_static("/"), &headers)
    }

    #[test]
    fn names_lead_where_they_say() {
        let workspace = WorkspaceId::from_bytes([9; 16]);
        let label = workspace.label();
        assert!(matches!(at("Coditect.LOCALHOST:8080"), Ok(Destination::Control { .. })));
        assert!(matches!(at("[0:0::1]:8080"), Ok(Destination::Control { .. })));
        let port = Site { workspace, place: Place::Port(3000) };
        assert_eq!(at(&format!("3000--{label}.coditect.localhost:8080")), Ok(Destination::Workspace(port)));
        let files = Site { workspace, place: Place::Files };
        assert_eq!(at(&format!("files--{label}.coditect.localhost:8080")), Ok(Destination::Workspace(files)));
    }

    #[test]
    fn other_names_lead_nowhere() {
        let label = WorkspaceId::from_bytes([9; 16]).label();
        for host in [
            "coditect.localhost",
            "coditect.localhost:8081",
            "coditect.localhost.:8080",
            "evil.example",
            "xcoditect.localhost:8080",
            ".coditect.localhost:8080",
            &format!("0--{label}.coditect.localhost:8080"),
            &format!("03000--{label}.coditect.localhost:8080"),
            &format!("65536--{label}.coditect.localhost:8080"),
            &format!("3000--{label}x.coditect.localhost:8080"),
            &format!("3000--{label}.evil.coditect.localhost:8080"),
            &format!("a.3000--{label}.coditect.localhost:8080"),
            &format!("3000--{label}.coditect.localhost:8081"),
            &format!("3000--{label}.coditect.localhost.:8080"),
        ] {
            assert_eq!(at(host), Err(NoDestination::Unknown), "{host}");
        }
        for host in [
            "",
            "a@coditect.localhost:8080",
            "coditect.localhost:",
            "coditect.localhost:08080",
            "a b",
            "[::1",
            "+3000--x.y",
        ] {
            assert_eq!(at(host), Err(NoDestination::Malformed), "{host}");
        }
    }
}
