//! Sessions: opened, resumed, counted, and their layouts.

use http::Method;
use serde_json::{Value, json};

use crate::world::{Person, World};

async fn open(world: &World, who: &Person, workspace: &str) -> crate::world::Reply {
    world.post("/api/v5/sessions", &who.access, json!({ "workspace_id": workspace, "start": false })).await
}

async fn stopped_workspace(world: &World, who: &Person, name: &str) -> String {
    world.post("/api/v5/workspaces", &who.access, json!({ "name": name, "start": false })).await.expect(201).text("/id")
}

#[tokio::test]
async fn one_session_per_person_and_workspace_resumed_anywhere() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = stopped_workspace(&world, &ada, "one").await;
    let first = open(&world, &ada, &id).await.expect(200).text("/session/id");
    let laptop = world.log_in(&ada.email).await;
    assert_eq!(open(&world, &laptop, &id).await.expect(200).text("/session/id"), first);
    let list = world.get("/api/v5/sessions", &ada.access).await.expect(200);
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
    // Logging in answers where the person was.
    let login = world.try_log_in(&ada.email, crate::world::PASSWORD).await.expect(200);
    assert_eq!(login.text("/session/session/id"), first);
    assert_eq!(login.text("/session/workspace/id"), id);
    assert!(login.text("/session/access/grant").len() > 100);
}

#[tokio::test]
async fn opening_starts_the_workspace_and_can_wait_for_it() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = stopped_workspace(&world, &ada, "one").await;
    let opened =
        world.post("/api/v5/sessions?wait_ms=10000", &ada.access, json!({ "workspace_id": id })).await.expect(200);
    assert_eq!(opened.body["workspace"]["state"], "running");
    assert_eq!(opened.text("/access/host_id"), coditect_model::id::HostId::from_bytes([3; 16]).to_string());
    let grant =
        world.control.verify_grant(&opened.text("/access/grant"), coditect_api::grant::Audience::Workspace).unwrap();
    assert_eq!(grant.generation, world.hosts.running(id.parse().unwrap()).unwrap().generation.0);
}

#[tokio::test]
async fn the_layout_of_a_slower_device_is_refused_with_the_present_one() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = stopped_workspace(&world, &ada, "one").await;
    let opened = open(&world, &ada, &id).await.expect(200);
    let path = format!("/api/v5/sessions/{}", opened.text("/session/id"));
    assert_eq!(opened.body["session"]["layout_version"], 0);
    let put = |version: u64, layout: Value| {
        let (world, path, ada) = (&world, &path, &ada);
        async move { world.put(path, &ada.access, json!({ "layout_version": version, "layout": layout })).await }
    };
    let kept = put(0, json!({ "tabs": ["a"] })).await.expect(200);
    assert_eq!(kept.body["layout_version"], 1);
    let stale = put(0, json!({ "tabs": ["b"] })).await.expect(412).error("precondition_failed");
    assert_eq!(stale.body["error"]["details"]["current"], json!({ "tabs": ["a"] }));
    assert_eq!(stale.body["error"]["details"]["current_version"], 1);
    put(1, json!({ "tabs": ["a", "b"] })).await.expect(200);
    put(2, json!([1])).await.expect(422);
    put(2, json!({ "x": "y".repeat(70_000) })).await.expect(413).error("payload_too_large");
    // Closing the session does not forget it.
    world.delete(&path, &ada.access).await.expect(204);
    world.delete(&path, &ada.access).await.expect(404);
    let again = open(&world, &ada, &id).await.expect(200);
    assert_eq!(again.body["session"]["layout"], json!({ "tabs": ["a", "b"] }));
    assert_eq!(again.body["session"]["layout_version"], 2);
}

#[tokio::test]
async fn the_tier_limits_sessions_in_use_and_one_can_be_taken_over() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let (one, two) = (stopped_workspace(&world, &ada, "one").await, stopped_workspace(&world, &ada, "two").await);
    let first = open(&world, &ada, &one).await.expect(200).text("/session/id");
    let refused = open(&world, &ada, &two).await.expect(409).error("limit_exceeded");
    let details = &refused.body["error"]["details"];
    assert_eq!((&details["limit"], &details["value"]), (&json!("concurrent_sessions"), &json!(1)));
    assert_eq!(details["sessions"][0]["id"], first.as_str());
    let listed = &details["sessions"][0];
    assert_eq!((&listed["workspace_id"], &listed["workspace_name"]), (&json!(one), &json!("one")));
    assert_eq!((&listed["state"], &listed["device"]), (&json!("stopped"), &json!("a program")));
    assert!(listed["opened_at"].is_number() && listed["last_seen_at"].is_number());
    let message = refused.text("/error/message");
    for word in ["`free`", "1 open workspace", "\u{201c}one\u{201d}", "take_over"] {
        assert!(message.contains(word), "{message}");
    }
    world.delete(&format!("/api/v5/sessions/{first}"), &ada.access).await.expect(204);
    open(&world, &ada, &two).await.expect(200);
    // One that has not been used for a quarter of an hour does not count.
    open(&world, &ada, &one).await.expect(409);
    world.clock.advance_s(901);
    let ada = world.log_in(&ada.email).await;
    open(&world, &ada, &one).await.expect(200);
}

#[tokio::test]
async fn using_a_session_keeps_it_in_use() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let (one, two) = (stopped_workspace(&world, &ada, "one").await, stopped_workspace(&world, &ada, "two").await);
    let session = open(&world, &ada, &one).await.expect(200).text("/session/id");
    for _ in 0..4 {
        world.clock.advance_s(500);
        let ada = world.log_in(&ada.email).await;
        world.call(Method::POST, &format!("/api/v5/sessions/{session}/grant"), &ada.access, None).await.expect(200);
        open(&world, &ada, &two).await.expect(409);
    }
}

#[tokio::test]
async fn two_devices_at_once_do_not_get_around_the_limit() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let (one, two) = (stopped_workspace(&world, &ada, "one").await, stopped_workspace(&world, &ada, "two").await);
    let (a, b) = tokio::join!(open(&world, &ada, &one), open(&world, &ada, &two));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

async fn command(world: &World, who: &Person, id: &str, command: &str, body: Value) -> crate::world::Reply {
    world.post(&format!("/api/v5/workspaces/{id}/{command}?wait_ms=10000"), &who.access, body).await
}

#[tokio::test]
async fn taking_over_closes_and_stops_the_other_workspace() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let (one, two) = (stopped_workspace(&world, &ada, "one").await, stopped_workspace(&world, &ada, "two").await);
    let body = |workspace: &str| json!({ "workspace_id": workspace });
    let opened = world.post("/api/v5/sessions?wait_ms=10000", &ada.access, body(&one)).await.expect(200);
    let grant = opened.text("/access/grant");
    world.post("/api/v5/sessions", &ada.access, body(&two)).await.expect(409);
    let mut take = body(&two);
    take["take_over"] = json!(true);
    let opened = world.post("/api/v5/sessions?wait_ms=10000", &ada.access, take).await.expect(200);
    assert_eq!(opened.body["workspace"]["state"], "running");
    world.until(&ada.access, one.parse().unwrap(), "stopped").await;
    let sessions = world.get("/api/v5/sessions", &ada.access).await.expect(200);
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1);
    // What the old tab still holds does not wake it up again.
    let grant = world.control.verify_grant(&grant, coditect_api::grant::Audience::Workspace).unwrap();
    let woken = world.control.wake(grant.workspace.parse().unwrap()).await;
    assert!(matches!(&woken, Err(coditect_control::WakeError::Failed(why)) if why.contains("`free`")), "{woken:?}");
    // Only one's own workspaces are closed, and only those that count.
    let eve = world.register("eve").await;
    let foreign = stopped_workspace(&world, &eve, "foreign").await;
    for close in [foreign.as_str(), one.as_str()] {
        let body = json!({ "workspace_id": one, "close": close });
        world.post("/api/v5/sessions", &ada.access, body).await.expect(409);
    }
    let body = json!({ "workspace_id": one, "close": "two" });
    assert_eq!(
        world.post("/api/v5/sessions", &ada.access, body).await.expect(422).body["error"]["details"]["field"],
        "close"
    );
}

#[tokio::test]
async fn what_runs_counts_also_without_a_session() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let one = world.workspace(&ada, "one").await.to_string();
    let two = stopped_workspace(&world, &ada, "two").await;
    // Not by making, not by starting, not by opening, not by an administrator's hand.
    let refused = world.post("/api/v5/workspaces", &ada.access, json!({ "name": "three" })).await.expect(409);
    let listed = &refused.body["error"]["details"]["sessions"][0];
    assert_eq!(
        (&listed["workspace_id"], &listed["id"], &listed["state"]),
        (&json!(one), &Value::Null, &json!("running"))
    );
    command(&world, &ada, &two, "start", Value::Null).await.expect(400);
    command(&world, &ada, &two, "start", json!({})).await.expect(409).error("limit_exceeded");
    open(&world, &ada, &two).await.expect(409);
    let path = format!("/api/v5/workspaces/{two}/start");
    world.post(&path, crate::world::OPERATOR, json!({})).await.expect(409);
    world.post(&path, crate::world::OPERATOR, json!({ "take_over": true })).await.expect(403);
    assert_eq!(
        command(&world, &ada, &two, "start", json!({ "close": one })).await.expect(200).body["state"],
        "running"
    );
    world.until(&ada.access, one.parse().unwrap(), "stopped").await;
    // What runs may be started again and again.
    command(&world, &ada, &two, "start", json!({})).await.expect(200);
    command(&world, &ada, &two, "stop", json!({})).await.expect(200);
    command(&world, &ada, &one, "start", json!({})).await.expect(200);
}

#[tokio::test]
async fn what_is_open_stays_open_when_the_tier_shrinks() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}", ada.id);
    world.patch(&path, crate::world::OPERATOR, json!({ "tier": "pro" })).await.expect(200);
    let mut running = Vec::new();
    for name in ["one", "two", "three"] {
        world.clock.advance_s(100);
        let id = world.workspace(&ada, name).await.to_string();
        open(&world, &ada, &id).await.expect(200);
        running.push(id);
    }
    world.patch(&path, crate::world::OPERATOR, json!({ "tier": "free" })).await.expect(200);
    open(&world, &ada, &running[1]).await.expect(200);
    let four = stopped_workspace(&world, &ada, "four").await;
    // Closing one of three is not enough for a limit of one; taking over closes as many as it takes.
    let body = json!({ "workspace_id": four, "close": running[0] });
    let refused = world.post("/api/v5/sessions", &ada.access, body).await.expect(409);
    assert_eq!(refused.body["error"]["details"]["sessions"].as_array().unwrap().len(), 2);
    world.until(&ada.access, running[0].parse().unwrap(), "running").await;
    let body = json!({ "workspace_id": four, "take_over": true });
    world.post("/api/v5/sessions", &ada.access, body).await.expect(200);
    for id in &running {
        world.until(&ada.access, id.parse().unwrap(), "stopped").await;
    }
}

#[tokio::test]
async fn the_least_recently_used_is_closed_first() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let body =
        json!({ "cpu_millis": 100, "memory_bytes": 1 << 30, "storage_bytes": 1 << 30, "concurrent_sessions": 2 });
    world.put("/api/v5/tiers/free", crate::world::OPERATOR, body).await.expect(200);
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(stopped_workspace(&world, &ada, name).await);
    }
    open(&world, &ada, &ids[0]).await.expect(200);
    world.clock.advance_s(70);
    open(&world, &ada, &ids[1]).await.expect(200);
    world.clock.advance_s(70);
    open(&world, &ada, &ids[0]).await.expect(200);
    let body = json!({ "workspace_id": ids[2], "start": false, "take_over": true });
    world.post("/api/v5/sessions", &ada.access, body).await.expect(200);
    let sessions = world.get("/api/v5/sessions", &ada.access).await.expect(200);
    let left: Vec<&str> =
        sessions.body["items"].as_array().unwrap().iter().map(|item| item["workspace_id"].as_str().unwrap()).collect();
    assert!(left.contains(&&*ids[0]) && left.contains(&&*ids[2]) && left.len() == 2, "{left:?}");
}

#[tokio::test]
async fn a_session_that_slept_needs_room_to_go_on() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let (one, two) = (stopped_workspace(&world, &ada, "one").await, stopped_workspace(&world, &ada, "two").await);
    let slept = open(&world, &ada, &one).await.expect(200).text("/session/id");
    world.clock.advance_s(901);
    let ada = world.log_in(&ada.email).await;
    let awake = open(&world, &ada, &two).await.expect(200).text("/session/id");
    let grant = |session: &str| format!("/api/v5/sessions/{session}/grant");
    world.call(Method::POST, &grant(&slept), &ada.access, None).await.expect(409).error("limit_exceeded");
    world.call(Method::POST, &grant(&awake), &ada.access, None).await.expect(200);
    world.delete(&format!("/api/v5/sessions/{awake}"), &ada.access).await.expect(204);
    world.call(Method::POST, &grant(&slept), &ada.access, None).await.expect(200);
}
