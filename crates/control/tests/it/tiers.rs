//! Tiers that administrators change while workspaces run.

use std::time::Duration;

use coditect_api::workspace::PendingLimit;
use coditect_control::HostError;
use coditect_model::id::WorkspaceId;
use serde_json::{Value, json};

use crate::world::{OPERATOR, Reply, World};

fn limits(cpu_millis: u32) -> Value {
    json!({ "cpu_millis": cpu_millis, "memory_bytes": 1 << 30, "storage_bytes": 1_u64 << 34, "concurrent_sessions": 2 })
}

async fn tier(world: &World, name: &str) -> Value {
    let list = world.get("/api/v5/tiers", OPERATOR).await.expect(200).body;
    list["items"].as_array().unwrap().iter().find(|tier| tier["name"] == name).cloned().unwrap_or_default()
}

/// Waits until the sandbox has so much CPU.
async fn until_cpu(world: &World, id: WorkspaceId, cpu_millis: u32) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while world.hosts.running(id).unwrap().limits.cpu_millis != cpu_millis {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", world.hosts.running(id));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_tier_is_set_over_the_configuration_and_taken_back() {
    let world = World::new().await;
    assert_eq!(tier(&world, "free").await["source"], "configuration");
    let set = world.put("/api/v5/tiers/free", OPERATOR, limits(333)).await.expect(200);
    assert_eq!((&set.body["source"], &set.body["limits"]["cpu_millis"]), (&json!("changed"), &json!(333)));
    assert_eq!(set.body["limits"]["pids"], 512, "what is absent is the platform's default");
    assert_eq!(tier(&world, "free").await["limits"]["cpu_millis"], 333);
    // It outlives the process.
    let world = world.restart().await;
    assert_eq!(tier(&world, "free").await["source"], "changed");
    world.delete("/api/v5/tiers/free", OPERATOR).await.expect(204);
    assert_eq!(tier(&world, "free").await["limits"]["cpu_millis"], 200);
    world.delete("/api/v5/tiers/free", OPERATOR).await.expect(409);
    world.delete("/api/v5/tiers/none", OPERATOR).await.expect(404);
    for (name, body, field) in [
        ("Big", limits(100), "name"),
        ("-", limits(100), "name"),
        ("small", limits(1), "cpu_millis"),
        (
            "huge",
            json!({ "cpu_millis": 100, "memory_bytes": u64::MAX, "storage_bytes": 1 << 30, "concurrent_sessions": 1 }),
            "memory_bytes",
        ),
    ] {
        let refused = world.put(&format!("/api/v5/tiers/{name}"), OPERATOR, body).await.expect(422);
        assert_eq!(refused.body["error"]["details"]["field"], field);
    }
    world.put("/api/v5/tiers/x", OPERATOR, json!({ "cpu_millis": 100 })).await.expect(400);
    assert!(tier(&world, "x").await.is_null());
}

#[tokio::test]
async fn a_tier_that_somebody_has_stays_and_one_that_is_gone_is_given_to_nobody() {
    let world = World::new().await;
    world.put("/api/v5/tiers/team", OPERATOR, limits(2000)).await.expect(200);
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}", ada.id);
    world.patch(&path, OPERATOR, json!({ "tier": "team" })).await.expect(200);
    let refused = world.delete("/api/v5/tiers/team", OPERATOR).await.expect(409).error("conflict");
    assert_eq!(refused.body["error"]["details"]["users"], 1);
    // It is as usable as before.
    let eve = world.register("eve").await;
    world.patch(&format!("/api/v5/users/{}", eve.id), OPERATOR, json!({ "tier": "team" })).await.expect(200);
    for person in [&ada, &eve] {
        world.patch(&format!("/api/v5/users/{}", person.id), OPERATOR, json!({ "tier": "free" })).await.expect(200);
    }
    world.delete("/api/v5/tiers/team", OPERATOR).await.expect(204);
    world.patch(&path, OPERATOR, json!({ "tier": "team" })).await.expect(422);
}

#[tokio::test]
async fn a_change_reaches_what_runs_without_a_restart() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let started = world.hosts.starts();
    world.put("/api/v5/tiers/free", OPERATOR, limits(333)).await.expect(200);
    until_cpu(&world, id, 333).await;
    // Another tier for the user.
    world.patch(&format!("/api/v5/users/{}", ada.id), OPERATOR, json!({ "tier": "pro" })).await.expect(200);
    until_cpu(&world, id, 1000).await;
    let shown = world.get(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(200);
    assert_eq!((&shown.body["tier"], &shown.body["limits"]["cpu_millis"]), (&json!("pro"), &json!(1000)));
    // A host that does not do it at once is asked again.
    world.hosts.fail([HostError::Failed("busy".to_owned()), HostError::Unavailable("busy".to_owned())]);
    world.put("/api/v5/tiers/pro", OPERATOR, limits(1500)).await.expect(200);
    until_cpu(&world, id, 1500).await;
    assert_eq!(world.hosts.starts(), started, "nothing was started again");
}

#[tokio::test]
async fn a_change_that_a_crash_kept_from_what_runs_is_made_up_for() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    // The tier is changed by a process that ends before it tells any host.
    let mut config = world.config.clone();
    let mut free = config.tiers.get("free").unwrap().clone();
    free.cpu_millis = 444;
    config.tiers.insert("free".to_owned(), free);
    let world =
        World::over(config, world.store.clone(), world.clock.clone(), world.entropy.clone(), world.hosts.clone()).await;
    until_cpu(&world, id, 444).await;
}

#[tokio::test]
async fn what_does_not_hold_yet_is_said_and_tried_again() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let pending =
        |retried| PendingLimit { limit: "memory_bytes".to_owned(), reason: "700 MiB are in use".to_owned(), retried };
    world.hosts.hold_back(vec![pending(true)]);
    world.put("/api/v5/tiers/free", OPERATOR, limits(333)).await.expect(200);
    let path = format!("/api/v5/workspaces/{id}");
    let shown = until(&world, &path, |body| body["pending_limits"][0]["reason"] == "700 MiB are in use").await;
    assert_eq!(shown["state"], "running");
    // The next look gets it through.
    world.hosts.hold_back(Vec::new());
    world.patch(&format!("/api/v5/users/{}", ada.id), OPERATOR, json!({ "tier": "free" })).await.expect(200);
    until(&world, &path, |body| body["pending_limits"].is_null()).await;
}

async fn until(world: &World, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let Reply { body, .. } = world.get(path, OPERATOR).await;
        if so(&body) {
            return body;
        }
        assert!(tokio::time::Instant::now() < deadline, "{body:#}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
