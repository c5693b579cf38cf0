//! Workspaces: made, started, stopped, ended by themselves, adopted, deleted.

use coditect_control::HostError;
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::Generation;
use http::Method;
use serde_json::json;

use crate::world::{OPERATOR, Person, World};

async fn command(world: &World, who: &Person, id: WorkspaceId, command: &str) -> crate::world::Reply {
    world.call(Method::POST, &format!("/api/v5/workspaces/{id}/{command}?wait_ms=10000"), &who.access, None).await
}

#[tokio::test]
async fn made_and_running_in_one_request() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let made =
        world.post("/api/v5/workspaces?wait_ms=10000", &ada.access, json!({ "name": " My first " })).await.expect(201);
    assert_eq!(made.body["name"], "My first");
    assert_eq!((&made.body["state"], &made.body["desired"]), (&json!("running"), &json!("running")));
    assert_eq!(made.body["usage"]["pids"], 2);
    assert_eq!(made.body["limits"]["cpu_millis"], 200);
    let id: WorkspaceId = made.text("/id").parse().unwrap();
    assert_eq!(made.text("/label"), id.label());
    let start = world.hosts.running(id).unwrap();
    assert_eq!(start.limits.memory_bytes, 512 << 20);
    assert_eq!(world.get(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(200).body["state"], "running");
}

#[tokio::test]
async fn without_waiting_the_answer_comes_before_the_start() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.hosts.hold();
    let made = world.post("/api/v5/workspaces", &ada.access, json!({ "name": "one" })).await.expect(201);
    assert_eq!(made.body["state"], "starting");
    world.hosts.release();
    world.until(&ada.access, made.text("/id").parse().unwrap(), "running").await;
}

#[tokio::test]
async fn stop_and_start_are_idempotent_and_numbered() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let first = world.hosts.running(id).unwrap().generation;
    assert_eq!(command(&world, &ada, id, "start").await.expect(200).body["state"], "running");
    assert_eq!(world.hosts.running(id).unwrap().generation, first);
    for _ in 0..2 {
        assert_eq!(command(&world, &ada, id, "stop").await.expect(200).body["state"], "stopped");
    }
    assert!(world.hosts.running(id).is_none() && world.hosts.has_volume(id));
    assert_eq!(command(&world, &ada, id, "start").await.expect(200).body["state"], "running");
    assert_eq!(world.hosts.running(id).unwrap().generation, Generation(first.0 + 2));
}

#[tokio::test]
async fn a_failed_start_says_why_and_is_tried_again_when_asked() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.hosts.fail([HostError::Failed("mounting /proc in the sandbox: Operation not permitted".to_owned())]);
    let made = world.post("/api/v5/workspaces?wait_ms=10000", &ada.access, json!({ "name": "one" })).await.expect(201);
    assert_eq!(made.body["state"], "failed");
    assert_eq!(made.body["reason"], "mounting /proc in the sandbox: Operation not permitted");
    let id = made.text("/id").parse().unwrap();
    let again = command(&world, &ada, id, "start").await.expect(200);
    assert_eq!((&again.body["state"], &again.body["reason"]), (&json!("running"), &json!(null)));
}

#[tokio::test]
async fn a_host_that_is_not_available_is_asked_again() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.hosts.fail([HostError::Unavailable("busy".to_owned())]);
    world.workspace(&ada, "one").await;
}

#[tokio::test]
async fn a_host_ahead_of_the_store_is_overtaken() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    command(&world, &ada, id, "stop").await.expect(200);
    world.hosts.see(id, Generation(40));
    assert_eq!(command(&world, &ada, id, "start").await.expect(200).body["state"], "running");
    assert_eq!(world.hosts.running(id).unwrap().generation, Generation(41));
}

#[tokio::test]
async fn one_that_ends_by_itself_is_stopped_and_starts_when_asked() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    world.hosts.crash(id);
    let body = world.until(&ada.access, id, "stopped").await;
    assert!(body["reason"].as_str().unwrap().contains("ended by itself"), "{body:#}");
    assert_eq!(body["desired"], "stopped");
    assert_eq!(command(&world, &ada, id, "start").await.expect(200).body["state"], "running");
}

#[tokio::test]
async fn after_a_restart_the_living_are_adopted_and_the_dead_are_recorded() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.patch(&format!("/api/v5/users/{}", ada.id), OPERATOR, json!({ "tier": "pro" })).await.expect(200);
    let (lives, dies) = (world.workspace(&ada, "lives").await, world.workspace(&ada, "dies").await);
    let generation = world.hosts.running(lives).unwrap().generation;
    let starts = world.hosts.starts();
    world.hosts.lose(dies);
    let world = world.restart().await;
    world.until(&ada.access, dies, "stopped").await;
    world.until(&ada.access, lives, "running").await;
    assert_eq!(world.hosts.running(lives).unwrap().generation, generation, "it is the same sandbox");
    assert_eq!(world.hosts.starts(), starts);
    assert_eq!(world.get("/health/ready", "").await.expect(200).body["status"], "ready");
}

#[tokio::test]
async fn a_sandbox_of_no_workspace_is_ended() {
    let world = World::new().await;
    let stray = WorkspaceId::from_bytes([5; 16]);
    let limits = world.config.tiers.get("free").unwrap().clone();
    let start = coditect_control::HostStart { workspace: stray, generation: Generation(3), limits };
    coditect_control::Hosts::start(&*world.hosts, start).await.unwrap();
    let world = world.restart().await;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while world.hosts.running(stray).is_some() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    assert!(world.hosts.has_volume(stray), "what it holds is for an operator to look at");
}

#[tokio::test]
async fn deleting_removes_sandbox_volume_session_and_record() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let opened =
        world.post("/api/v5/sessions", &ada.access, json!({ "workspace_id": id.to_string() })).await.expect(200);
    let deleted = world.delete(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(202);
    assert_eq!(deleted.body["state"], "deleting");
    world.until(&ada.access, id, "gone").await;
    assert!(world.hosts.running(id).is_none() && !world.hosts.has_volume(id));
    world.get(&format!("/api/v5/sessions/{}", opened.text("/session/id")), &ada.access).await.expect(404);
    assert_eq!(world.get("/api/v5/workspaces", &ada.access).await.expect(200).body["items"], json!([]));
    // Nothing of it is left in the store.
    let label = id.to_bytes();
    let all = world
        .store
        .begin()
        .await
        .range(coditect_store::KeyRange::all(), coditect_store::RangeOptions::default())
        .await
        .unwrap();
    assert!(all.iter().all(|(key, _)| !key.windows(16).any(|part| part == label)), "a key still names it");
}

#[tokio::test]
async fn wishes_that_change_quickly_end_as_the_last_one() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    for _ in 0..10 {
        for command in ["stop", "start"] {
            world
                .call(Method::POST, &format!("/api/v5/workspaces/{id}/{command}"), &ada.access, None)
                .await
                .expect(200);
        }
    }
    world.until(&ada.access, id, "running").await;
    let route = world.control.route(id).await.unwrap();
    assert_eq!(world.hosts.running(id).unwrap().generation, route.generation);
    world.call(Method::POST, &format!("/api/v5/workspaces/{id}/stop"), &ada.access, None).await.expect(200);
    world.until(&ada.access, id, "stopped").await;
    assert!(world.hosts.running(id).is_none());
}

#[tokio::test]
async fn the_tier_limits_how_many() {
    let mut config = crate::world::config();
    let mut limits = config.tiers.get("free").unwrap().clone();
    limits.workspaces = 2;
    config.tiers.insert("free".to_owned(), limits);
    let world = World::with(config, None).await;
    let ada = world.register("ada").await;
    let make = || world.post("/api/v5/workspaces", &ada.access, json!({ "name": "one", "start": false }));
    let made = make().await.expect(201);
    // Two at the same moment for the one place that is left.
    let (a, b) = tokio::join!(make(), make());
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    make().await.expect(409).error("limit_exceeded");
    let id: WorkspaceId = made.text("/id").parse().unwrap();
    world.delete(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(202);
    world.until(&ada.access, id, "gone").await;
    make().await.expect(201);
}

#[tokio::test]
async fn renaming_and_listing_in_pages() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let body = json!({ "name": format!("w{n}"), "start": false });
        ids.push(world.post("/api/v5/workspaces", &ada.access, body).await.expect(201).text("/id"));
    }
    let renamed = world
        .patch(&format!("/api/v5/workspaces/{}", ids[0]), &ada.access, json!({ "name": "👩‍🚀 space" }))
        .await
        .expect(200);
    assert_eq!(renamed.body["name"], "👩‍🚀 space");
    world.patch(&format!("/api/v5/workspaces/{}", ids[0]), &ada.access, json!({ "name": "" })).await.expect(422);
    ids.sort();
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.get(&format!("/api/v5/workspaces?limit=2{after}"), &ada.access).await.expect(200);
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ids);
    for bad in ["limit=0", "limit=201", "limit=x", "after=x", "nonsense=1"] {
        world.get(&format!("/api/v5/workspaces?{bad}"), &ada.access).await.expect(400).error("invalid_request");
    }
    world.get("/api/v5/workspaces?wait_ms=1", &ada.access).await.expect(400);
    world.post("/api/v5/workspaces?wait_ms=30001", &ada.access, json!({ "name": "x" })).await.expect(400);
}

#[tokio::test]
async fn owners_of_the_tenant_see_and_stop_administrators_start_too_nobody_else_knows() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let member = world.member_of(&ada, "member").await;
    let id = world.workspace(&member, "one").await;
    let path = format!("/api/v5/workspaces/{id}");
    world.get(&path, &ada.access).await.expect(200);
    let list = world.get("/api/v5/workspaces?tenant=true", &ada.access).await.expect(200);
    assert_eq!(list.body["items"][0]["id"], id.to_string());
    world.get("/api/v5/workspaces?tenant=true", &member.access).await.expect(403);
    command(&world, &ada, id, "stop").await.expect(200);
    command(&world, &ada, id, "start").await.expect(403);
    command(&world, &admin, id, "start").await.expect(200);
    command(&world, &admin, id, "stop").await.expect(200);
    world.call(Method::POST, &format!("{path}/start?wait_ms=10000"), OPERATOR, None).await.expect(200);
    for who in [&ada, &admin] {
        world.delete(&path, &who.access).await.expect(403);
        world.patch(&path, &who.access, json!({ "name": "mine" })).await.expect(403);
        world.post(&format!("{path}/tickets"), &who.access, json!({ "port": 80 })).await.expect(404);
        world.call(Method::POST, &format!("{path}/grant"), &who.access, None).await.expect(403);
        world.post("/api/v5/sessions", &who.access, json!({ "workspace_id": id.to_string() })).await.expect(404);
    }
    let all = world.get("/api/v5/workspaces?all=true", OPERATOR).await.expect(200);
    assert_eq!(all.body["items"][0]["id"], id.to_string());
    world.get("/api/v5/workspaces?all=true", &ada.access).await.expect(403);
}
