//! `{port}--{label}.…`: what passes between a browser and an app, and what people see when nothing answers.

use std::sync::atomic::Ordering;

use coditect_api::grant::Audience;
use coditect_model::workspace::State;

use crate::harness::{Ask, COOKIE, World};
use crate::upstreams::{app, says};

#[tokio::test]
async fn an_app_sees_the_request_without_the_platforms_secrets() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let host = world.host("3000");
    let ask = world
        .visit(3000, "POST", "/a/../b//c%2f?d=e&f")
        .header("Cookie", "sid=1; __Host-coditect_access=secret; coditect_refresh=secret; theme=dark")
        .header("Origin", &format!("http://{host}"))
        .header("X-Forwarded-For", "6.6.6.6")
        .header("X-Forwarded-Host", "evil.example")
        .header("X_Forwarded_Proto", "https-forged")
        .header("Forwarded", "for=6.6.6.6")
        .header("X-Real-Ip", "6.6.6.6")
        .header("X-Coditect-User", "forged")
        .header("Authorization", "Basic dTpw")
        .header("Te", "trailers")
        .body(b"hello");
    let answer = world.send(&ask).await;
    assert_eq!(answer.status, 200);
    let seen = answer.json();
    assert_eq!(seen["target"], "/a/../b//c%2f?d=e&f", "paths are the app's own affair");
    assert_eq!(seen["body"], "hello");
    let headers = seen["headers"].to_string();
    for passed in [
        format!("[\"host\",\"{host}\"]"),
        format!("[\"x-forwarded-host\",\"{host}\"]"),
        "[\"x-forwarded-proto\",\"http\"]".to_owned(),
        "[\"x-forwarded-for\",\"127.0.0.1\"]".to_owned(),
        "[\"cookie\",\"sid=1; theme=dark\"]".to_owned(),
        "[\"authorization\",\"Basic dTpw\"]".to_owned(),
    ] {
        assert!(headers.contains(&passed), "{passed} in {headers}");
    }
    for hidden in ["coditect_", "tok.", "secret", "6.6.6.6", "evil", "forged", "trailers"] {
        assert!(!headers.contains(hidden), "{hidden} in {headers}");
    }
}

#[tokio::test]
async fn an_apps_answer_keeps_to_its_origin() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let answer = world.send(&world.visit(3000, "GET", "/")).await;
    assert_eq!(answer.all("set-cookie"), ["sid=1; Path=/"]);
    assert!(answer.all("alt-svc").is_empty() && answer.all("x-coditect-user").is_empty());
    assert!(answer.header("x-request-id").starts_with("req_"));
    // On its own origin an app decides itself.
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("content-security-policy"), "script-src *");
    assert_eq!(answer.header("location"), "https://evil.example/");
}

#[tokio::test]
async fn programs_come_with_a_grant_in_a_header() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    let host = world.host("3000");
    let grant = world.token(Audience::Workspace, None);
    let answer = world.send(&Ask::new("POST", "/").host(&host).header("X-Coditect-Grant", &grant).body(b"x")).await;
    assert_eq!(answer.json()["body"], "x");
    assert!(!answer.text().contains(&grant));
    for token in [world.token(Audience::App, Some(3000)), world.token(Audience::Control, None), "made-up".to_owned()] {
        let answer = world.send(&Ask::get("/").host(&host).header("X-Coditect-Grant", &token)).await;
        assert_eq!(answer.kind(), "unauthenticated");
    }
    world.table.set_state(world.workspace, State::Running, 2);
    let stale = world.send(&Ask::get("/").host(&host).header("X-Coditect-Grant", &grant)).await;
    assert_eq!(stale.kind(), "unauthenticated");
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_explained_and_watched() {
    let world = World::start().await;
    let page = world.send(&world.visit(3000, "GET", "/").navigating()).await;
    assert_eq!(page.status, 502);
    assert!(page.text().contains("Nothing is listening on port 3000 yet"), "{}", page.text());
    assert!(page.text().contains("http-equiv=\"refresh\" content=\"2\""));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(page.header("cache-control"), "no-store");
    let program = world.send(&world.visit(3000, "GET", "/")).await;
    assert_eq!((program.status, program.kind().as_str()), (502, "bad_gateway"));
}

#[tokio::test]
async fn a_person_wakes_a_stopped_workspace_and_a_script_does_not() {
    let world = World::start().await;
    world.serve_port(3000, app()).await;
    world.table.set_state(world.workspace, State::Stopped, 4);
    let script = world.send(&world.visit(3000, "GET", "/")).await;
    assert_eq!((script.status, script.kind().as_str()), (503, "unavailable"));
    let stranger = world.send(&Ask::get("/").host(&world.host("3000")).navigating()).await;
    assert_eq!(stranger.status, 302);
    assert_eq!(world.table.wakes.load(Ordering::SeqCst), 0);
    let page = world.send(&world.visit(3000, "GET", "/").navigating()).await;
    assert_eq!((page.status, world.table.wakes.load(Ordering::SeqCst)), (200, 1));
    assert!(
        page.all("set-cookie").iter().any(|cookie| cookie.starts_with(COOKIE)),
        "the cookie follows the generation"
    );
}

#[tokio::test]
async fn a_workspace_that_does_not_start_says_why_in_text() {
    let world = World::start().await;
    world.table.set_state(world.workspace, State::Failed, 4);
    let page = world.send(&world.visit(3000, "GET", "/").navigating()).await;
    assert_eq!(page.status, 503);
    assert!(page.text().contains("the &lt;b&gt;volume&lt;/b&gt; is full"), "{}", page.text());
}

#[tokio::test]
async fn servers_of_http_1_0_are_relayed() {
    let world = World::start().await;
    says(&world, 3000, "HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.11\r\n\r\nuntil the end").await;
    let answer = world.send(&world.visit(3000, "GET", "/")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "until the end"));
}

#[tokio::test]
async fn the_real_python_server_is_relayed() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hello.txt"), "from python").unwrap();
    let mut child = tokio::process::Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("these tests need python3");
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(crate::harness::DEADLINE, said.next_line()).await.unwrap().unwrap().unwrap();
    let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1).unwrap().parse().unwrap();
    world.sockets.ports.lock().unwrap().insert(3000, port);
    let answer = world.send(&world.visit(3000, "GET", "/hello.txt")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "from python"));
    let page = world.send(&world.visit(3000, "GET", "/").navigating()).await;
    assert!(page.text().contains("hello.txt"));
    child.kill().await.unwrap();
}

#[tokio::test]
async fn downloads_are_saved_never_shown() {
    let world = World::start().await;
    let cookie = format!("{COOKIE}={}", world.token(Audience::App, None));
    let ask = |method: &str, path: &str| Ask::new(method, path).host(&world.host("files")).header("Cookie", &cookie);
    let file = world.send(&ask("GET", "/v1/files/read?path=%2Fa.html").navigating()).await;
    assert_eq!(file.text(), "<script>alert(1)</script>");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"a.html\"");
    assert_eq!(file.header("content-type"), "application/octet-stream");
    assert!(file.header("content-security-policy").contains("sandbox"));
    for path in ["/v1/status", "/host/shutdown", "/v1/files/read/../../../host/shutdown", "/", "/v1/files/%72ead"] {
        assert_eq!(world.send(&ask("GET", path)).await.kind(), "not_found", "{path}");
    }
    let post = ask("POST", "/v1/files/read").header("Sec-Fetch-Site", "same-origin");
    assert_eq!(world.send(&post).await.kind(), "method_not_allowed");
    let stranger = world.send(&Ask::get("/v1/files/read?path=%2Fa").host(&world.host("files")).navigating()).await;
    assert!(!stranger.header("location").contains("port="), "{:?}", stranger.headers);
    // The cookie of a port is not the cookie of the files origin.
    let wrong = format!("{COOKIE}={}", world.token(Audience::App, Some(3000)));
    let ask = Ask::get("/v1/files/read").host(&world.host("files")).header("Cookie", &wrong);
    assert_eq!(world.send(&ask).await.kind(), "unauthenticated");
}
