//! Register, log in, refresh, log out, change the password, first administrator.

use http::Method;
use serde_json::json;

use crate::world::{PASSWORD, World, config, person};

#[tokio::test]
async fn a_person_registers_and_is_who_they_say() {
    let world = World::new().await;
    let reply =
        world.register_with("ada", json!({ "email": " ADA@Example.com", "name": "Ada Lovelace" })).await.expect(201);
    assert_eq!(reply.body["user"]["email"], "ada@example.com");
    assert_eq!(reply.body["user"]["role"], "owner");
    assert_eq!(reply.body["user"]["tier"], "free");
    assert_eq!(reply.body["user"]["admin"], false);
    assert_eq!(reply.body["expires_in_s"], 600);
    let ada = person(&reply);
    let me = world.get("/api/v5/auth/me", &ada.access).await.expect(200);
    assert_eq!(me.body["user"]["id"], ada.id.as_str());
    let valid = world.call(Method::POST, "/api/v5/auth/validate", &ada.access, None).await.expect(200);
    assert_eq!(valid.body["expires_at"], me.body["expires_at"]);

    world.register_with("ada", json!({})).await.expect(409).error("conflict");
    let ben = world.register("ben").await;
    assert_ne!(ben.tenant, ada.tenant);
}

#[tokio::test]
async fn bad_registrations_are_refused_with_the_field() {
    let world = World::new().await;
    for (change, field) in [
        (json!({ "email": "nonsense" }), "email"),
        (json!({ "email": "a\u{202e}b@example.com" }), "email"),
        (json!({ "name": " " }), "name"),
        (json!({ "name": "x".repeat(65) }), "name"),
        (json!({ "password": "short" }), "password"),
        (json!({ "password": "x".repeat(300) }), "password"),
        (json!({ "password": "aaaaaaaaaaaa" }), "password"),
        (json!({ "password": "eve@example.com" }), "password"),
    ] {
        let reply = world.register_with("eve", change.clone()).await.expect(422).error("invalid_value");
        assert_eq!(reply.body["error"]["details"]["field"], field, "{change}");
    }
    world.register_with("eve", json!({ "invitation": "cdi_x" })).await.expect(403).error("forbidden");
    world.register_with("eve", json!({ "setup_token": "cds_x" })).await.expect(403).error("forbidden");
}

#[tokio::test]
async fn by_invitation_only_means_only() {
    let mut config = config();
    config.registration = coditect_control::Registration::InvitationOnly;
    let world = World::with(config, None).await;
    world.register_with("eve", json!({})).await.expect(403).error("forbidden");
    let admin = world.admin().await;
    world.member_of(&admin, "guest").await;
}

#[tokio::test]
async fn wrong_password_and_unknown_account_look_the_same() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let mut wrong = world.try_log_in(&ada.email, "not it, not it").await.expect(401).error("unauthenticated").body;
    let mut unknown = world.try_log_in("nobody@example.com", PASSWORD).await.expect(401).body;
    let mut malformed = world.try_log_in("no address", PASSWORD).await.expect(401).body;
    for body in [&mut wrong, &mut unknown, &mut malformed] {
        body["error"]["request_id"] = json!("");
    }
    assert_eq!(wrong, unknown);
    assert_eq!(wrong, malformed);
    world.log_in(&ada.email).await;
}

#[tokio::test]
async fn access_tokens_expire_and_refresh_tokens_follow_each_other() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.clock.advance_s(601);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401).error("unauthenticated");
    let next =
        person(&world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(200));
    assert_ne!(next.refresh, ada.refresh);
    world.get("/api/v5/auth/me", &next.access).await.expect(200);
    // Unused for a day: over.
    world.clock.advance_s(24 * 3600 + 1);
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": next.refresh })).await.expect(401);
}

#[tokio::test]
async fn a_refresh_token_used_twice_ends_the_whole_login() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let elsewhere = world.log_in(&ada.email).await;
    let mut ended = world.control.login_ended();
    let next =
        person(&world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(200));
    world.clock.advance_s(11);
    world
        .post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh }))
        .await
        .expect(401)
        .error("unauthenticated");
    // Thief and victim are both out, at once; other logins of the same person go on.
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": next.refresh })).await.expect(401);
    world.get("/api/v5/auth/me", &next.access).await.expect(401);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
    world.get("/api/v5/auth/me", &elsewhere.access).await.expect(200);
    assert!(ended.try_recv().is_ok());
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_does_not_log_anybody_out() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(200);
    let again = world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(200);
    let next = again.text("/refresh_token");
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": next })).await.expect(200);
}

#[tokio::test]
async fn logging_out_works_at_once_and_survives_a_restart() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    world.call(Method::POST, "/api/v5/auth/logout", &ada.access, None).await.expect(204);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(401);
    let world = world.restart().await;
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
    // By refresh token alone, as when the access token has expired; and twice.
    let ada = world.log_in(&ada.email).await;
    for _ in 0..2 {
        world.post("/api/v5/auth/logout", "", json!({ "refresh_token": ada.refresh })).await.expect(204);
    }
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_logins() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let other = world.log_in(&ada.email).await;
    let new = "another fine passphrase";
    let body = json!({ "current": "wrong, wrong, wrong", "new": new });
    world.post("/api/v5/auth/password", &ada.access, body).await.expect(422);
    let body = json!({ "current": PASSWORD, "new": "short" });
    world.post("/api/v5/auth/password", &ada.access, body).await.expect(422);
    world.post("/api/v5/auth/password", &ada.access, json!({ "current": PASSWORD, "new": new })).await.expect(204);
    world.get("/api/v5/auth/me", &ada.access).await.expect(200);
    world.get("/api/v5/auth/me", &other.access).await.expect(401);
    world.try_log_in(&ada.email, PASSWORD).await.expect(401);
    world.try_log_in(&ada.email, new).await.expect(200);
}

#[tokio::test]
async fn the_set_up_link_makes_one_administrator_and_then_nothing() {
    let world = World::new().await;
    let old = world.control.setup_link().await.unwrap();
    let link = world.control.setup_link().await.unwrap();
    let token = |link: &str| link.strip_prefix("http://coditect.localhost:8080/setup#token=").unwrap().to_owned();
    let ada = world.register("ada").await;
    // The link of an earlier start has been replaced.
    world.post("/api/v5/auth/claim-admin", &ada.access, json!({ "setup_token": token(&old) })).await.expect(403);
    let claimed =
        world.post("/api/v5/auth/claim-admin", &ada.access, json!({ "setup_token": token(&link) })).await.expect(200);
    assert_eq!(claimed.body["user"]["admin"], true);
    assert_eq!(claimed.body["user"]["tier"], "pro");
    // The right is there at once, with the token from before.
    world.get("/api/v5/users?all=true", &ada.access).await.expect(200);
    let eve = world.register("eve").await;
    world.post("/api/v5/auth/claim-admin", &eve.access, json!({ "setup_token": token(&link) })).await.expect(403);
    world.register_with("mallory", json!({ "setup_token": token(&link) })).await.expect(403);
    assert_eq!(world.control.setup_link().await, None);
    assert_eq!(world.restart().await.control.setup_link().await, None);
}

#[tokio::test]
async fn one_of_two_who_open_the_set_up_link_at_once_gets_it() {
    let world = World::new().await;
    let link = world.control.setup_link().await.unwrap();
    let token = link.split_once('=').unwrap().1;
    let tries = (0..8).map(|n| {
        let world = &world;
        async move { world.register_with(&format!("p{n}"), json!({ "setup_token": token })).await.status.as_u16() }
    });
    let mut statuses = futures_util::future::join_all(tries).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 403, 403, 403, 403, 403, 403, 403]);
}

#[tokio::test]
async fn the_operator_makes_an_administrator_and_the_link_is_void() {
    let world = World::new().await;
    let link = world.control.setup_link().await.unwrap();
    let token = link.split_once('=').unwrap().1;
    let body = json!({ "email": "root@example.com", "name": "Root", "admin": true });
    let made = world.post("/api/v5/users", crate::world::OPERATOR, body).await.expect(201);
    world.try_log_in("root@example.com", &made.text("/password")).await.expect(200);
    world.register_with("eve", json!({ "setup_token": token })).await.expect(403);
}

#[tokio::test]
async fn signing_keys_rotate_without_logging_anybody_out() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let keys = |reply: &crate::world::Reply| reply.body["keys"].as_array().unwrap().len();
    let before = world.get("/.well-known/jwks.json", "").await.expect(200);
    assert_eq!(keys(&before), 1);
    world.control.rotate_signing_key().await.unwrap();
    world.get("/api/v5/auth/me", &ada.access).await.expect(200);
    let after = world.get("/.well-known/jwks.json", "").await.expect(200);
    assert_eq!(keys(&after), 2);
    assert_eq!(after.body["keys"][1], before.body["keys"][0]);
    assert!(after.body["keys"][0].get("d").is_none(), "a public set holds no private part");
    // A restart knows both; a token of the retired key is forgotten with the key.
    let world = world.restart().await;
    world.get("/api/v5/auth/me", &ada.access).await.expect(200);
    world.clock.advance_s(2000);
    world.control.rotate_signing_key().await.unwrap();
    assert_eq!(keys(&world.get("/.well-known/jwks.json", "").await), 2);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
}

#[tokio::test]
async fn altered_and_foreign_tokens_are_refused() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let parts: Vec<&str> = ada.access.split('.').collect();
    let none = "eyJhbGciOiJub25lIn0";
    let mut flipped = ada.access.clone().into_bytes();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    for token in [
        format!("{none}.{}.", parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        String::from_utf8(flipped).unwrap(),
        "x".repeat(100_000),
        "a.b.c".to_owned(),
        ada.refresh.clone(),
        "cdop_0123456789abcdef0123456789abcdeg".to_owned(),
    ] {
        world.get("/api/v5/auth/me", &token).await.expect(401).error("unauthenticated");
    }
    // A token of another installation: same names, other keys.
    let mut elsewhere = config();
    elsewhere.operator_token = None;
    let other = World::seeded(elsewhere, 99).await;
    let stranger = other.register("ada").await;
    world.get("/api/v5/auth/me", &stranger.access).await.expect(401).error("unauthenticated");
    // A workspace grant is not an access token.
    let id = world.workspace(&ada, "one").await;
    let opened =
        world.post("/api/v5/sessions", &ada.access, json!({ "workspace_id": id.to_string() })).await.expect(200);
    world.get("/api/v5/auth/me", &opened.text("/access/grant")).await.expect(401);
}

#[tokio::test]
async fn logins_of_one_person_are_bounded() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    for _ in 0..50 {
        world.clock.advance_s(1);
        world.log_in(&ada.email).await;
    }
    // The first made room for the last.
    world.post("/api/v5/auth/refresh", "", json!({ "refresh_token": ada.refresh })).await.expect(401);
    world.get("/api/v5/auth/me", &ada.access).await.expect(401);
}
