//! The web app, embedded at build time from `web/dist`.

use std::borrow::Cow;

use coditect_router::{Asset, Assets};

#[derive(rust_embed::RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Embedded;

/// The embedded web app.
pub(crate) struct WebApp;

impl Assets for WebApp {
    fn get(&self, path: &str) -> Option<Asset> {
        if path.ends_with(".gz") {
            return None;
        }
        let file = Embedded::get(path)?;
        let gzip = Embedded::get(&format!("{path}.gz")).map(|file| file.data);
        let etag = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &file.metadata.sha256_hash()[..16]);
        Some(Asset { bytes: file.data, content_type: Cow::Borrowed(content_type(path)), etag, gzip })
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
