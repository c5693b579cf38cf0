//! A store on a bad day: conflicts, commits that happened and say they may not have, commits that did not. Nothing is
//! done twice, nothing that was answered is lost.

use coditect_model::id::WorkspaceId;
use coditect_store::FaultPlan;
use http::Method;
use serde_json::json;

use crate::world::{PASSWORD, Person, World, config, person};

const SEEDS: u64 = 12;

async fn scenario(seed: u64) {
    let world = World::with(config(), Some(FaultPlan::stormy(seed))).await;
    let link = world.control.setup_link().await.unwrap();
    let token = link.split_once('=').unwrap().1;
    let admin = person(&world.register_with("admin", json!({ "setup_token": token })).await.expect(201));
    let ada = world.register("ada").await;
    let code = world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201).text("/code");
    let ben = person(&world.register_with("ben", json!({ "invitation": code })).await.expect(201));
    assert_eq!(ben.tenant, ada.tenant);
    world.register_with("eve", json!({ "invitation": code })).await.expect(403);

    // Four wrong entries are four, however often their commits were tried.
    for _ in 0..4 {
        world.try_log_in(&ben.email, "a wrong password").await.expect(401);
    }
    world.try_log_in(&ben.email, PASSWORD).await.expect(200);

    let id: WorkspaceId = world.workspace(&ben, "one").await;
    let opened =
        world.post("/api/v5/sessions", &ben.access, json!({ "workspace_id": id.to_string() })).await.expect(200);
    let session = format!("/api/v5/sessions/{}", opened.text("/session/id"));
    for version in 0..3 {
        let layout = json!({ "layout_version": version, "layout": { "n": version } });
        let kept = world.put(&session, &ben.access, layout).await.expect(200);
        assert_eq!(kept.body["layout_version"], version + 1);
    }
    for _ in 0..3 {
        let path = format!("/api/v5/workspaces/{id}");
        let stopped =
            world.call(Method::POST, &format!("{path}/stop?wait_ms=10000"), &ben.access, None).await.expect(200);
        assert_eq!(stopped.body["state"], "stopped");
        let started =
            world.call(Method::POST, &format!("{path}/start?wait_ms=10000"), &ben.access, None).await.expect(200);
        assert_eq!(started.body["state"], "running");
    }
    assert_eq!(world.hosts.starts(), 4, "a start that is asked for once happens once");
    assert_eq!(world.hosts.running(id).unwrap().generation.0, 7);

    let mut ben_now: Person = ben.clone();
    for _ in 0..4 {
        let reply =
            world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ben_now.refresh })).await.expect(200);
        ben_now = person(&reply);
    }
    world.clock.advance_s(11);
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ben.refresh })).await.expect(401);
    world.get("/api/v5/auth/me", &ben_now.access).await.expect(401);

    let ben = world.log_in(&ben.email).await;
    world.delete(&session, &ben.access).await.expect(204);
    world.delete(&format!("/api/v5/workspaces/{id}"), &ben.access).await.expect(202);
    world.until(&ben.access, id, "gone").await;
    assert!(!world.hosts.has_volume(id));
    let off = json!({ "disabled": true });
    world.patch(&format!("/api/v5/users/{}", ben.id), &admin.access, off).await.expect(200);
    world.get("/api/v5/auth/me", &ben.access).await.expect(401);
    let users = world.get("/api/v5/users?all=true", &admin.access).await.expect(200);
    assert_eq!(users.body["items"].as_array().unwrap().len(), 3);
    assert_eq!(world.control.setup_link().await, None);
}

#[tokio::test]
async fn a_whole_day_over_a_store_that_stumbles() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        scenario(seed).await;
    }
}
