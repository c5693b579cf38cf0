//! Who may do what: every route of the document, as every kind of caller. A route that is not in the table fails.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::world::{OPERATOR, PASSWORD, Person, World};

/// Callers, in the order of the table's columns. The things that are asked for belong to `Themselves`, a member of a
/// tenant that `Owner` owns.
const CALLERS: [&str; 10] = [
    "anonymous",
    "expired",
    "disabled",
    "themselves",
    "colleague",
    "owner",
    "foreign owner",
    "foreign member",
    "administrator",
    "operator",
];

/// Everybody, logged in or not.
const fn all(status: u16) -> [u16; 10] {
    [status; 10]
}

/// Every user, about themselves; the operator is none.
const fn users(status: u16) -> [u16; 10] {
    [401, 401, 401, status, status, status, status, status, status, 403]
}

/// Nobody but the person whose thing it is.
const fn own(status: u16) -> [u16; 10] {
    [401, 401, 401, status, 404, 404, 404, 404, 404, 403]
}

fn table() -> BTreeMap<&'static str, [u16; 10]> {
    BTreeMap::from([
        ("POST /api/v5/auth/register", all(201)),
        ("POST /api/v5/auth/login", all(200)),
        ("POST /api/v5/auth/refresh", all(200)),
        ("POST /api/v5/auth/logout", all(204)),
        ("POST /api/v5/auth/validate", users(200)),
        ("GET /api/v5/auth/me", users(200)),
        ("POST /api/v5/auth/claim-admin", [401, 401, 401, 403, 403, 403, 403, 403, 200, 403]),
        ("POST /api/v5/auth/password", users(204)),
        ("GET /api/v5/sessions", users(200)),
        ("POST /api/v5/sessions", own(200)),
        ("GET /api/v5/sessions/{id}", own(200)),
        ("PUT /api/v5/sessions/{id}", own(200)),
        ("DELETE /api/v5/sessions/{id}", own(204)),
        ("POST /api/v5/sessions/{id}/grant", own(200)),
        ("GET /api/v5/workspaces", [401, 401, 401, 200, 200, 200, 200, 200, 200, 200]),
        ("POST /api/v5/workspaces", users(201)),
        ("GET /api/v5/workspaces/{id}", [401, 401, 401, 200, 404, 200, 404, 404, 200, 200]),
        ("PATCH /api/v5/workspaces/{id}", [401, 401, 401, 200, 404, 403, 404, 404, 403, 403]),
        ("DELETE /api/v5/workspaces/{id}", [401, 401, 401, 202, 404, 403, 404, 404, 403, 403]),
        ("POST /api/v5/workspaces/{id}/start", [401, 401, 401, 200, 404, 403, 404, 404, 200, 200]),
        ("POST /api/v5/workspaces/{id}/stop", [401, 401, 401, 200, 404, 200, 404, 404, 200, 200]),
        ("POST /api/v5/workspaces/{id}/tickets", own(201)),
        ("POST /api/v5/workspaces/{id}/grant", [401, 401, 401, 200, 404, 403, 404, 404, 403, 200]),
        ("GET /api/v5/users", [401, 401, 401, 403, 403, 200, 200, 403, 200, 200]),
        ("POST /api/v5/users", [401, 401, 401, 403, 403, 201, 201, 403, 201, 201]),
        ("GET /api/v5/users/{id}", [401, 401, 401, 200, 404, 200, 404, 404, 200, 200]),
        ("PATCH /api/v5/users/{id}", [401, 401, 401, 200, 404, 403, 404, 404, 200, 200]),
        ("POST /api/v5/users/{id}/password", [401, 401, 401, 403, 404, 403, 404, 404, 200, 200]),
        ("GET /api/v5/invitations", [401, 401, 401, 403, 403, 200, 200, 403, 200, 403]),
        ("POST /api/v5/invitations", [401, 401, 401, 403, 403, 201, 201, 403, 201, 403]),
        ("DELETE /api/v5/invitations/{id}", [401, 401, 401, 403, 403, 204, 404, 403, 404, 403]),
        ("GET /api/v5/audit", [401, 401, 401, 403, 403, 200, 200, 403, 200, 400]),
        ("GET /api/v5/audit/verification", [401, 401, 401, 403, 403, 200, 200, 403, 200, 400]),
        ("GET /api/v5/audit/export", [401, 401, 401, 403, 403, 200, 200, 403, 200, 400]),
        ("GET /api/v5/tiers", [401, 401, 401, 200, 200, 200, 200, 200, 200, 200]),
        ("PUT /api/v5/tiers/{name}", [401, 401, 401, 403, 403, 403, 403, 403, 200, 200]),
        ("DELETE /api/v5/tiers/{name}", [401, 401, 401, 403, 403, 403, 403, 403, 409, 409]),
        ("GET /api/v5/enter", [303, 303, 303, 303, 404, 404, 404, 404, 404, 303]),
        ("GET /.well-known/jwks.json", all(200)),
        ("GET /health", all(200)),
        ("GET /health/store", all(200)),
        ("GET /health/ready", all(200)),
        ("GET /api/v5/openapi.json", all(200)),
    ])
}

/// Everything that is asked about: one person's.
struct Things {
    person: Person,
    workspace: String,
    session: String,
    invitation: String,
}

async fn things(world: &World, owner: &Person, n: usize) -> Things {
    let person = world.member_of(owner, &format!("self{n}")).await;
    let body = json!({ "name": "one", "start": false });
    let workspace = world.post("/api/v5/workspaces", &person.access, body).await.expect(201).text("/id");
    let body = json!({ "workspace_id": workspace, "start": false });
    let session = world.post("/api/v5/sessions", &person.access, body).await.expect(200).text("/session/id");
    let invitation = world.post("/api/v5/invitations", &owner.access, json!({})).await.expect(201).text("/id");
    Things { person, workspace, session, invitation }
}

fn request(route: &str, things: &Things, n: usize) -> (Method, String, Option<Value>) {
    let (method, path) = route.split_once(' ').unwrap();
    let id = match path.split('/').nth(3) {
        Some("sessions") => &things.session,
        Some("workspaces") => &things.workspace,
        Some("users") => &things.person.id,
        _ => &things.invitation,
    };
    let mut path = path.replace("{id}", id).replace("{name}", "starter");
    let body = match route {
        "POST /api/v5/auth/register" => {
            json!({ "email": format!("fresh{n}@example.com"), "password": PASSWORD, "name": "Fresh" })
        }
        "POST /api/v5/auth/login" => json!({ "email": things.person.email, "password": PASSWORD }),
        "POST /api/v5/auth/refresh" => json!({ "refresh_token": things.person.refresh }),
        "POST /api/v5/auth/claim-admin" => json!({ "setup_token": "cds_guess" }),
        "POST /api/v5/auth/password" => json!({ "current": PASSWORD, "new": PASSWORD }),
        "POST /api/v5/sessions" => json!({ "workspace_id": things.workspace, "start": false }),
        "PUT /api/v5/sessions/{id}" => json!({ "layout_version": 0, "layout": {} }),
        "POST /api/v5/workspaces" => json!({ "name": "new", "start": false }),
        "PATCH /api/v5/workspaces/{id}" | "PATCH /api/v5/users/{id}" => json!({ "name": "new" }),
        "PUT /api/v5/tiers/{name}" => json!({
            "cpu_millis": 300, "memory_bytes": 1 << 30, "storage_bytes": 1_u64 << 34, "concurrent_sessions": 2
        }),
        "POST /api/v5/workspaces/{id}/tickets" => json!({ "port": 3000 }),
        "POST /api/v5/users" => json!({ "email": format!("made{n}@example.com"), "name": "Made" }),
        _ => Value::Null,
    };
    if route == "GET /api/v5/enter" {
        path.push_str(&format!("?workspace={}&port=3000", things.workspace.strip_prefix("ws_").unwrap()));
    }
    (method.parse().unwrap(), path, (!body.is_null()).then_some(body))
}

#[tokio::test]
async fn every_route_as_every_caller() {
    let table = table();
    let document = serde_json::to_value(coditect_control::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    for route in &routes {
        assert!(table.contains_key(route.as_str()), "{route} is not in the authorisation table: say who may use it");
    }
    assert_eq!(routes.len(), table.len(), "the table has routes that are not served");

    for (route, expected) in &table {
        let world = World::new().await;
        let owner = world.register("owner").await;
        let expired = world.member_of(&owner, "expired").await;
        world.clock.advance_s(601);
        let owner = world.log_in(&owner.email).await;
        let admin = world.admin().await;
        let colleague = world.member_of(&owner, "colleague").await;
        let disabled = world.member_of(&owner, "disabled").await;
        let off = json!({ "disabled": true });
        world.patch(&format!("/api/v5/users/{}", disabled.id), OPERATOR, off).await.expect(200);
        let foreign = world.register("foreign").await;
        let foreign_member = world.member_of(&foreign, "foreignmember").await;
        if *route == "GET /health/ready" {
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
            while world.get("/health/ready", "").await.status != 200 {
                assert!(tokio::time::Instant::now() < deadline);
                tokio::task::yield_now().await;
            }
        }
        for (n, caller) in CALLERS.iter().enumerate() {
            // Some of these end every other login of the caller.
            let things = things(&world, &world.log_in(&owner.email).await, n).await;
            let token = match n {
                0 => "",
                1 => &expired.access,
                2 => &disabled.access,
                3 => &things.person.access,
                4 => &colleague.access,
                5 => &owner.access,
                6 => &foreign.access,
                7 => &foreign_member.access,
                8 => &admin.access,
                _ => OPERATOR,
            };
            let (method, path, body) = request(route, &things, n);
            let reply = world.call(method, &path, token, body).await;
            assert_eq!(reply.status.as_u16(), expected[n], "{route} as {caller}: {:#}", reply.body);
            if expected[n] >= 400 {
                assert!(reply.body["error"]["kind"].is_string(), "{route} as {caller}");
            }
        }
    }
}

/// Foreign ids answer exactly like ids that do not exist: nobody learns which exist.
#[tokio::test]
async fn foreign_and_absent_look_the_same() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let eve = world.register("eve").await;
    let n = 0;
    let things = things(&world, &ada, n).await;
    let absent = "0".repeat(26);
    for (route, prefix) in [
        ("GET /api/v5/workspaces/{id}", "ws"),
        ("DELETE /api/v5/workspaces/{id}", "ws"),
        ("POST /api/v5/workspaces/{id}/start", "ws"),
        ("POST /api/v5/workspaces/{id}/tickets", "ws"),
        ("GET /api/v5/sessions/{id}", "ses"),
        ("POST /api/v5/sessions/{id}/grant", "ses"),
        ("GET /api/v5/users/{id}", "usr"),
        ("POST /api/v5/users/{id}/password", "usr"),
        ("DELETE /api/v5/invitations/{id}", "inv"),
    ] {
        let (method, path, body) = request(route, &things, n);
        let mut foreign = world.call(method.clone(), &path, &eve.access, body.clone()).await.expect(404).body;
        let path = route.split_once(' ').unwrap().1.replace("{id}", &format!("{prefix}_{absent}"));
        let mut missing = world.call(method, &path, &eve.access, body).await.expect(404).body;
        foreign["error"]["request_id"] = json!("");
        missing["error"]["request_id"] = json!("");
        assert_eq!(foreign, missing, "{route}");
    }
}
