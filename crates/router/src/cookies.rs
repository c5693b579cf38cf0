//! Cookies on workspace origins: finding ours, hiding it from the app, and keeping the app's within bounds.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// Cookies of our name that are tried. Under a plain name, a neighbour on the same domain can plant some.
const CANDIDATES_MAX: usize = 4;

/// Name of the cookie that signs a browser in on one origin of a workspace.
pub(crate) fn app_cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-coditect_app" } else { "coditect_app" }
}

/// The `Set-Cookie` that carries `token` for `max_age_s` seconds; an empty token and 0 clear it.
pub(crate) fn app_cookie(secure: bool, token: &str, max_age_s: i64) -> Option<HeaderValue> {
    let name = app_cookie_name(secure);
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_s}{secure}")).ok()
}

fn pairs(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|&byte| byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

fn name_of(pair: &[u8]) -> &[u8] {
    // A pair without `=` is a nameless cookie; servers read it as a name.
    pair.split(|&byte| byte == b'=').next().unwrap_or(pair).trim_ascii()
}

fn is_ours(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    [&b"__host-coditect"[..], b"__secure-coditect", b"coditect_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Values of the cookies with this name.
pub(crate) fn candidates<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    let values = headers.get_all(header::COOKIE).into_iter().flat_map(pairs);
    let named = values.filter(|pair| name_of(pair) == name.as_bytes());
    let texts = named.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('=').map(|(_, value)| value.trim()));
    texts.take(CANDIDATES_MAX).collect()
}

/// Removes every cookie of the platform.
pub(crate) fn hide(headers: &mut HeaderMap) {
    let kept: Vec<Vec<u8>> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| pairs(value).filter(|pair| !is_ours(name_of(pair))).collect::<Vec<_>>().join(&b"; "[..]))
        .filter(|value| !value.is_empty())
        .collect();
    headers.remove(header::COOKIE);
    for value in kept {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(header::COOKIE, value);
        }
    }
}

/// Binds an app's cookies to its own origin: no `Domain`, none of the platform's names.
pub(crate) fn confine(headers: &mut HeaderMap) {
    let confined: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| {
            let mut parts = value.as_bytes().split(|&byte| byte == b';');
            let pair = parts.next()?.trim_ascii();
            // `=__Host-coditect_app=x` is a nameless cookie that comes back looking like ours.
            if is_ours(name_of(pair)) || is_ours(pair.trim_ascii_start().strip_prefix(b"=").unwrap_or(b"").trim_ascii())
            {
                return None;
            }
            let attributes = parts.filter(|part| !name_of(part.trim_ascii()).eq_ignore_ascii_case(b"domain"));
            let all: Vec<&[u8]> = std::iter::once(pair).chain(attributes.map(<[u8]>::trim_ascii)).collect();
            HeaderValue::from_bytes(&all.join(&b"; "[..])).ok()
        })
        .collect();
    headers.remove(header::SET_COOKIE);
    headers.remove(HeaderName::from_static("set-cookie2"));
    for value in confined {
        headers.append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn ours_are_found_and_hidden() {
        let mut headers = map(
            header::COOKIE,
            &[
                "a=1; coditect_app=one;coditect_app=two; __Host-coditect_access=x",
                "CODITECT_refresh=y",
                "coditect_; b=2=3",
            ],
        );
        assert_eq!(candidates(&headers, "coditect_app"), ["one", "two"]);
        hide(&mut headers);
        assert_eq!(headers, map(header::COOKIE, &["a=1", "b=2=3"]));
    }

    #[test]
    fn an_apps_cookies_stay_on_its_origin() {
        let mut headers = map(
            header::SET_COOKIE,
            &[
                "sid=1; Path=/; domain=coditect.localhost ; HttpOnly",
                "__Host-coditect_app=evil; Path=/; Secure",
                " Coditect_app =evil",
                "=__Host-coditect_app=evil",
                "= coditect_app=evil",
                "x=y;DOMAIN",
            ],
        );
        confine(&mut headers);
        assert_eq!(headers, map(header::SET_COOKIE, &["sid=1; Path=/; HttpOnly", "x=y"]));
    }
}
