//! Cookies, cross-site requests, and signing in on a workspace's origin.

use axum::body::Body;
use http::header::{COOKIE, LOCATION, ORIGIN as ORIGIN_HEADER, SET_COOKIE};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::world::{ALIAS, ORIGIN, PASSWORD, Reply, World, config};

/// A browser's request: no token, but an Origin and cookies.
async fn browse(world: &World, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Some(value) => {
            request = request.header("content-type", "application/json");
            Body::from(value.to_string())
        }
        None => Body::empty(),
    };
    world.send(request.body(body).unwrap()).await
}

/// The `Cookie` header a browser sends after this answer.
fn jar(reply: &Reply) -> String {
    let pairs =
        reply.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap().split(';').next().unwrap());
    pairs.collect::<Vec<_>>().join("; ")
}

async fn registered(world: &World, name: &str) -> (Reply, String) {
    let body =
        json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "name": name, "delivery": "cookie" });
    let reply =
        browse(world, Method::POST, "/api/v5/auth/register", &[("origin", ORIGIN)], Some(body)).await.expect(201);
    let jar = jar(&reply);
    (reply, jar)
}

#[tokio::test]
async fn browsers_get_cookies_that_scripts_and_other_hosts_cannot_touch() {
    let world = World::new().await;
    let (reply, cookies) = registered(&world, "ada").await;
    assert!(reply.body.get("access_token").is_none() && reply.body.get("refresh_token").is_none());
    let set: Vec<&str> = reply.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set.len(), 2);
    for cookie in &set {
        assert!(cookie.starts_with("__Host-coditect_"), "{cookie}");
        for part in ["; Path=/;", "; HttpOnly", "; Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"));
    }
    assert!(set[0].contains("SameSite=Lax") && set[1].contains("SameSite=Strict"));
    browse(&world, Method::GET, "/api/v5/auth/me", &[("cookie", &cookies)], None).await.expect(200);

    let refreshed = browse(
        &world,
        Method::POST,
        "/api/v5/auth/refresh",
        &[("origin", ORIGIN), ("cookie", &cookies)],
        Some(json!({})),
    )
    .await
    .expect(200);
    assert!(refreshed.body.get("refresh_token").is_none());
    let cookies = jar(&refreshed);
    let out = browse(&world, Method::POST, "/api/v5/auth/logout", &[("origin", ORIGIN), ("cookie", &cookies)], None)
        .await
        .expect(204);
    assert!(out.headers.get_all(SET_COOKIE).iter().all(|value| value.to_str().unwrap().contains("Max-Age=0")));
    browse(&world, Method::GET, "/api/v5/auth/me", &[("cookie", &cookies)], None).await.expect(401);
}

#[tokio::test]
async fn plain_names_where_the_connection_is_not_trusted() {
    let mut config = config();
    config.secure_cookies = false;
    let world = World::with(config, None).await;
    let (reply, cookies) = registered(&world, "ada").await;
    assert!(reply.headers.get_all(SET_COOKIE).iter().all(|value| !value.to_str().unwrap().contains("Secure")));
    assert!(cookies.starts_with("coditect_access="));
    browse(&world, Method::GET, "/api/v5/auth/me", &[("cookie", &cookies)], None).await.expect(200);
    // A workspace origin could set a cookie of this name for the parent domain: two values are nobody's.
    let tossed = format!("coditect_access=evil; {cookies}");
    browse(&world, Method::GET, "/api/v5/auth/me", &[("cookie", &tossed)], None).await.expect(401);
}

/// Vulnerability class 4 (CSRF; JupyterHub CVE-2026-40864): every way a foreign page could make a browser write.
#[tokio::test]
async fn a_foreign_page_cannot_write_with_our_cookies() {
    let world = World::new().await;
    let (_, cookies) = registered(&world, "ada").await;
    let create = |headers: Vec<(&'static str, String)>| {
        let (world, cookies) = (&world, cookies.clone());
        async move {
            let mut all: Vec<(&str, &str)> = vec![("cookie", cookies.as_str())];
            all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
            let body = json!({ "name": "one", "start": false });
            browse(world, Method::POST, "/api/v5/workspaces", &all, Some(body)).await.status.as_u16()
        }
    };
    let s = str::to_owned;
    for (headers, status) in [
        (vec![], 403),
        (vec![("origin", s("null"))], 403),
        (vec![("origin", s("http://evil.example"))], 403),
        (vec![("origin", s("https://coditect.localhost:8080"))], 403),
        (vec![("origin", s("http://coditect.localhost"))], 403),
        (vec![("origin", s("http://coditect.localhost:8080.evil.example"))], 403),
        (vec![("origin", s("http://3000--0123456789abcdefghjkmnpqrs.coditect.localhost:8080"))], 403),
        (vec![("origin", s(ORIGIN)), ("origin", s("http://evil.example"))], 403),
        (vec![("origin", s(ORIGIN)), ("sec-fetch-site", s("same-site"))], 403),
        (vec![("origin", s(ORIGIN)), ("sec-fetch-site", s("cross-site"))], 403),
        (vec![("origin", s(ORIGIN)), ("sec-fetch-site", s("none"))], 403),
        (vec![("sec-fetch-site", s("same-origin"))], 403),
        (vec![("origin", s(ORIGIN)), ("sec-fetch-site", s("same-origin"))], 201),
        (vec![("origin", s(ORIGIN))], 201),
        (vec![("origin", s(ALIAS))], 201),
    ] {
        assert_eq!(create(headers.clone()).await, status, "{headers:?}");
    }
    // The same for what works without being logged in: logging in as somebody else, refreshing, logging out.
    for (path, body) in [
        ("/api/v5/auth/login", json!({ "email": "ada@example.com", "password": PASSWORD, "delivery": "cookie" })),
        (
            "/api/v5/auth/register",
            json!({ "email": "x@example.com", "password": PASSWORD, "name": "x", "delivery": "cookie" }),
        ),
        ("/api/v5/auth/refresh", json!({})),
        ("/api/v5/auth/logout", json!({})),
    ] {
        for origin in [None, Some("http://evil.example")] {
            let mut headers = vec![("cookie", cookies.as_str())];
            headers.extend(origin.map(|origin| ("origin", origin)));
            browse(&world, Method::POST, path, &headers, Some(body.clone())).await.expect(403).error("forbidden");
        }
    }
    browse(&world, Method::GET, "/api/v5/auth/me", &[("cookie", &cookies)], None).await.expect(200);
}

#[tokio::test]
async fn a_form_of_another_site_is_not_json() {
    let world = World::new().await;
    let (_, cookies) = registered(&world, "ada").await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let mut request = Request::builder().method(Method::POST).uri("/api/v5/workspaces");
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.header(ORIGIN_HEADER, ORIGIN).header(COOKIE, &cookies);
        let body = Body::from(json!({ "name": "one" }).to_string());
        world.send(request.body(body).unwrap()).await.expect(415).error("unsupported_media_type");
    }
}

#[tokio::test]
async fn the_operators_token_in_a_cookie_is_nothing() {
    let world = World::new().await;
    let cookie = format!("__Host-coditect_access={}", crate::world::OPERATOR);
    browse(&world, Method::GET, "/api/v5/users?all=true", &[("cookie", &cookie)], None).await.expect(401);
}

#[tokio::test]
async fn entering_a_workspace_goes_by_a_one_time_ticket() {
    let world = World::new().await;
    let (reply, cookies) = registered(&world, "ada").await;
    let made = browse(
        &world,
        Method::POST,
        "/api/v5/workspaces?wait_ms=10000",
        &[("origin", ORIGIN), ("cookie", &cookies)],
        Some(json!({ "name": "one" })),
    )
    .await
    .expect(201);
    let label = made.text("/label");
    let enter = format!("/api/v5/enter?workspace={label}&port=3000&path=%2Fa%3Fb%3D1%26c");

    let sent = browse(&world, Method::GET, &enter, &[("cookie", &cookies)], None).await.expect(303);
    let location = sent.headers[LOCATION].to_str().unwrap();
    let rest = location
        .strip_prefix(&format!("http://3000--{label}.coditect.localhost:8080/.coditect/enter?ticket="))
        .unwrap_or_else(|| panic!("{location}"));
    let (ticket, path) = rest.split_once("&path=").unwrap();
    assert_eq!(path, "/a%3Fb%3D1%26c");
    let grant = world.control.verify_grant(ticket, coditect_api::grant::Audience::Ticket).unwrap();
    assert_eq!((grant.port, grant.sub.as_str()), (Some(3000), reply.text("/user/id").as_str()));
    assert!(world.control.verify_grant(ticket, coditect_api::grant::Audience::App).is_err());

    // Without a port: the files origin.
    let files =
        browse(&world, Method::GET, &format!("/api/v5/enter?workspace={label}"), &[("cookie", &cookies)], None).await;
    assert!(files.headers[LOCATION].to_str().unwrap().starts_with(&format!("http://files--{label}.")));

    // Not logged in: to the login page and back.
    let login = browse(&world, Method::GET, &enter, &[], None).await.expect(303);
    let expected = format!(
        "/login?next=%2Fapi%2Fv5%2Fenter%3Fworkspace%3D{label}%26port%3D3000%26path%3D%252Fa%253Fb%253D1%2526c"
    );
    assert_eq!(login.headers[LOCATION].to_str().unwrap(), expected);

    // The access cookie has expired: the refresh cookie renews it on the way.
    world.clock.advance_s(700);
    let renewed = browse(&world, Method::GET, &enter, &[("cookie", &cookies)], None).await.expect(303);
    assert!(renewed.headers[LOCATION].to_str().unwrap().starts_with("http://3000--"));
    assert_eq!(renewed.headers.get_all(SET_COOKIE).iter().count(), 2);

    // Somebody else's workspace is not there: no ticket, but the page that says so.
    let (_, eve) = registered(&world, "eve").await;
    let refused = browse(&world, Method::GET, &enter, &[("cookie", &eve)], None).await.expect(303);
    assert_eq!(refused.headers[LOCATION].to_str().unwrap(), format!("/workspaces/ws_{label}"));
}

/// Vulnerability class 5 (open redirect; Coder, JupyterHub CVE-2026-33709).
#[tokio::test]
async fn enter_leads_nowhere_else() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    for path in [
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "https:%2F%2Fevil.example",
        "",
        "/a%0d%0aSet-Cookie:x",
        "/%09/evil.example",
    ] {
        let url = format!("/api/v5/enter?workspace={}&port=80&path={path}", id.label());
        world.get(&url, &ada.access).await.expect(400).error("invalid_request");
        let plain: String =
            path.replace("%5C", "\\").replace("%2F", "/").replace("%0d%0a", "\r\n").replace("%09", "\t");
        let body = json!({ "port": 80, "path": plain });
        world.post(&format!("/api/v5/workspaces/{id}/tickets"), &ada.access, body).await.expect(400);
    }
    for label in ["", "x", "evil.example", "../..", &id.to_string(), &id.label().to_uppercase(), "127.0.0.1"] {
        world.get(&format!("/api/v5/enter?workspace={label}&port=80"), &ada.access).await.expect(400);
    }
    for port in ["0", "65536", "-1", "http", "80@evil.example", "080x"] {
        let reply = world.get(&format!("/api/v5/enter?workspace={}&port={port}", id.label()), &ada.access).await;
        assert!(reply.status.is_client_error(), "{port}");
    }
}
