//! Invitations: one use, one tenant, one address if it says so.

use serde_json::json;

use crate::world::{World, person};

#[tokio::test]
async fn whoever_has_the_code_joins_the_tenant_once() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let made = world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201);
    let code = made.text("/code");
    assert_eq!(made.text("/url"), format!("http://coditect.localhost:8080/register#invitation={code}"));
    let list = world.get("/api/v5/invitations", &ada.access).await.expect(200);
    assert_eq!(list.body["items"][0]["id"], made.body["id"]);
    assert!(list.body["items"][0].get("code").is_none(), "the code is shown once");
    let guest = person(&world.register_with("guest", json!({ "invitation": code })).await.expect(201));
    assert_eq!(guest.tenant, ada.tenant);
    world.register_with("second", json!({ "invitation": code })).await.expect(403);
    assert_eq!(world.get("/api/v5/invitations", &ada.access).await.expect(200).body["items"], json!([]));
    world.post("/api/v5/invitations", &guest.access, json!({})).await.expect(403);
    world.get("/api/v5/invitations", &guest.access).await.expect(403);
}

#[tokio::test]
async fn for_one_address_and_as_an_owner() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let body = json!({ "email": "Ben@example.com", "role": "owner" });
    let code = world.post("/api/v5/invitations", &ada.access, body).await.expect(201).text("/code");
    world.register_with("eve", json!({ "invitation": code })).await.expect(403);
    let ben = world.register_with("ben", json!({ "invitation": code })).await.expect(201);
    assert_eq!(ben.text("/user/role"), "owner");
    world.post("/api/v5/invitations", &ada.access, json!({ "role": "king" })).await.expect(422);
    world.post("/api/v5/invitations", &ada.access, json!({ "email": "nobody" })).await.expect(422);
}

#[tokio::test]
async fn expired_and_withdrawn_ones_are_void() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let old = world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201).text("/code");
    world.clock.advance_s(7 * 24 * 3600 + 1);
    world.register_with("eve", json!({ "invitation": old })).await.expect(403);
    let ada = world.log_in(&ada.email).await;
    assert_eq!(world.get("/api/v5/invitations", &ada.access).await.expect(200).body["items"], json!([]));
    let made = world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201);
    let path = format!("/api/v5/invitations/{}", made.text("/id"));
    let ben = world.register("ben").await;
    world.delete(&path, &ben.access).await.expect(404);
    world.delete(&path, &ada.access).await.expect(204);
    world.delete(&path, &ada.access).await.expect(404);
    world.register_with("eve", json!({ "invitation": made.text("/code") })).await.expect(403);
}

#[tokio::test]
async fn ten_people_at_once_with_one_code() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let code = world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201).text("/code");
    let tries = (0..10).map(|n| {
        let (world, code) = (&world, &code);
        async move { world.register_with(&format!("p{n}"), json!({ "invitation": code })).await.status.as_u16() }
    });
    let statuses = futures_util::future::join_all(tries).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    let users = world.get("/api/v5/users", &ada.access).await.expect(200);
    assert_eq!(users.body["items"].as_array().unwrap().len(), 2);
}
