//! `/w/{label}/v1/…`: who may, what passes, what the agent may answer.

use coditect_api::grant::{AccessLevel, Audience};
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::State;

use crate::harness::{Ask, CONTROL, World};

#[tokio::test]
async fn a_grant_opens_the_agent_and_only_what_it_needs_passes() {
    let world = World::start().await;
    let ask = world
        .call("PUT", "/v1/files/write?path=%2Fworkspace%2Fa%20b")
        .header("Cookie", "__Host-coditect_access=secret; a=b")
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Request-Id", "forged")
        .header("If-Match", "\"e0\"")
        .header("Content-Type", "text/plain")
        .header("Connection", "x-private")
        .header("X-Private", "1")
        .body(b"content");
    let answer = world.send(&ask).await;
    assert_eq!(answer.status, 200);
    let seen = answer.json();
    assert_eq!(seen["method"], "PUT");
    assert_eq!(seen["target"], "/v1/files/write?path=%2Fworkspace%2Fa%20b");
    assert_eq!(seen["body"], "content");
    let headers = seen["headers"].to_string();
    for passed in ["if-match", "content-type", "x-request-id", "req_"] {
        assert!(headers.contains(passed), "{passed} in {headers}");
    }
    for hidden in ["secret", "cookie", "authorization", "tok.", "6.6.6.6", "forged", "x-private"] {
        assert!(!headers.contains(hidden), "{hidden} in {headers}");
    }
}

/// Vulnerability 1: a workspace's content on the control origin.
#[tokio::test]
async fn whatever_the_agent_answers_is_inert_on_the_control_origin() {
    let world = World::start().await;
    let answer = world.send(&world.call("GET", "/v1/status")).await;
    let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let allowed = [
        "cache-control",
        "connection",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-resource-policy",
        "date",
        "etag",
        "x-content-type-options",
        "x-request-id",
    ];
    assert_eq!(names, allowed);
    assert_eq!(answer.header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("x-request-id").starts_with("req_"));
    let html = world.send(&world.call("GET", "/v1/files/read?path=%2Fx.html")).await;
    assert!(html.header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn nothing_but_a_fitting_grant_opens_it() {
    let world = World::start().await;
    let path = world.agent_path("/v1/status");
    let with = |token: &str| Ask::get(&path).header("Authorization", &format!("Bearer {token}"));
    let mut kinds = Vec::new();
    kinds.push(world.send(&Ask::get(&path)).await.kind());
    // No ambient authority: cookies of any kind open nothing.
    let app = world.token(Audience::App, None);
    let grant = world.token(Audience::Workspace, None);
    let cookies = format!("__Host-coditect_access={grant}; __Host-coditect_app={app}; grant={grant}");
    kinds.push(world.send(&Ask::get(&path).header("Cookie", &cookies)).await.kind());
    for audience in [Audience::App, Audience::Ticket, Audience::Control] {
        kinds.push(world.send(&with(&world.token(audience, None))).await.kind());
    }
    kinds.push(world.send(&with("made-up")).await.kind());
    let basic = Ask::get(&path).header("Authorization", "Basic dTpw");
    kinds.push(world.send(&basic).await.kind());
    kinds.push(world.send(&with(&grant).header("Authorization", "Bearer x")).await.kind());
    // A grant in the address is not looked at.
    kinds.push(world.send(&Ask::get(&format!("{path}?grant={grant}"))).await.kind());
    // From before a restart.
    let mut old = world.claims(Audience::Workspace, None);
    old.generation = 0;
    kinds.push(world.send(&with(&world.table.issue(old))).await.kind());
    // Expired.
    let mut short = world.claims(Audience::Workspace, None);
    short.exp = short.iat;
    kinds.push(world.send(&with(&world.table.issue(short))).await.kind());
    assert_eq!(kinds, vec!["unauthenticated"; kinds.len()]);

    let mut other = world.claims(Audience::Workspace, None);
    other.workspace = WorkspaceId::from_bytes([8; 16]).to_string();
    assert_eq!(world.send(&with(&world.table.issue(other))).await.kind(), "forbidden");
    let mut reader = world.claims(Audience::Workspace, None);
    reader.access = AccessLevel::Read;
    let reader = world.table.issue(reader);
    assert_eq!(world.send(&with(&reader)).await.status, 200);
    for method in ["POST", "PUT", "PATCH", "DELETE", "FROB"] {
        let ask = Ask::new(method, &path).header("Authorization", &format!("Bearer {reader}"));
        assert_eq!(world.send(&ask).await.kind(), "forbidden", "{method}");
    }
}

/// Vulnerability 7: tokens that outlive logout, reset or deletion.
#[tokio::test]
async fn a_grant_dies_with_its_login_and_its_workspace() {
    let world = World::start().await;
    let ask = world.call("GET", "/v1/status");
    assert_eq!(world.send(&ask).await.status, 200);
    world.table.set_state(world.workspace, State::Stopped, 1);
    let stopped = world.send(&ask).await;
    assert_eq!((stopped.status, stopped.kind().as_str()), (503, "unavailable"));
    assert_eq!(world.table.wakes.load(std::sync::atomic::Ordering::SeqCst), 0, "agent traffic wakes nothing");
    world.table.set_state(world.workspace, State::Running, 2);
    let stale = world.send(&ask).await;
    assert_eq!(stale.json()["error"]["details"]["reason"], "stale_generation");
    world.table.set_state(world.workspace, State::Running, 1);
    world.table.end(world.login, false);
    assert_eq!(world.send(&ask).await.kind(), "unauthenticated");
    world.table.routes.lock().unwrap().clear();
    assert_eq!(world.send(&ask).await.kind(), "unauthenticated");
}

/// Vulnerability 14: internal routes reachable from outside, by whatever spelling.
#[tokio::test]
async fn the_agents_host_routes_cannot_be_reached() {
    let world = World::start().await;
    let grant = world.token(Audience::Workspace, None);
    let label = world.workspace.label();
    for path in [
        format!("/w/{label}/host/shutdown"),
        format!("/w/{label}/v1/../host/shutdown"),
        format!("/w/{label}/v1/%2e%2e/host/shutdown"),
        format!("/w/{label}/v1/..%2fhost/shutdown"),
        format!("/w/{label}/v1/..\\host\\shutdown"),
        format!("/w/{label}//host/shutdown"),
        format!("/w/{label}/v1//../host/shutdown"),
        format!("/w/{label}/./host/shutdown"),
        format!("/w/{label}/V1/../host/shutdown"),
        format!("//w/{label}/host/shutdown"),
        format!("/w/{label}/v1/..;/host/shutdown"),
        format!("/x/../w/{label}/host/shutdown"),
        "/host/shutdown".to_owned(),
    ] {
        let ask = Ask::new("POST", &path).header("Authorization", &format!("Bearer {grant}"));
        let answer = world.send(&ask).await;
        assert!([400, 404, 405].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("shut down"), "{path}");
    }
}

/// Vulnerability 6: the target of a relay is made of parts, never of a client's text.
#[tokio::test]
async fn the_path_cannot_name_another_target() {
    let world = World::start().await;
    let grant = world.token(Audience::Workspace, None);
    let label = world.workspace.label();
    for path in [
        format!("/w/{label}@evil.example/v1/status"),
        format!("/w/{label}:80@evil.example/v1/status"),
        format!("/w/http://evil.example/{label}/v1/status"),
        format!("/w/{}/v1/status", label.to_uppercase()),
        format!("/w/{}x/v1/status", label),
        format!("/w/ws_{label}/v1/status"),
    ] {
        let answer = world.send(&Ask::get(&path).header("Authorization", &format!("Bearer {grant}"))).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
    }
    let seen = world.send(&world.call("GET", "/v1/a?url=http://evil.example/../x")).await.json();
    assert_eq!(seen["target"], "/v1/a?url=http://evil.example/../x");
    assert!(!seen["headers"].to_string().contains(CONTROL));
}

#[tokio::test]
async fn an_agent_that_is_gone_is_said_so() {
    let world = World::start().await;
    std::fs::remove_file(&world.sockets.agent).unwrap();
    let answer = world.send(&world.call("GET", "/v1/status")).await;
    assert_eq!((answer.status, answer.kind().as_str()), (502, "bad_gateway"));
    assert_eq!(answer.json()["error"]["request_id"], answer.header("x-request-id"));
}
