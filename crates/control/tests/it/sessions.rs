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
    assert_eq!(details["sessions"][0]["workspace_id"], one.as_str());
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
