//! The two cookies that keep a browser logged in.
//!
//! **Invariants**: scripts never see them; over a trusted connection they are bound to our exact host (`__Host-`), so no
//! workspace origin can set them for us.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::config::ControlConfig;

const ACCESS: &str = "coditect_access";
const REFRESH: &str = "coditect_refresh";

fn name(config: &ControlConfig, name: &str) -> String {
    if config.secure_cookies { format!("__Host-{name}") } else { name.to_owned() }
}

/// The one value of a cookie; none when it is sent twice with different values, because one of them is a stranger's.
fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = None;
    for header in headers.get_all(COOKIE) {
        for pair in header.to_str().ok()?.split(';') {
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
            {
                if found.is_some_and(|other| other != value) {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    found.filter(|value| !value.is_empty())
}

pub(super) fn access<'h>(config: &ControlConfig, headers: &'h HeaderMap) -> Option<&'h str> {
    read(headers, &name(config, ACCESS))
}

pub(super) fn refresh<'h>(config: &ControlConfig, headers: &'h HeaderMap) -> Option<&'h str> {
    read(headers, &name(config, REFRESH))
}

fn set(config: &ControlConfig, headers: &mut HeaderMap, cookie: &str, value: &str, same_site: &str, max_age_s: i64) {
    let secure = if config.secure_cookies { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; Max-Age={max_age_s}; HttpOnly{secure}; SameSite={same_site}",
        name(config, cookie)
    );
    // Tokens are base 64 and dots: always a header value.
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(SET_COOKIE, value);
    }
}

/// Hands out both tokens as cookies.
pub(super) fn set_tokens(config: &ControlConfig, headers: &mut HeaderMap, access: &str, refresh: &str) {
    set(config, headers, ACCESS, access, "Lax", config.access_ttl_s);
    set(config, headers, REFRESH, refresh, "Strict", config.refresh_ttl_s);
}

/// Removes both cookies.
pub(super) fn clear(config: &ControlConfig, headers: &mut HeaderMap) {
    set(config, headers, ACCESS, "", "Lax", 0);
    set(config, headers, REFRESH, "", "Strict", 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_is_sent_twice_is_nobodys() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; coditect_access=x; b=2"));
        assert_eq!(read(&headers, ACCESS), Some("x"));
        headers.append(COOKIE, HeaderValue::from_static("coditect_access=x"));
        assert_eq!(read(&headers, ACCESS), Some("x"));
        headers.append(COOKIE, HeaderValue::from_static("coditect_access=y"));
        assert_eq!(read(&headers, ACCESS), None);
    }
}
