//! The web app, embedded at build time from `web/dist`.

use std::borrow::Cow;

use coditect_router::{Asset, Assets};

#[derive(rust_embed::RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Embedded;

/// The embedded web app.
pub(crate) struct WebApp;

impl Assets for WebApp {
    fn get(&self, path: &str) -> Option<Asset> {
        if path.ends_with(".gz") {
            return None;
        }
        let Some(file) = Embedded::get(path) else {
            return (path == "index.html").then(not_built);
        };
        let gzip = Embedded::get(&format!("{path}.gz")).map(|file| file.data);
        let etag = base64::Engine::encode(
            &base64::engine::general_purpose::URL_SAFE_NO_PAD,
            &file.metadata.sha256_hash()[..16],
        );
        Some(Asset { bytes: file.data, content_type: Cow::Borrowed(content_type(path)), etag, gzip })
    }
}

/// A binary built without the web app still serves the API, and says what is missing.
fn not_built() -> Asset {
    let text: &[u8] = b"<!doctype html><title>Coditect</title><p>This binary was built without the web app. Build it with <code>make run</code>.";
    Asset {
        bytes: Cow::Borrowed(text),
        content_type: Cow::Borrowed("text/html; charset=utf-8"),
        etag: "none".to_owned(),
        gzip: None,
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
