//! The control origin: API, web app, aliases.

use crate::harness::{ALIAS, Ask, ORIGIN, World};

#[tokio::test]
async fn the_api_is_answered_in_process_with_the_peers_address_and_a_request_id_of_ours() {
    let world = World::start().await;
    for path in ["/api/v5/auth/me?a=b", "/health"] {
        let answer = world.send(&Ask::get(path).header("X-Request-Id", "forged-by-client")).await;
        assert_eq!(answer.status, 200);
        let seen = answer.json();
        assert_eq!(seen["target"], path);
        assert_eq!((answer.header("x-content-type-options"), answer.header("x-frame-options")), ("nosniff", "DENY"));
        assert_eq!(seen["peer"], "127.0.0.1");
        assert!(seen["headers"].to_string().contains("req_"));
        assert!(!seen["headers"].to_string().contains("forged-by-client"));
    }
    assert_eq!(world.send(&Ask::get("/.well-known/jwks.json")).await.text(), "keys");
    let posted = world.send(&Ask::new("POST", "/api/v5/x").body(b"{\"a\":1}")).await;
    assert_eq!(posted.json()["body"], "{\"a\":1}");
}

#[tokio::test]
async fn a_change_is_finished_when_its_client_has_hung_up() {
    use std::sync::Arc;
    use tokio::io::AsyncWriteExt;
    let (begun, finish) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (b, f, d) = (begun.clone(), finish.clone(), done.clone());
    let slow = axum::Router::new().route(
        "/api/slow",
        axum::routing::post(move || async move {
            b.notify_one();
            f.notified().await;
            d.store(true, std::sync::atomic::Ordering::SeqCst);
        }),
    );
    let world = World::with_control(slow, |_| {}).await;
    let mut stream = world.connect().await;
    stream.write_all(&Ask::new("POST", "/api/slow").bytes()).await.unwrap();
    begun.notified().await;
    drop(stream);
    finish.notify_one();
    crate::harness::eventually("the handler ends", || done.load(std::sync::atomic::Ordering::SeqCst)).await;
}

#[tokio::test]
async fn the_web_app_is_served_under_a_strict_policy() {
    let world = World::start().await;
    for path in ["/", "/login?next=%2F", "/workspaces/ws_1"] {
        let page = world.send(&Ask::get(path).navigating()).await;
        assert_eq!((page.status, page.text().contains("Coditect")), (200, true), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache");
        let policy = page.header("content-security-policy");
        for part in [
            "script-src 'self';",
            "frame-ancestors 'none'",
            "worker-src 'self' blob:",
            "connect-src 'self' ws://coditect.localhost:8080 http://*.coditect.localhost:8080 ws://*.coditect.localhost:8080",
            "frame-src http://*.coditect.localhost:8080",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert!(!policy.contains("unsafe-eval"));
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
    let script = world.send(&Ask::get("/assets/app-1a2b.js").header("Accept-Encoding", "br, gzip;q=0.5")).await;
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!((script.header("content-encoding"), script.text().as_str()), ("gzip", "gzipped"));
    let plain = world.send(&Ask::get("/assets/app-1a2b.js").header("Accept-Encoding", "gzip;q=0")).await;
    assert_eq!(plain.text(), "console.log('plain')");
    let etag = plain.header("etag").to_owned();
    let again = world.send(&Ask::get("/assets/app-1a2b.js").header("If-None-Match", &etag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let missing = world.send(&Ask::get("/assets/gone-1.js").navigating()).await;
    assert_eq!((missing.status, missing.kind().as_str()), (404, "not_found"));
    assert_eq!(world.send(&Ask::get("/no-such-thing")).await.status, 404, "programs get no page");
    assert_eq!(world.send(&Ask::new("POST", "/")).await.kind(), "method_not_allowed");
    let head = world.send(&Ask::new("HEAD", "/").navigating()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn browsers_are_led_from_aliases_to_the_one_origin_and_programs_are_not() {
    let world = World::start().await;
    for host in [ALIAS, "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080"] {
        let moved = world.send(&Ask::get("/a/b?c=d").host(host).navigating()).await;
        assert_eq!((moved.status, moved.header("location")), (307, format!("{ORIGIN}/a/b?c=d").as_str()));
        let program = world.send(&Ask::get("/api/v5/x").host(host).header("Accept", "*/*")).await;
        assert_eq!(program.status, 200);
    }
    let tricky = world.send(&Ask::get("//evil.example/").host(ALIAS).navigating()).await;
    assert_eq!(tricky.header("location"), format!("{ORIGIN}//evil.example/"));
}
