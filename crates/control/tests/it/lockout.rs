//! Guessing passwords: per account, stored, doubling; per address, in memory.

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use serde_json::json;
use std::net::SocketAddr;

use crate::world::{PASSWORD, World, config};

#[tokio::test]
async fn five_wrong_passwords_lock_the_account_and_each_further_one_doubles_it() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    for _ in 0..5 {
        world.try_log_in(&ada.email, "a wrong password").await.expect(401);
    }
    let locked = world.try_log_in(&ada.email, PASSWORD).await.expect(429).error("rate_limited");
    assert_eq!(locked.body["error"]["details"]["retry_after_s"], 31);
    assert_eq!(locked.headers["retry-after"], "31");
    // It survives a restart, and an attempt while locked does not prolong it.
    let world = world.restart().await;
    world.try_log_in(&ada.email, PASSWORD).await.expect(429);
    world.clock.advance_s(31);
    world.try_log_in(&ada.email, "a wrong password").await.expect(401);
    let locked = world.try_log_in(&ada.email, PASSWORD).await.expect(429);
    assert_eq!(locked.body["error"]["details"]["retry_after_s"], 61);
    world.clock.advance_s(61);
    world.log_in(&ada.email).await;
    // Success wipes the slate.
    for _ in 0..4 {
        world.try_log_in(&ada.email, "a wrong password").await.expect(401);
    }
    world.log_in(&ada.email).await;
}

#[tokio::test]
async fn an_account_that_does_not_exist_locks_just_the_same() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let mut answers = Vec::new();
    for email in [ada.email.as_str(), "nobody@example.com"] {
        for _ in 0..7 {
            let mut reply = world.try_log_in(email, "a wrong password").await;
            reply.body["error"]["request_id"] = json!("");
            answers.push((reply.status, reply.body));
        }
    }
    assert_eq!(answers[..7], answers[7..]);
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_all_counted() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let tries = (0..20).map(|_| world.try_log_in(&ada.email, "a wrong password"));
    let replies = futures_util::future::join_all(tries).await;
    let looked_at = replies.iter().filter(|reply| reply.status.as_u16() == 401).count();
    assert!(looked_at <= 5, "{looked_at} guesses were checked");
}

#[tokio::test]
async fn the_own_password_cannot_be_guessed_through_a_stolen_token_either() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let body = json!({ "current": "a wrong password", "new": "quite another phrase" });
    for _ in 0..5 {
        world.post("/api/v5/auth/password", &ada.access, body.clone()).await.expect(422);
    }
    world.post("/api/v5/auth/password", &ada.access, body).await.expect(429);
}

async fn from(world: &World, peer: &str, forwarded: Option<&str>) -> u16 {
    let mut request = Request::post("/api/v5/auth/login").header("content-type", "application/json");
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let body = json!({ "email": format!("{}@example.com", uuid(world)), "password": PASSWORD });
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    let peer: SocketAddr = format!("{peer}:1234").parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    world.send(request).await.status.as_u16()
}

/// A new name each time, so that the lock of one account does not hide the limit of the address.
fn uuid(world: &World) -> String {
    coditect_model::id::UserId::random(&*world.entropy).label()
}

#[tokio::test]
async fn an_address_that_asks_too_often_waits_and_cannot_claim_another() {
    let mut config = config();
    config.rate_limits.login_burst = 3;
    config.rate_limits.login_every_ms = 2_000;
    config.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    let world = World::with(config, None).await;
    for _ in 0..3 {
        assert_eq!(from(&world, "192.0.2.1", None).await, 401);
    }
    assert_eq!(from(&world, "192.0.2.1", None).await, 429);
    assert_eq!(from(&world, "192.0.2.1", Some("198.51.100.1")).await, 429, "a stranger's header is not believed");
    assert_eq!(from(&world, "192.0.2.2", None).await, 401);
    // Behind the trusted proxy, the address is the one it saw; what stands left of that came from the client.
    for _ in 0..3 {
        assert_eq!(from(&world, "10.0.0.1", Some("1.2.3.4, 203.0.113.5")).await, 401);
    }
    assert_eq!(from(&world, "10.0.0.1", Some("5.6.7.8, 203.0.113.5")).await, 429);
    assert_eq!(from(&world, "10.0.0.1", Some("203.0.113.6")).await, 401);
    world.clock.advance_s(2);
    assert_eq!(from(&world, "192.0.2.1", None).await, 401);
}

#[tokio::test]
async fn registrations_are_counted_too() {
    let mut config = config();
    config.rate_limits.register_burst = 2;
    let world = World::with(config, None).await;
    world.register("a").await;
    world.register("b").await;
    let refused = world.register_with("c", json!({})).await.expect(429).error("rate_limited");
    assert!(refused.body["error"]["details"]["retry_after_s"].as_i64().unwrap() > 0);
}
