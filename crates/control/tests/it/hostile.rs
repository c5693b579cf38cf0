//! Input that means harm, or is merely odd: a clear 4xx with the one error body, nothing of it in the log.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// Every operation that takes a body, with a path that resolves.
fn operations(workspace: &str, session: &str, user: &str) -> Vec<(Method, String)> {
    let document = serde_json::to_value(coditect_control::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_some() {
                let id = match path.split('/').nth(3).unwrap() {
                    "sessions" => session,
                    "users" => user,
                    _ => workspace,
                };
                operations.push((method.to_uppercase().parse().unwrap(), path.replace("{id}", id)));
            }
        }
    }
    assert!(operations.len() > 12);
    operations
}

async fn raw(world: &World, method: &Method, path: &str, token: &str, body: Vec<u8>) -> crate::world::Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn every_body_that_is_wrong_is_refused_in_the_same_form() {
    let world = World::new().await;
    let admin = world.admin().await;
    let workspace = world
        .post("/api/v5/workspaces", &admin.access, json!({ "name": "one", "start": false }))
        .await
        .expect(201)
        .text("/id");
    let body = json!({ "workspace_id": workspace, "start": false });
    let session = world.post("/api/v5/sessions", &admin.access, body).await.expect(200).text("/session/id");
    let bodies: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("a megabyte", format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20)).into_bytes(), &[413]),
        ("10,000 deep", [vec![b'['; 10_000], vec![b']'; 10_000]].concat(), &[400]),
        ("deep objects", "{\"name\":".repeat(10_000).into_bytes(), &[400]),
        ("not JSON", b"name=one".to_vec(), &[400]),
        ("cut off", b"{\"name\":".to_vec(), &[400]),
        ("an array", b"[]".to_vec(), &[400]),
        ("null", b"null".to_vec(), &[400]),
        ("a number", b"1e400".to_vec(), &[400]),
        ("not UTF-8", b"{\"name\":\"\xff\xfe\"}".to_vec(), &[400]),
        ("half a surrogate", br#"{"name":"\ud800","email":"\udc00"}"#.to_vec(), &[400]),
        ("an unknown field", br#"{"surprise":1}"#.to_vec(), &[400]),
        ("a field twice", br#"{"name":"a","name":"b","email":"a","email":"b","new":"a","new":"b","port":1,"port":2,"setup_token":"","setup_token":"","layout_version":1,"layout_version":2,"workspace_id":"","workspace_id":"","refresh_token":"","refresh_token":"","password":"","password":"","role":"","role":""}"#.to_vec(), &[400]),
        ("wrong types", br#"{"name":[],"email":{},"password":1,"current":false,"new":0,"port":"x","setup_token":[],"layout_version":-1,"workspace_id":7,"refresh_token":{},"role":1}"#.to_vec(), &[400]),
        ("a NUL byte", b"\0".to_vec(), &[400]),
    ];
    for (method, path) in operations(&workspace, &session, &admin.id) {
        for (what, body, statuses) in &bodies {
            let reply = raw(&world, &method, &path, &admin.access, body.clone()).await;
            assert!(
                statuses.contains(&reply.status.as_u16()),
                "{method} {path} with {what}: {} {:#}",
                reply.status,
                reply.body
            );
            let text = reply.body["error"]["message"].as_str().unwrap();
            assert!(text.len() < 400 && !text.contains("xxxxxxxxxxxxxxxx"), "{text}");
        }
    }
    // Nothing was lost over it.
    world.get(&format!("/api/v5/workspaces/{workspace}"), &admin.access).await.expect(200);
}

#[tokio::test]
async fn ids_and_addresses_that_are_none() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let long = "x".repeat(20_000);
    for id in [
        "x",
        "ws_",
        "ws_0",
        "usr_00000000000000000000000000",
        "ws_8zzzzzzzzzzzzzzzzzzzzzzzzz",
        "%00",
        "%2e%2e",
        "ws_%F0%9F%92%A9",
        "WS_00000000000000000000000000",
        &long,
    ] {
        world.get(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(400).error("invalid_request");
    }
    world.get("/api/v5/workspaces/%ff", &ada.access).await.expect(400).error("invalid_request");
    for path in [
        "/api/v5/nothing",
        "/api/v4/workspaces",
        "/api/v5/workspaces/",
        "/admin",
        "/host/stop",
        "/health/",
        "/api/v5/../v5/users",
    ] {
        world.get(path, &ada.access).await.expect(404).error("not_found");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v5/workspaces"),
        (Method::POST, "/health"),
        (Method::TRACE, "/api/v5/auth/me"),
        (Method::GET, "/api/v5/auth/login"),
    ] {
        let reply = world.call(method, path, &ada.access, None).await.expect(405).error("method_not_allowed");
        assert!(reply.headers.contains_key("allow"));
    }
}

#[tokio::test]
async fn unusual_names_are_kept_or_refused_and_never_mangled() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}", ada.id);
    for name in [
        "Nguyễn Thị Minh Khai",
        "محمد",
        "田中さくら",
        "👩‍🚀 Sally",
        "O’Brien-Łoś",
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE users;--",
        "{{7*7}}",
    ] {
        world.patch(&path, &ada.access, json!({ "name": name })).await.expect(200);
        assert_eq!(world.get(&path, &ada.access).await.expect(200).body["name"], name);
    }
    for name in ["", "   ", "a\u{0}b", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{feff}", "\u{e0041}", &"x".repeat(65)] {
        world.patch(&path, &ada.access, json!({ "name": name })).await.expect(422).error("invalid_value");
    }
    // Two spellings of one address are one account.
    for email in ["ADA@EXAMPLE.COM", "\u{ff41}da@example.com", " ada@example.com "] {
        let body = json!({ "email": email, "password": PASSWORD, "name": "x" });
        world.post("/api/v5/auth/register", "", body).await.expect(409);
        world.try_log_in(email, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn foreign_request_ids_and_odd_headers_are_harmless() {
    let world = World::new().await;
    for id in ["<script>", "req_evil", &"x".repeat(4000)] {
        let request = Request::get("/health").header("x-request-id", id).body(Body::empty()).unwrap();
        let reply = world.send(request).await.expect(200);
        assert_ne!(reply.headers["x-request-id"], id);
        assert!(reply.headers["x-request-id"].to_str().unwrap().starts_with("req_"));
    }
    for value in ["", "Bearer", "Bearer ", "Basic YTpi", "bearer x y", "Bearer \u{7f}"] {
        let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) else { continue };
        let request = Request::get("/api/v5/auth/me").header("authorization", value).body(Body::empty()).unwrap();
        let reply = world.send(request).await.expect(401).error("unauthenticated");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
    let two = Request::get("/api/v5/auth/me").header("authorization", "Bearer a").header("authorization", "Bearer b");
    world.send(two.body(Body::empty()).unwrap()).await.expect(401);
}

#[tokio::test]
async fn nothing_a_client_sends_and_no_secret_is_logged() {
    const MARK: &str = "zq-canary-7731";
    let world = World::new().await;
    let mut secrets = vec![MARK.to_owned(), crate::world::OPERATOR.to_owned()];
    let body = json!({ "email": format!("{MARK}@example.com"), "password": format!("{MARK} {MARK}"), "name": MARK });
    let ada = crate::world::person(&world.post("/api/v5/auth/register", "", body).await.expect(201));
    secrets.extend([ada.access.clone(), ada.refresh.clone()]);
    world.try_log_in(&ada.email, &format!("{MARK} wrong")).await.expect(401);
    world.try_log_in(&ada.email, &format!("{MARK} {MARK}")).await.expect(200);
    let made = world.post("/api/v5/workspaces?wait_ms=10000", &ada.access, json!({ "name": MARK })).await.expect(201);
    let label = made.text("/label");
    world.get(&format!("/api/v5/enter?workspace={label}&port=80&path=/{MARK}"), &ada.access).await.expect(303);
    world.get(&format!("/api/v5/{MARK}?{MARK}={MARK}"), MARK).await.expect(404);
    world.get(&format!("/api/v5/workspaces/{MARK}"), &ada.access).await.expect(400);
    world.post("/api/v5/workspaces", &ada.access, Value::String(MARK.to_owned())).await.expect(400);
    secrets.push(world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201).text("/code"));
    secrets.push(world.control.setup_link().await.unwrap().split_once('=').unwrap().1.to_owned());
    let refresh = json!({ "refresh_token": ada.refresh });
    secrets.push(world.post("/api/v5/auth/refresh", "", refresh).await.expect(200).text("/refresh_token"));
    let request = Request::get("/health").header("x-request-id", MARK).header("user-agent", MARK);
    world.send(request.body(Body::empty()).unwrap()).await.expect(200);

    let text = crate::world::logged();
    assert!(text.contains("account made") && text.contains("request="), "the log is being read");
    for secret in secrets {
        assert!(!text.contains(&secret), "the log holds {secret}");
    }
}
