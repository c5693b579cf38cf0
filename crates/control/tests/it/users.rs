//! Users, by themselves, their tenant's owners and administrators.

use http::Method;
use serde_json::json;

use crate::world::{OPERATOR, PASSWORD, World};

#[tokio::test]
async fn owners_add_members_and_administrators_add_anybody() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let body = json!({ "email": "new@example.com", "name": "New" });
    let made = world.post("/api/v5/users", &ada.access, body.clone()).await.expect(201);
    assert_eq!((made.text("/user/tenant_id"), made.text("/user/role")), (ada.tenant.clone(), "member".to_owned()));
    let logged_in = world.try_log_in("new@example.com", &made.text("/password")).await.expect(200);
    assert_eq!(logged_in.body["user"]["id"], made.body["user"]["id"]);
    world.post("/api/v5/users", &ada.access, body).await.expect(409);

    for more in [json!({ "tier": "pro" }), json!({ "admin": true })] {
        let mut body = json!({ "email": "x@example.com", "name": "X" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.post("/api/v5/users", &ada.access, body).await.expect(403);
    }
    let foreign = json!({ "email": "x@example.com", "name": "X", "tenant_id": admin.tenant });
    world.post("/api/v5/users", &ada.access, foreign).await.expect(404);

    let body = json!({ "email": "pro@example.com", "name": "P", "tier": "pro", "password": PASSWORD });
    let pro = world.post("/api/v5/users", &admin.access, body).await.expect(201);
    assert!(pro.body.get("password").is_none());
    assert_eq!((pro.text("/user/tier"), pro.text("/user/role")), ("pro".to_owned(), "owner".to_owned()));
    assert_ne!(pro.text("/user/tenant_id"), admin.tenant);
    let body = json!({ "email": "y@example.com", "name": "Y", "tier": "gold" });
    let refused = world.post("/api/v5/users", &admin.access, body).await.expect(422);
    assert!(refused.text("/error/message").contains("free, pro, starter"));
    let joined = json!({ "email": "z@example.com", "name": "Z", "tenant_id": ada.tenant });
    assert_eq!(world.post("/api/v5/users", OPERATOR, joined).await.expect(201).text("/user/tenant_id"), ada.tenant);
}

#[tokio::test]
async fn lists_stop_at_the_tenant() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let member = world.member_of(&ada, "member").await;
    let emails = |reply: &crate::world::Reply| {
        let mut emails: Vec<String> = reply.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect();
        emails.sort();
        emails
    };
    let own = world.get("/api/v5/users", &ada.access).await.expect(200);
    assert_eq!(emails(&own), ["ada@example.com", "member@example.com"]);
    world.get("/api/v5/users", &member.access).await.expect(403);
    world.get("/api/v5/users?all=true", &ada.access).await.expect(403);
    for who in [admin.access.as_str(), OPERATOR] {
        let all = world.get("/api/v5/users?all=true", who).await.expect(200);
        assert_eq!(emails(&all), ["ada@example.com", "admin@example.com", "member@example.com"]);
    }
    world.get(&format!("/api/v5/users/{}", member.id), &ada.access).await.expect(200);
    world.get(&format!("/api/v5/users/{}", ada.id), &member.access).await.expect(404);
    world.get(&format!("/api/v5/users/{}", admin.id), &ada.access).await.expect(404);
}

#[tokio::test]
async fn people_change_their_name_and_administrators_the_rest() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}", ada.id);
    let renamed = world.patch(&path, &ada.access, json!({ "name": "Ada L." })).await.expect(200);
    assert_eq!(renamed.body["name"], "Ada L.");
    for change in [json!({ "tier": "pro" }), json!({ "admin": true }), json!({ "disabled": false })] {
        world.patch(&path, &ada.access, change).await.expect(403);
    }
    let upgraded = world.patch(&path, &admin.access, json!({ "tier": "pro" })).await.expect(200);
    assert_eq!(upgraded.body["tier"], "pro");
    // The tier holds at once, whatever the token says.
    let made =
        world.post("/api/v5/workspaces", &ada.access, json!({ "name": "one", "start": false })).await.expect(201);
    assert_eq!(made.body["limits"]["cpu_millis"], 1000);
}

#[tokio::test]
async fn disabled_means_out_until_enabled_again() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}", ada.id);
    world.patch(&path, &admin.access, json!({ "disabled": true })).await.expect(200);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(401);
    world.try_log_in(&ada.email, PASSWORD).await.expect(403).error("forbidden");
    world.try_log_in(&ada.email, "a wrong password").await.expect(401);
    world.patch(&path, &admin.access, json!({ "disabled": false })).await.expect(200);
    world.log_in(&ada.email).await;
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
}

#[tokio::test]
async fn an_administrator_who_is_none_any_more_is_none_at_once() {
    let world = World::new().await;
    let admin = world.admin().await;
    world
        .patch(&format!("/api/v5/users/{}", admin.id), &admin.access, json!({ "admin": false }))
        .await
        .expect(409)
        .error("conflict");
    world.patch(&format!("/api/v5/users/{}", admin.id), &admin.access, json!({ "disabled": true })).await.expect(409);
    let ada = world.register("ada").await;
    world.patch(&format!("/api/v5/users/{}", ada.id), &admin.access, json!({ "admin": true })).await.expect(200);
    world.patch(&format!("/api/v5/users/{}", admin.id), &ada.access, json!({ "admin": false })).await.expect(200);
    world.get("/api/v5/users?all=true", &admin.access).await.expect(401);
    let back = world.log_in(&admin.email).await;
    world.get("/api/v5/users?all=true", &back.access).await.expect(403);
    assert_eq!(world.control.setup_link().await, None);
}

#[tokio::test]
async fn a_reset_password_is_shown_once_and_ends_everything() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let path = format!("/api/v5/users/{}/password", ada.id);
    world.call(Method::POST, &path, &ada.access, None).await.expect(403);
    let reset = world.call(Method::POST, &path, &admin.access, None).await.expect(200);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
    world.try_log_in(&ada.email, PASSWORD).await.expect(401);
    world.try_log_in(&ada.email, &reset.text("/password")).await.expect(200);
    let chosen = world.post(&path, OPERATOR, json!({ "password": "chosen by the operator" })).await.expect(200);
    assert!(chosen.body.get("password").is_none());
    world.try_log_in(&ada.email, "chosen by the operator").await.expect(200);
    world.post(&path, OPERATOR, json!({ "password": "short" })).await.expect(422);
}
