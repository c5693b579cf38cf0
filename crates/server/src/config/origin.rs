//! An origin: scheme, host and port, as browsers compare them (RFC 6454).

use std::fmt;

/// `http://coditect.localhost:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: &'static str,
    authority: String,
}

impl Origin {
    /// Parses an origin in its only canonical spelling: lower case, no default port, no path.
    ///
    /// # Errors
    /// In words that name the form it needs.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, default_port, rest) = if let Some(rest) = text.strip_prefix("http://") {
            ("http", ":80", rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            ("https", ":443", rest)
        } else {
            return Err("needs the form http://host:port or https://host".to_owned());
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        parse_authority(authority)?;
        Ok(Self { scheme, authority: authority.to_owned() })
    }

    /// Host and port.
    #[must_use]
    pub(crate) fn authority(&self) -> String {
        self.authority.clone()
    }

    /// `http` or `https`.
    #[must_use]
    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Whether browsers treat it as a secure context.
    #[must_use]
    pub(crate) fn is_trustworthy(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        self.scheme == "https"
            || host == "localhost"
            || host.ends_with(".localhost")
            || host == "127.0.0.1"
            || host == "[::1]"
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Checks `host` or `host:port`: lower-case letters, digits, dots and hyphens; a port without leading zeros.
pub(super) fn parse_authority(text: &str) -> Result<(), String> {
    let error = || Err(format!("`{text}` is not a host name with an optional port, in lower case"));
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if let Some(port) = port
        && port.parse::<u16>().map_or(true, |number| number == 0 || number.to_string() != port)
    {
        return error();
    }
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ok = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.split('.').all(|label| !label.is_empty() && label.len() <= 63)
                && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        }
    };
    if ok { Ok(()) } else { error() }
}
