//! Grants: what the router verifies offline, renews, and stops believing.

use std::time::Duration;

use coditect_api::grant::{Audience, Grant};
use coditect_control::{GrantError, WakeError};
use coditect_model::id::WorkspaceId;
use coditect_model::workspace::State;
use http::Method;
use serde_json::json;

use crate::world::{OPERATOR, PASSWORD, Person, World};

async fn app_grant(world: &World, owner: &Person, id: WorkspaceId) -> Grant {
    let url = world
        .post(&format!("/api/v5/workspaces/{id}/tickets"), &owner.access, json!({ "port": 3000 }))
        .await
        .expect(201)
        .text("/url");
    let ticket = url.split_once("ticket=").unwrap().1.split('&').next().unwrap();
    let ticket = world.control.verify_grant(ticket, Audience::Ticket).unwrap();
    let token = world.control.renew_app_grant(&ticket).await.unwrap();
    world.control.verify_grant(&token, Audience::App).unwrap()
}

async fn workspace_grant(world: &World, owner: &Person, id: WorkspaceId) -> String {
    world
        .post("/api/v5/sessions", &owner.access, json!({ "workspace_id": id.to_string() }))
        .await
        .expect(200)
        .text("/access/grant")
}

#[tokio::test]
async fn a_grant_names_one_workspace_one_login_and_five_minutes() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let opened =
        world.post("/api/v5/sessions", &ada.access, json!({ "workspace_id": id.to_string() })).await.expect(200);
    assert_eq!(opened.text("/access/path"), format!("/w/{}", id.label()));
    assert_eq!(opened.text("/access/port_origin"), format!("http://{{port}}--{}.coditect.localhost:8080", id.label()));
    let token = opened.text("/access/grant");
    let grant = world.control.verify_grant(&token, Audience::Workspace).unwrap();
    assert_eq!(grant.workspace, id.to_string());
    assert_eq!(grant.sub, ada.id);
    assert_eq!(grant.generation, world.control.route(id).await.unwrap().generation.0);
    assert_eq!(world.control.verify_grant(&token, Audience::App), Err(GrantError::Invalid));
    assert_eq!(world.control.verify_grant(&ada.access, Audience::Workspace), Err(GrantError::Invalid));
    world.clock.advance_s(301);
    assert_eq!(world.control.verify_grant(&token, Audience::Workspace), Err(GrantError::Expired));
    // The session renews it.
    let session = opened.text("/session/id");
    let ada = world.log_in(&ada.email).await;
    let renewed =
        world.call(Method::POST, &format!("/api/v5/sessions/{session}/grant"), &ada.access, None).await.expect(200);
    world.control.verify_grant(&renewed.text("/grant"), Audience::Workspace).unwrap();
}

#[tokio::test]
async fn an_application_token_slides_while_the_login_lives() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let app = app_grant(&world, &ada, id).await;
    assert_eq!(app.port, Some(3000));
    world.clock.advance_s(1500);
    let token = world.control.renew_app_grant(&app).await.unwrap();
    let next = world.control.verify_grant(&token, Audience::App).unwrap();
    assert!(next.exp > app.exp && next.jti != app.jti);
    assert!(world.control.login_is_live(&next).await);
}

/// Vulnerability class 7: tokens that outlive logout, reset, disabling and deletion.
#[tokio::test]
async fn nothing_outlives_what_it_came_from() {
    for how in ["logout", "reset", "disable", "delete", "password"] {
        let world = World::new().await;
        let admin = world.admin().await;
        let ada = world.register("ada").await;
        let other = world.log_in(&ada.email).await;
        let id = world.workspace(&ada, "one").await;
        let token = workspace_grant(&world, &ada, id).await;
        let grant = world.control.verify_grant(&token, Audience::Workspace).unwrap();
        let app = app_grant(&world, &ada, id).await;
        assert!(world.control.login_is_live(&grant).await && world.control.login_is_live(&app).await);
        let mut ended = world.control.login_ended();
        let path = format!("/api/v5/users/{}", ada.id);
        match how {
            "logout" => drop(world.call(Method::POST, "/api/v5/auth/logout", &ada.access, None).await.expect(204)),
            "reset" => {
                drop(world.call(Method::POST, &format!("{path}/password"), &admin.access, None).await.expect(200))
            }
            "disable" => drop(world.patch(&path, &admin.access, json!({ "disabled": true })).await.expect(200)),
            "password" => {
                let body = json!({ "current": PASSWORD, "new": "quite another phrase" });
                world.post("/api/v5/auth/password", &other.access, body).await.expect(204);
            }
            _ => drop(world.delete(&format!("/api/v5/workspaces/{id}"), &ada.access).await.expect(202)),
        }
        if how == "delete" {
            assert_eq!(world.control.route(id).await, Err(WakeError::NotFound));
            assert_eq!(world.control.wake(id).await, Err(WakeError::NotFound));
            world.until(&ada.access, id, "gone").await;
        } else {
            // Some end every login of hers, in any order.
            let told: Vec<String> =
                std::iter::from_fn(|| ended.try_recv().ok()).map(|login| login.to_string()).collect();
            assert!(told.contains(&grant.login), "{how}: {told:?}");
            assert_eq!(world.control.verify_grant(&token, Audience::Workspace), Err(GrantError::Ended), "{how}");
        }
        assert_eq!(world.control.renew_app_grant(&app).await, Err(GrantError::Ended), "{how}");
        assert!(!world.control.login_is_live(&grant).await && !world.control.login_is_live(&app).await, "{how}");
        // Another process over the same store knows it too.
        let world = world.restart().await;
        assert!(!world.control.login_is_live(&grant).await, "{how}");
    }
}

#[tokio::test]
async fn grants_are_fenced_by_the_sandbox_they_were_made_for() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let old = world.control.verify_grant(&workspace_grant(&world, &ada, id).await, Audience::Workspace).unwrap();
    world
        .call(Method::POST, &format!("/api/v5/workspaces/{id}/stop?wait_ms=10000"), &ada.access, None)
        .await
        .expect(200);
    let route = world.control.wake(id).await.unwrap();
    assert_eq!(route.state, State::Running);
    assert!(route.generation.0 > old.generation);
    assert_eq!(world.hosts.running(id).unwrap().generation, route.generation);
    let new = world.control.verify_grant(&workspace_grant(&world, &ada, id).await, Audience::Workspace).unwrap();
    assert_eq!(new.generation, route.generation.0);
}

#[tokio::test]
async fn the_operator_gets_a_grant_and_an_administrator_does_not() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    let path = format!("/api/v5/workspaces/{id}/grant");
    let token = world.call(Method::POST, &path, OPERATOR, None).await.expect(200).text("/grant");
    let grant = world.control.verify_grant(&token, Audience::Workspace).unwrap();
    assert_eq!(grant.sub, "operator");
    assert!(world.control.login_is_live(&grant).await);
    world.call(Method::POST, &path, &admin.access, None).await.expect(403);
    world.call(Method::POST, &path, &ada.access, None).await.expect(200);
    // It ends with the process that gave it.
    assert!(!world.restart().await.control.login_is_live(&grant).await);
}

#[tokio::test]
async fn waking_waits_for_the_start_and_says_why_it_failed() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let id = world.workspace(&ada, "one").await;
    world
        .call(Method::POST, &format!("/api/v5/workspaces/{id}/stop?wait_ms=10000"), &ada.access, None)
        .await
        .expect(200);
    assert_eq!(world.control.route(id).await.unwrap().state, State::Stopped);
    world.hosts.hold();
    let waiting = {
        let control = world.control.clone();
        tokio::spawn(async move { control.wake(id).await })
    };
    world.until(&ada.access, id, "starting").await;
    assert!(!waiting.is_finished());
    world.hosts.release();
    assert_eq!(
        tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap().unwrap().state,
        State::Running
    );

    world
        .call(Method::POST, &format!("/api/v5/workspaces/{id}/stop?wait_ms=10000"), &ada.access, None)
        .await
        .expect(200);
    world.hosts.fail([coditect_control::HostError::Failed("the volume is damaged".to_owned())]);
    assert_eq!(world.control.wake(id).await, Err(WakeError::Failed("the volume is damaged".to_owned())));
    assert_eq!(world.control.wake(WorkspaceId::from_bytes([9; 16])).await, Err(WakeError::NotFound));
}
