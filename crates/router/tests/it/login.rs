//! Tickets and cookies of workspace origins.

use coditect_api::grant::{AccessLevel, Audience};
use coditect_model::id::WorkspaceId;

use crate::harness::{APP_LIFE_S, Answer, Ask, COOKIE, ORIGIN, World};
use crate::upstreams::app;

fn cookie_of(answer: &Answer) -> Option<String> {
    let prefix = format!("{COOKIE}=");
    answer.all("set-cookie").into_iter().find(|cookie| cookie.starts_with(&prefix)).map(str::to_owned)
}

#[tokio::test]
async fn a_person_without_a_cookie_is_led_to_sign_in_and_back() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let (host, label) = (world.host("3000"), world.workspace.label());
    let first = world.send(&Ask::get("/a?b=c&d=%2F").host(&host).navigating()).await;
    assert_eq!(first.status, 302);
    assert_eq!(
        first.header("location"),
        format!("{ORIGIN}/api/v5/enter?workspace={label}&port=3000&path=%2Fa%3Fb%3Dc%26d%3D%252F")
    );
    assert_eq!(first.header("cache-control"), "no-store");

    let ticket = world.token(Audience::Ticket, Some(3000));
    let enter = format!("/.coditect/enter?ticket={ticket}&path=%2Fa%3Fb%3Dc");
    let entered = world.send(&Ask::get(&enter).host(&host).navigating()).await;
    assert_eq!((entered.status, entered.header("location")), (303, "/a?b=c"));
    let cookie = cookie_of(&entered).unwrap();
    assert!(cookie.ends_with(&format!("; Path=/; HttpOnly; SameSite=Lax; Max-Age={APP_LIFE_S}; Secure")), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let page = world.send(&Ask::get("/a?b=c").host(&host).header("Cookie", pair).navigating()).await;
    assert_eq!((page.status, page.json()["target"].as_str()), (200, Some("/a?b=c")));

    let program = world.send(&Ask::get("/a").host(&host)).await;
    assert_eq!((program.status, program.kind().as_str()), (401, "unauthenticated"));
}

#[tokio::test]
async fn a_ticket_works_once_for_one_port_of_one_workspace_in_its_time() {
    let world = World::start().await;
    let enter = |ticket: &str, place: &str| {
        Ask::get(&format!("/.coditect/enter?ticket={ticket}")).host(&world.host(place)).navigating()
    };
    let ticket = world.token(Audience::Ticket, Some(3000));
    for place in ["3001", "files"] {
        let elsewhere = world.send(&enter(&ticket, place)).await;
        assert_eq!((elsewhere.status, cookie_of(&elsewhere)), (302, None), "{place}");
    }
    let (one, two) = (enter(&ticket, "3000"), enter(&ticket, "3000"));
    let (first, second) = tokio::join!(world.send(&one), world.send(&two));
    let cookies = [cookie_of(&first), cookie_of(&second)];
    assert_eq!(cookies.iter().flatten().count(), 1, "exactly one of two redemptions wins");
    let replayed = world.send(&enter(&ticket, "3000")).await;
    assert_eq!((replayed.status, cookie_of(&replayed)), (302, None));

    let mut other = world.claims(Audience::Ticket, Some(3000));
    other.workspace = WorkspaceId::from_bytes([8; 16]).to_string();
    let late = world.token(Audience::Ticket, Some(3000));
    let ended = world.token(Audience::Ticket, Some(3000));
    for token in [
        world.table.issue(other),
        world.token(Audience::App, Some(3000)),
        world.token(Audience::Workspace, None),
        "made-up".to_owned(),
        String::new(),
    ] {
        let answer = world.send(&enter(&token, "3000")).await;
        assert_eq!((answer.status, cookie_of(&answer)), (302, None), "{token}");
    }
    world.table.end(world.login, false);
    let answer = world.send(&enter(&ended, "3000")).await;
    assert_eq!((answer.status, cookie_of(&answer)), (302, None));
    world.clock.advance_s(APP_LIFE_S);
    let answer = world.send(&enter(&late, "3000")).await;
    assert_eq!((answer.status, cookie_of(&answer)), (302, None));
}

/// Vulnerability 5: open redirects, `//host` and its relatives.
#[tokio::test]
async fn signing_in_never_leads_to_another_origin() {
    let world = World::start().await;
    let host = world.host("3000");
    for path in [
        "//evil.example",
        "/%5Cevil.example",
        "%2F%2Fevil.example",
        "https://evil.example",
        "/%0d%0aLocation:%20x",
        "/%09/evil.example",
        "evil",
        "/.coditect/enter%3Fticket=x",
        "/%E2%80%AE",
        "",
    ] {
        let ticket = world.token(Audience::Ticket, Some(3000));
        let ask = Ask::get(&format!("/.coditect/enter?ticket={ticket}&path={path}")).host(&host).navigating();
        let answer = world.send(&ask).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{path}");
    }
    // Nor do the addresses that lead to signing in.
    let answer = world.send(&Ask::get("//evil.example/").host(&host).navigating()).await;
    assert!(answer.header("location").starts_with(&format!("{ORIGIN}/api/v5/enter?")));
    assert!(answer.header("location").ends_with("&path=%2F"));
}

#[tokio::test]
async fn a_cookie_is_for_one_origin_and_dies_with_its_login() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    world.serve_port(3001, app()).await;
    let at = |place: &str, token: &str| {
        Ask::get("/").host(&world.host(place)).header("Cookie", &format!("{COOKIE}={token}"))
    };
    let token = world.token(Audience::App, Some(3000));
    assert_eq!(world.send(&at("3000", &token)).await.status, 200);
    assert_eq!(world.send(&at("3001", &token)).await.kind(), "unauthenticated");
    for token in [world.token(Audience::Ticket, Some(3000)), world.token(Audience::Workspace, None)] {
        assert_eq!(world.send(&at("3000", &token)).await.kind(), "unauthenticated");
    }
    let mut other = world.claims(Audience::App, Some(3000));
    other.workspace = WorkspaceId::from_bytes([8; 16]).to_string();
    let other = world.table.issue(other);
    assert_eq!(world.send(&at("3000", &other)).await.kind(), "unauthenticated");
    // A planted cookie of the same name hides nothing.
    let planted =
        Ask::get("/").host(&world.host("3000")).header("Cookie", &format!("{COOKIE}={other}; {COOKIE}={token}"));
    assert_eq!(world.send(&planted).await.status, 200);
    let mut reader = world.claims(Audience::App, Some(3000));
    reader.access = AccessLevel::Read;
    let reader = world.table.issue(reader);
    assert_eq!(world.send(&at("3000", &reader)).await.status, 200);
    let post = Ask::new("POST", "/")
        .host(&world.host("3000"))
        .header("Cookie", &format!("{COOKIE}={reader}"))
        .header("Sec-Fetch-Site", "same-origin");
    assert_eq!(world.send(&post).await.kind(), "forbidden");
    world.table.end(world.login, false);
    assert_eq!(world.send(&at("3000", &token)).await.kind(), "unauthenticated");
    assert_eq!(world.send(&at("3000", &token).navigating()).await.status, 302);
}

#[tokio::test]
async fn a_cookie_is_renewed_in_the_second_half_of_its_life() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let ask = world.visit(3000, "GET", "/");
    assert_eq!(cookie_of(&world.send(&ask).await), None);
    world.clock.advance_s(APP_LIFE_S / 2 + 1);
    let renewed = cookie_of(&world.send(&ask).await).unwrap();
    world.clock.advance_s(APP_LIFE_S / 2);
    assert_eq!(world.send(&ask).await.kind(), "unauthenticated", "the old one has expired");
    let pair = renewed.split(';').next().unwrap().to_owned();
    assert_eq!(world.send(&Ask::get("/").host(&world.host("3000")).header("Cookie", &pair)).await.status, 200);
}

#[tokio::test]
async fn leaving_clears_the_cookie_and_only_own_pages_make_one_leave() {
    let world = World::start().await;
    let host = world.host("3000");
    let leave = || Ask::new("POST", "/.coditect/leave").host(&host);
    let left = world.send(&leave().header("Sec-Fetch-Site", "same-origin")).await;
    assert_eq!(left.status, 204);
    assert!(cookie_of(&left).unwrap().contains("Max-Age=0"));
    assert_eq!(world.send(&leave().header("Origin", "http://evil.example")).await.kind(), "forbidden");
    assert_eq!(world.send(&Ask::get("/.coditect/leave").host(&host)).await.kind(), "method_not_allowed");
    for path in ["/.coditect", "/.coditect/", "/.coditect/other"] {
        assert_eq!(world.send(&world.visit(3000, "GET", path)).await.kind(), "not_found", "{path}");
    }
}

/// Vulnerability 4: cross-site requests, also between workspaces of one site.
#[tokio::test]
async fn other_pages_cannot_use_a_visitors_cookie() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let other = format!("http://3000--{}.coditect.localhost:8080", WorkspaceId::from_bytes([8; 16]).label());
    for origin in [other.as_str(), ORIGIN, "null", "https://evil.example"] {
        let post = world.visit(3000, "POST", "/").header("Origin", origin).navigating();
        assert_eq!(world.send(&post).await.status, 403, "{origin}");
    }
    let image = world.visit(3000, "GET", "/").header("Sec-Fetch-Site", "same-site").header("Sec-Fetch-Mode", "no-cors");
    assert_eq!(world.send(&image).await.kind(), "forbidden");
    assert_eq!(world.send(&world.visit(3000, "POST", "/")).await.kind(), "forbidden", "no origin at all");
    let link = world.visit(3000, "GET", "/").header("Sec-Fetch-Site", "cross-site").navigating();
    assert_eq!(world.send(&link).await.status, 200, "a link may be followed");
    let sibling = format!("http://{}", world.host("8000"));
    assert_eq!(world.send(&world.visit(3000, "POST", "/").header("Origin", &sibling)).await.status, 200);
}
