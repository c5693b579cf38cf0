//! Pages for people whose browser asked a workspace for something it cannot show yet.
//!
//! **Invariants**: no script; every piece of text that is not a literal of this file is escaped.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::config::RouterConfig;

/// A page that says what is the matter.
pub(crate) struct Page<'a> {
    pub(crate) status: StatusCode,
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    /// Loads the same address again after this many seconds.
    pub(crate) retry_s: Option<u32>,
}

const STYLE: &str = ":root{color-scheme:light dark;--bg:#f6f7f9;--fg:#1b1f24;--dim:#57606a;--card:#fff;--line:#d8dee4;--dot:#0a7f78}\
@media (prefers-color-scheme:dark){:root{--bg:#0f1317;--fg:#e6e9ed;--dim:#9aa4af;--card:#161b21;--line:#2a323b;--dot:#3cc9bf}}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}\
main{max-width:30rem;margin:1.5rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:12px}\
h1{font-size:1.2rem;margin:0 0 .5rem}p{margin:.5rem 0 0;color:var(--dim);overflow-wrap:anywhere}\
.wait::before{content:'';display:inline-block;width:.6em;height:.6em;margin-right:.5em;border-radius:50%;background:var(--dot);animation:p 1.2s ease-in-out infinite}\
@keyframes p{50%{opacity:.2}}@media (prefers-reduced-motion:reduce){.wait::before{animation:none}}";

/// Renders a page.
pub(crate) fn page(config: &RouterConfig, request_id: &str, page: &Page<'_>) -> Response<Body> {
    let Page { status, title, text, retry_s } = page;
    let (title, text) = (escape(title), escape(text));
    let (refresh, wait) = match retry_s {
        Some(seconds) => (
            format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"),
            format!("<p class=\"wait\" role=\"status\">This page tries again every {seconds} seconds.</p>"),
        ),
        None => (String::new(), String::new()),
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\">{refresh}<title>{title}</title><style>{STYLE}</style></head><body><main>\
         <h1>{title}</h1><p>{text}</p>{wait}<p><small>Request {}</small></p></main></body></html>",
        escape(request_id)
    );
    let mut answer = Response::new(Body::from(html));
    *answer.status_mut() = *status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Previews are framed by the web app and by other ports of a workspace.
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
         frame-ancestors {} {}://*.{}",
        config.public_origin(),
        config.scheme(),
        config.workspace_domain()
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href='x'>\"&\n"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp; ");
    }
}
