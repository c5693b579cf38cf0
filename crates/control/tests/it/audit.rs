//! The audit log: complete, in one chain, whatever happens in between; read by those who may.

use std::collections::BTreeMap;
use std::sync::Arc;

use coditect_control::AuditLimits;
use coditect_model::ambient::Timestamp;
use coditect_model::audit::chain::{Head, Hex, Link, Verifier};
use coditect_model::audit::files::{FileReport, Source};
use coditect_model::audit::{Action, Log};
use coditect_model::id::WorkspaceId;
use coditect_store::{FaultPlan, RangeOptions, Store, keys};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::{OPERATOR, PASSWORD, Person, World, config, person};

/// Every entry of a log as its readers see it, oldest first.
async fn entries(world: &World, token: &str, query: &str) -> Vec<Value> {
    let (mut found, mut before) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/api/v5/audit?limit=200{query}{before}"), token).await.expect(200);
        found.extend(page.body["items"].as_array().unwrap().clone());
        match page.body["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    found.reverse();
    found
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

async fn intact(world: &World, token: &str, query: &str) -> Value {
    let reply = world.get(&format!("/api/v5/audit/verification?{query}"), token).await.expect(200);
    assert_eq!(reply.body["intact"], true, "{:#}", reply.body);
    reply.body
}

/// The lines of an export.
async fn export(world: &World, token: &str, query: &str) -> Vec<String> {
    let request = Request::builder().uri(format!("/api/v5/audit/export?{query}"));
    let request = request.header("authorization", format!("Bearer {token}")).body(axum::body::Body::empty()).unwrap();
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_people_do_is_in_the_log() {
    let world = World::new().await;
    let admin = world.admin().await;
    let ada = world.register("ada").await;
    let ben = world.member_of(&ada, "ben").await;
    world.try_log_in(&ben.email, "a wrong password").await.expect(401);
    let ben = world.log_in(&ben.email).await;
    let id = world.workspace(&ben, "one").await;
    let path = format!("/api/v5/workspaces/{id}");
    let body = json!({ "workspace_id": id.to_string() });
    let session = world.post("/api/v5/sessions", &ben.access, body).await.expect(200).text("/session/id");
    world.call(Method::POST, &format!("{path}/grant"), OPERATOR, None).await.expect(200);
    world.call(Method::POST, &format!("{path}/grant"), &ada.access, None).await.expect(403);
    world.post(&format!("{path}/tickets"), &ben.access, json!({ "port": 3000 })).await.expect(201);
    world.patch(&path, &ben.access, json!({ "name": "two" })).await.expect(200);
    world.call(Method::POST, &format!("{path}/stop?wait_ms=10000"), &ada.access, None).await.expect(200);
    world.call(Method::POST, &format!("{path}/start?wait_ms=10000"), &ben.access, None).await.expect(200);
    world.delete(&format!("/api/v5/sessions/{session}"), &ben.access).await.expect(204);
    world.delete(&path, &ben.access).await.expect(202);
    world.until(&ben.access, id, "gone").await;
    let new = json!({ "current": PASSWORD, "new": "another horse battery" });
    world.post("/api/v5/auth/password", &ben.access, json!({ "current": "no", "new": "x" })).await.expect(422);
    world.post("/api/v5/auth/password", &ben.access, new).await.expect(204);
    world.patch(&format!("/api/v5/users/{}", ben.id), &admin.access, json!({ "tier": "pro" })).await.expect(200);
    world.post("/api/v5/auth/logout", &ben.access, json!({})).await.expect(204);
    world.post(&format!("/api/v5/users/{}/password", ben.id), &admin.access, json!({})).await.expect(200);

    let log = entries(&world, &ada.access, "").await;
    let expected = [
        "account.registered",
        "invitation.created",
        "account.registered",
        "login.failed",
        "login.success",
        "workspace.created",
        "session.opened",
        "grant.issued",
        "grant.refused",
        "grant.ticket",
        "workspace.renamed",
        "workspace.stop",
        "workspace.start",
        "session.closed",
        "workspace.delete",
        "workspace.removed",
        "account.password_refused",
        "account.password_changed",
        "account.updated",
        "login.ended",
        "account.password_reset",
    ];
    // Those that the reconciler writes come when they come.
    let mut seen = actions(&log);
    let mut wanted = expected.to_vec();
    assert_eq!(seen[..5], wanted[..5]);
    seen.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(seen, wanted, "{log:#?}");

    let of = |action: &str| log.iter().find(|entry| entry["action"] == action).unwrap();
    let failed = of("login.failed");
    assert_eq!((&failed["actor"], &failed["address"]), (&json!("anonymous"), &json!("192.0.2.7")));
    assert_eq!((&failed["subject"], &failed["details"]["failures"]), (&json!(ben.id), &json!("1")));
    let stop = of("workspace.stop");
    assert_eq!((&stop["actor"], &stop["workspace"]), (&json!(ada.id), &json!(id.to_string())));
    assert_eq!(of("grant.issued")["actor"], "operator");
    assert_eq!(of("grant.ticket")["login"], of("login.success")["login"], "which login it was, and so from where");
    assert_eq!(of("account.updated")["details"], json!({ "tier": "pro", "tier_before": "free" }));

    // No secret and no trace of one.
    let text = serde_json::to_string(&log).unwrap();
    for secret in [PASSWORD, "another horse", &ben.access, &ben.refresh, "cdr_", "cdi_", "cdop_", "argon2"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert_eq!(intact(&world, &ada.access, "").await["checked"], expected.len());
    assert_eq!(entries(&world, &ada.access, "&action=login").await.len(), 3);
    assert_eq!(entries(&world, &ada.access, "&action=login.failed").await.len(), 1);
    assert_eq!(entries(&world, &ada.access, "&action=log").await.len(), 0);
    assert_eq!(entries(&world, &ada.access, &format!("&actor={}", ada.id)).await.len(), 4);
    assert_eq!(entries(&world, &ada.access, &format!("&workspace={id}")).await.len(), 11);
}

#[tokio::test]
async fn attempts_on_accounts_that_do_not_exist_are_the_operators_to_see() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    for _ in 0..6 {
        world.try_log_in("nobody@example.com", "a wrong password").await;
    }
    world.try_log_in("not an address", "a wrong password").await.expect(401);
    let log = entries(&world, OPERATOR, "&log=installation").await;
    assert_eq!(
        actions(&log),
        [
            "login.failed",
            "login.failed",
            "login.failed",
            "login.failed",
            "login.failed",
            "login.locked",
            "login.failed"
        ]
    );
    assert!(log[0]["details"]["account"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(log[0]["details"]["account"], log[4]["details"]["account"]);
    assert!(!serde_json::to_string(&log).unwrap().contains("nobody"));
    world.get("/api/v5/audit?log=installation", &ada.access).await.expect(403);
    assert_eq!(actions(&entries(&world, &ada.access, "").await), ["account.registered"]);
    intact(&world, OPERATOR, "log=installation").await;

    // A stolen refresh token, on the other hand, is its tenant's to see.
    let body = json!({ "refresh_token": ada.refresh });
    world.post("/api/v5/auth/refresh", "", body.clone()).await.expect(200);
    world.clock.advance_s(11);
    world.post("/api/v5/auth/refresh", "", body).await.expect(401);
    let tenant = format!("&tenant_id={}", ada.tenant);
    assert_eq!(actions(&entries(&world, OPERATOR, &tenant).await), ["account.registered", "login.refresh_reused"]);
}

#[tokio::test]
async fn a_log_is_read_by_its_tenants_owners_and_by_administrators() {
    let world = World::new().await;
    let admin = world.admin().await;
    let (ada, eve) = (world.register("ada").await, world.register("eve").await);
    let ben = world.member_of(&ada, "ben").await;
    for route in ["audit", "audit/verification", "audit/export"] {
        let path = format!("/api/v5/{route}?tenant_id={}", ada.tenant);
        world.get(&path, &ada.access).await.expect(200);
        world.get(&path, &ben.access).await.expect(403);
        let mut foreign = world.get(&path, &eve.access).await.expect(404).body;
        let absent = format!("/api/v5/{route}?tenant_id=ten_{}", "0".repeat(26));
        let mut missing = world.get(&absent, &eve.access).await.expect(404).body;
        foreign["error"]["request_id"] = json!("");
        missing["error"]["request_id"] = json!("");
        assert_eq!(foreign, missing);
        world.get(&path, &admin.access).await.expect(200);
        world.get(&path, OPERATOR).await.expect(200);
        world.get(&absent, OPERATOR).await.expect(404);
        world.get(&format!("/api/v5/{route}"), OPERATOR).await.expect(400);
        world.get(&format!("/api/v5/{route}?log=none"), OPERATOR).await.expect(422);
        world.get(&format!("/api/v5/{route}?log=files"), &ada.access).await.expect(200);
    }
    for bad in ["limit=0", "limit=201", "from=x", "nothing=1", "before=-1"] {
        world.get(&format!("/api/v5/audit?{bad}"), &ada.access).await.expect(400);
    }
    // Both of Eve's tries and Ada's export are in the logs of their own tenants only.
    assert_eq!(actions(&entries(&world, &eve.access, "").await), ["account.registered"]);
    assert_eq!(entries(&world, &ada.access, "&action=audit.exported").await.len(), 3);
}

#[tokio::test]
async fn times_and_pages_cut_the_log_where_they_say() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    let began = 1_790_000_000_000_i64;
    let mut access = ada.access.clone();
    for day in 1..40 {
        world.clock.advance_s(24 * 3600);
        access = world.log_in(&ada.email).await.access;
        let log = entries(&world, &access, "").await;
        assert_eq!(log.len(), day + 1);
    }
    let day = 24 * 3600 * 1000;
    let between = format!("&from={}&to={}", began + 10 * day, began + 12 * day);
    let found = entries(&world, &access, &between).await;
    assert_eq!(
        found.iter().map(|e| e["at"].as_i64().unwrap()).collect::<Vec<_>>(),
        [10, 11, 12].map(|n| began + n * day)
    );
    assert_eq!(entries(&world, &access, &format!("&to={began}")).await.len(), 1);
    assert_eq!(entries(&world, &access, &format!("&from={}", began + 39 * day)).await.len(), 1);
    let page = world.get("/api/v5/audit?limit=7", &access).await.expect(200);
    assert_eq!((page.body["items"].as_array().unwrap().len(), page.body["next"].as_u64()), (7, Some(34)));
    assert_eq!(page.body["items"][0]["seq"], 40);
}

#[tokio::test]
async fn an_export_verifies_by_itself_with_the_installations_key() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    for n in 0..250 {
        world.post("/api/v5/invitations", &ada.access, json!({})).await.expect(201);
        let log =
            world.get("/api/v5/invitations", &ada.access).await.body["items"][0]["id"].as_str().unwrap().to_owned();
        world.delete(&format!("/api/v5/invitations/{log}"), &ada.access).await.expect(204);
        assert!(n < 1000);
    }
    let lines = export(&world, &ada.access, "").await;
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    let head: Head = serde_json::from_value(first["head"].clone()).unwrap();
    let key: Hex<32> = serde_json::from_value(first["public_key"].clone()).unwrap();
    assert_eq!(head.log, Log::Actions(ada.tenant.parse().unwrap()));
    assert_eq!(world.get("/api/v5/audit", &ada.access).await.body["public_key"], first["public_key"]);
    let links: Vec<Link> = lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(links.len(), 502, "more than one page");
    let mut verifier = Verifier::new(head, &key);
    links.iter().for_each(|link| verifier.take(link));
    assert_eq!(verifier.finish().problems, []);
    assert_eq!(links.last().unwrap().entry.action, Action::LogExported);
}

/// Keys and what is to stand there.
type Writes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Everything below a log's keys.
async fn stored(store: &Store, log: Log) -> Vec<(Vec<u8>, Vec<u8>)> {
    let txn = store.begin().await;
    txn.range(keys::audit_links(log, 0, u64::MAX), RangeOptions::default()).await.unwrap()
}

#[tokio::test]
async fn whoever_changes_the_store_behind_our_back_is_found_out() {
    let world = World::new().await;
    let ada = world.register("ada").await;
    for _ in 0..4 {
        world.log_in(&ada.email).await;
    }
    intact(&world, &ada.access, "").await;
    let log = Log::Actions(ada.tenant.parse().unwrap());
    let kept = stored(&world.store, log).await;
    let swap = |a: usize, b: usize| {
        let (a, b) = (kept[a].clone(), kept[b].clone());
        vec![(a.0.clone(), Some(b.1)), (b.0, Some(a.1))]
    };
    let text = |n: usize| String::from_utf8(kept[n].1.clone()).unwrap();
    let altered = text(2).replace("192.0.2.7", "192.0.2.8").replace("login.success", "login.ended");
    let attacks: Vec<(&str, Writes)> = vec![
        ("altered", vec![(kept[2].0.clone(), Some(altered.into_bytes()))]),
        ("removed", vec![(kept[2].0.clone(), None)]),
        ("the first removed", vec![(kept[0].0.clone(), None)]),
        ("the last removed", vec![(kept[4].0.clone(), None)]),
        ("swapped", swap(1, 3)),
        ("doubled", vec![(kept[3].0.clone(), Some(kept[2].1.clone()))]),
        ("head removed", vec![(keys::audit_head(log).into_bytes(), None)]),
    ];
    let head = world.store.begin().await.get(&keys::audit_head(log)).await.unwrap().unwrap();
    for (name, writes) in attacks {
        let write = |writes: Writes| {
            let store = world.store.clone();
            async move {
                let txn = store.begin().await;
                for (key, value) in &writes {
                    match value {
                        Some(value) => txn.set(key, value),
                        None => txn.clear(key),
                    }
                }
                txn.commit().await.unwrap();
            }
        };
        write(writes).await;
        let reply = world.get("/api/v5/audit/verification", &ada.access).await.expect(200).body;
        assert_eq!(reply["intact"], false, "{name}: {reply:#}");
        assert!(!reply["problems"].as_array().unwrap().is_empty(), "{name}");
        let mut back: Vec<_> = kept.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
        back.push((keys::audit_head(log).into_bytes(), Some(head.clone())));
        write(back).await;
        intact(&world, &ada.access, "").await;
    }
}

#[tokio::test]
async fn two_instances_make_one_chain() {
    let world = World::new().await;
    let twin = World::over(
        world.config.clone(),
        world.store.clone(),
        world.clock.clone(),
        world.entropy.clone(),
        world.hosts.clone(),
    )
    .await;
    let ada = world.register("ada").await;
    let id = world.post("/api/v5/workspaces", &ada.access, json!({ "name": "one", "start": false })).await.text("/id");
    let (world, twin) = (Arc::new(world), Arc::new(twin));
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..60 {
        let (at, ada) = (if n % 2 == 0 { Arc::clone(&world) } else { Arc::clone(&twin) }, ada.clone());
        let path = format!("/api/v5/workspaces/{id}/tickets");
        tries.spawn(async move {
            at.post(&path, &ada.access, json!({ "port": 3000 })).await.expect(201);
            // A reader gives waiting entries their places too, beside both tasks.
            at.get("/api/v5/audit?limit=1", &ada.access).await.expect(200);
        });
    }
    while let Some(done) = tries.join_next().await {
        done.unwrap();
    }
    let log = entries(&twin, &ada.access, "&action=grant.ticket").await;
    assert_eq!(log.len(), 60);
    assert_eq!(intact(&world, &ada.access, "").await["checked"], 62);
}

/// A store that stumbles, a process that ends at any moment: each entry is there, once.
#[tokio::test]
async fn nothing_is_lost_and_nothing_is_doubled() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut world = World::with(config(), Some(FaultPlan::stormy(seed))).await;
        let ada = world.register("ada").await;
        let mut expected = BTreeMap::from([("account.registered", 1), ("login.failed", 0), ("login.success", 0)]);
        for round in 0..6 {
            world.try_log_in(&ada.email, "a wrong password").await.expect(401);
            let ada: Person = person(&world.try_log_in(&ada.email, PASSWORD).await.expect(200));
            *expected.get_mut("login.failed").unwrap() += 1;
            *expected.get_mut("login.success").unwrap() += 1;
            if round % 2 == 0 {
                world.get("/api/v5/audit", &ada.access).await.expect(200);
            } else {
                world = world.restart().await;
            }
        }
        let ada = world.log_in(&ada.email).await;
        *expected.get_mut("login.success").unwrap() += 1;
        let log = entries(&world, &ada.access, "").await;
        let mut counts = BTreeMap::new();
        for action in actions(&log) {
            *counts.entry(action).or_insert(0) += 1;
        }
        assert_eq!(counts, expected);
        intact(&world, &ada.access, "").await;
    }
}

#[tokio::test]
async fn a_log_that_is_cut_still_verifies_and_says_what_went() {
    let mut config = config();
    config.audit = AuditLimits { actions_max: 20, actions_age_s: 1_000_000, ..AuditLimits::default() };
    let world = World::with(config, None).await;
    let ada = world.register("ada").await;
    let mut access = String::new();
    for _ in 0..60 {
        access = world.log_in(&ada.email).await.access;
    }
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let body = loop {
        let body = world.get("/api/v5/audit?limit=200", &access).await.expect(200).body;
        let cut = body["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "audit.cut");
        if cut {
            break body;
        }
        assert!(tokio::time::Instant::now() < deadline, "{body:#}");
        tokio::task::yield_now().await;
    };
    assert!(body["head"]["first_seq"].as_u64().unwrap() > 1, "{body:#}");
    assert!(body["items"].as_array().unwrap().len() <= 62);
    intact(&world, &access, "").await;

    // By age: what is left of a quiet log is its last entry and what says that the rest went.
    world.clock.advance_s(1_000_001);
    let access = world.log_in(&ada.email).await.access;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let log = entries(&world, &access, "").await;
        if actions(&log).into_iter().filter(|action| *action != "audit.cut").eq(["login.success"]) {
            assert!(log.len() > 1);
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{log:#?}");
        tokio::task::yield_now().await;
    }
    intact(&world, &access, "").await;
}

fn report(workspace: WorkspaceId, action: Action, count: u64) -> FileReport {
    FileReport {
        workspace,
        action,
        since: Timestamp(1_790_000_000_000),
        until: Timestamp(1_790_000_000_500),
        source: Some(Source::Git),
        process: Some("git\u{1b}[2J".to_owned()),
        directory: Some("/workspace/src\n".to_owned()),
        names: vec!["x".repeat(5000); 50],
        count,
        note: None,
    }
}

/// What hosts say about files goes to the log of the workspace's tenant, once, also over a store that stumbles, also when
/// the workspace is gone by then; and what a tenant named there does no harm.
#[tokio::test]
async fn what_happens_to_files_is_in_the_tenants_own_log_of_files() {
    for seed in 0..4 {
        let world = World::with(config(), Some(FaultPlan::stormy(seed))).await;
        let (ada, eve) = (world.register("ada").await, world.register("eve").await);
        let (hers, other) = (world.workspace(&ada, "one").await, world.workspace(&eve, "two").await);
        for n in 0..150 {
            world.hosts.files.send(report(hers, Action::FileModified, n)).await.unwrap();
        }
        world.hosts.files.send(report(other, Action::FileDeleted, 7)).await.unwrap();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while entries(&world, &eve.access, "&log=files").await.is_empty() {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        world.delete(&format!("/api/v5/workspaces/{hers}"), &ada.access).await.expect(202);
        world.until(&ada.access, hers, "gone").await;
        world.hosts.files.send(report(hers, Action::FileDeleted, 1)).await.unwrap();
        let log = loop {
            let log = entries(&world, &ada.access, "&log=files").await;
            if log.len() >= 151 {
                break log;
            }
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        };
        assert_eq!(log.len(), 151);
        let counts: Vec<u64> = log.iter().map(|e| e["details"]["count"].as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(counts[..150], (0..150).collect::<Vec<u64>>());
        let first = &log[0];
        assert_eq!((&first["actor"], &first["details"]["source"]), (&json!("workspace"), &json!("git")));
        assert_eq!(first["subject"], "/workspace/src\u{fffd}");
        assert_eq!(first["details"]["process_claimed"], "git\u{fffd}[2J");
        assert_eq!(first["names"].as_array().unwrap().len(), 8);
        assert!(first["names"][0].as_str().unwrap().chars().count() <= 512);
        assert_eq!(entries(&world, &eve.access, "&log=files").await.len(), 1);
        let actions = entries(&world, &ada.access, "&action=file").await;
        assert!(actions.is_empty(), "files have a log of their own");
        intact(&world, &ada.access, "log=files").await;
    }
}
