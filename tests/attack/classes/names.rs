//! Names and addresses that mean two things: classes 5, 6, 10 and 14.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::front::Ask;
use super::installation::Canary;
use super::person::Stage;

/// Class 5 (Coder, JupyterHub CVE-2026-33709): a link to the platform that ends somewhere else.
#[test]
fn class_05_no_redirect_leads_elsewhere() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    bob.serve_app(his, 4000);
    let (cookies, site) = (bob.browser(), front.site(4000, &his.label));
    let places = [
        "//evil.example",
        "///evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "\\\\evil.example",
        "/%09/evil.example",
        "%2F%2Fevil.example",
        "https:%2F%2Fevil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "%00//evil.example",
        "/%0d%0aLocation:%20//evil.example",
        "@evil.example",
        ".evil.example",
        ":80@evil.example/",
    ];
    let own = [format!("{}/", front.origin()), format!("http://{site}/")];
    let leads_home = |location: &str| {
        location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\")
            || own.iter().any(|own| location.starts_with(own.as_str()))
    };
    for place in places {
        let enter = format!("/api/v5/enter?workspace={}&port=4000&path={place}", his.label);
        let ticket = bob.ticket(his, 4000).split("&path=").next().unwrap().to_owned();
        for (host, target) in [
            (front.authority(), enter),
            (front.authority(), place.to_owned()),
            (format!("localhost:{}", front.port), place.to_owned()),
            (format!("127.0.0.1:{}", front.port), format!("/{place}")),
            (front.authority(), format!("/login?next={place}")),
            (site.clone(), format!("{ticket}&path={place}")),
            (site.clone(), format!("/.coditect/enter?ticket=x&path={place}")),
            (site.clone(), place.to_owned()),
        ] {
            let ask = Ask::get(&target).host(&host).header("cookie", &cookies).header("accept", "text/html");
            let reply = front.ask(&ask.header("sec-fetch-mode", "navigate"));
            for location in reply.all("location") {
                assert!(leads_home(location), "{host} {target} leads to {location}");
                assert!(!location.contains(['\r', '\n']), "{location}");
            }
            assert!(reply.header("refresh").is_none());
        }
    }
    // Where it should lead, it leads.
    let enter = format!("/api/v5/enter?workspace={}&port=4000&path=%2Fa%3Fb%3D1", his.label);
    let sent = front.ask(&Ask::get(&enter).header("cookie", &cookies)).expect(303);
    let target = sent.header("location").unwrap().strip_prefix(&format!("http://{site}")).unwrap().to_owned();
    let entered = front.ask(&Ask::get(&target).host(&site)).expect(303);
    assert_eq!(entered.header("location"), Some("/a?b=1"));
    stage.bob_is_well();
}

/// Class 6 (code-server CVE-2025-47269): the address of a port read in two ways, so that another target is reached.
#[test]
fn class_06_a_port_of_a_workspace_is_that_port_of_that_workspace() {
    let stage = Stage::new();
    let (front, eve, hers, his) = (stage.front(), &stage.eve, &stage.hers, &stage.his);
    eve.serve_app(hers, 4000);
    stage.bob.serve_app(his, 4000);
    // What listens on the machine itself, on every address of it: nobody may get here from a workspace's name.
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let host_port = listener.local_addr().unwrap().port();
    let reached = Arc::new(AtomicUsize::new(0));
    let counter = reached.clone();
    std::thread::spawn(move || {
        while listener.accept().is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let grant = eve.grant(hers);
    let raw = |target: &str, host: &str| {
        let head =
            format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nx-coditect-grant: {grant}\r\nconnection: close\r\n\r\n");
        front.raw(head.as_bytes())
    };
    let own = front.site(4000, &hers.label);
    assert!(raw("/", &own).expect(200).text().contains("An app of the workspace"), "the right way works");

    // A target beside the name: another host, a user part, a port that is none.
    for target in [
        format!("http://127.0.0.1:{host_port}/"),
        format!("http://{}/", front.site(4000, &his.label)),
        "http://evil.example/".to_owned(),
        format!("//127.0.0.1:{host_port}/"),
        format!("@127.0.0.1:{host_port}/"),
        format!("test@127.0.0.1:{host_port}/"),
        format!("/proxy/test@127.0.0.1:{host_port}/"),
        "*".to_owned(),
    ] {
        let reply = raw(&target, &own);
        assert!(reply.status >= 400 || reply.text().contains("An app of the workspace"), "{target}: {}", reply.text());
    }
    for place in [
        "0",
        "65536",
        "04000",
        "+4000",
        "-1",
        "4000.0",
        "0x50",
        "4000@evil",
        "4000%40evil",
        "127.0.0.1",
        "localhost",
        "files2",
        "",
        "agent",
        "unix",
        "4000--4000",
        "4000-",
        "４０００",
    ] {
        let reply = raw("/headers", &format!("{place}--{}.{}", hers.label, front.authority()));
        assert!([400, 404, 421].contains(&reply.status), "{place}: {}", reply.status);
    }
    for host in [
        format!("user@{own}"),
        format!("{own}, {}", front.site(4000, &his.label)),
        format!("{own}\r\nhost: {}", front.site(4000, &his.label)),
        format!("{own}#@{}", front.site(4000, &his.label)),
        format!("127.0.0.1:{host_port}"),
        format!("4000--{}.evil.{}", hers.label, front.authority()),
    ] {
        raw("/headers", &host).refused(&[400, 421], &host);
    }
    // A port on which nothing listens inside is not the machine's port of that number, nor the server's own.
    for port in [host_port, front.port, 22, 53] {
        raw("/", &front.site(port, &hers.label)).refused(&[502], &format!("port {port}"));
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0, "something of the machine itself was reached");
    // The neighbour's port needs the neighbour's right, whatever else the request claims.
    for claim in ["x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url", "x-coditect-workspace"] {
        let ask = Ask::get("/headers").host(&front.site(4000, &his.label)).header("x-coditect-grant", &grant);
        front.ask(&ask.header(claim, &own)).refused(&[403], claim);
    }
    // What an app gets says where it came from, not what the client claims.
    let ask = Ask::get("/headers").host(&own).header("x-coditect-grant", &grant).header("x-forwarded-for", "6.6.6.6");
    let seen = front.ask(&ask.header("x-forwarded-host", "evil.example").header("x-real-ip", "6.6.6.6")).expect(200);
    assert!(!seen.text().contains("6.6.6.6") && !seen.text().contains("evil.example"), "{}", seen.text());
    stage.bob_is_well();
}

/// Class 10 (a dotfiles address run by a shell): what people are called and call things reaches no shell.
#[test]
fn class_10_names_reach_no_shell() {
    let stage = Stage::new();
    let (front, eve, hers) = (stage.front(), &stage.eve, &stage.hers);
    let canary = Canary::new();
    let host_file = canary.dir.path().join("pwned").display().to_string();
    let made = |place: &str| format!("touch {place}");
    let mut tried = 0;
    for place in [host_file.as_str(), "/workspace/pwned", "/tmp/pwned"] {
        let command = made(place);
        for name in [
            format!("$({command})"),
            format!("`{command}`"),
            format!("x; {command}"),
            format!("x && {command} #"),
            format!("x | {command}"),
            format!("'; {command}; '"),
            format!("\"; {command}; \""),
            "--help".to_owned(),
            "-rf".to_owned(),
            "--config=/etc/passwd".to_owned(),
            "../../../etc".to_owned(),
            "${IFS}".to_owned(),
            "%n%s".to_owned(),
        ] {
            let body = json!({ "name": name, "start": tried % 9 == 0 });
            let reply = eve.call("POST", "/workspaces?wait_ms=30000", Some(body));
            // Names are words: kept as they are, or refused in words.
            assert!([201, 409, 422].contains(&reply.status), "{name}: {} {}", reply.status, reply.text());
            if reply.status == 201 {
                let made = reply.json();
                assert_eq!(made["name"], name.as_str());
                let id = made["id"].as_str().unwrap();
                if made["state"] == "running" {
                    let workspace = super::person::Workspace {
                        id: id.to_owned(),
                        label: made["label"].as_str().unwrap().to_owned(),
                    };
                    // The machine's name is made from the id, and no process knows the workspace's.
                    let seen = eve.sh(&workspace, "hostname; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '; ls -A /workspace /tmp");
                    assert!(seen.starts_with("ws-"), "{seen}");
                    assert!(!seen.contains(&command.replace(' ', "\0")) && !seen.contains("pwned"), "{seen}");
                }
                eve.call("DELETE", &format!("/workspaces/{id}"), None).expect(202);
            }
            let body = json!({ "name": name });
            let reply = eve.call("PATCH", &format!("/users/{}", eve.id), Some(body));
            assert!([200, 422].contains(&reply.status), "{name}: {}", reply.text());
            let email = format!("{}@example.com", name.replace(' ', "${IFS}"));
            let made = stage.at.cli(&["user", "add", "--name", &name, "--", &email]);
            assert!(matches!(made.status.code(), Some(0 | 2 | 3 | 5 | 6)), "{email}: {made:?}");
            tried += 1;
        }
    }
    // A command is its words; a shell comes in only when it is one of them.
    let ran = eve.exec(hers, &["printf", "%s|", "$(touch /workspace/pwned)", "`id`", "; id", "*"], b"");
    assert_eq!(ran.out, "$(touch /workspace/pwned)|`id`|; id|*|");
    // Files may be called anything.
    for name in ["$(touch pwned)", "; touch pwned", "-rf", "a\nb", "`id`"] {
        let path = format!("/workspace/{name}");
        eve.agent(hers, "POST", "/files/create", Some(json!({ "path": path }))).expect(201);
        eve.agent(hers, "POST", "/files/delete", Some(json!({ "path": path }))).expect(200);
    }
    assert_eq!(eve.sh(hers, "ls /workspace /tmp | grep -c pwned || true"), "0");
    canary.assert_untouched();
    front.ask(&Ask::get("/health")).expect(200);
    stage.bob_is_well();
}

/// Class 14: routes that are meant for the platform itself, asked for from outside.
#[test]
fn class_14_internal_routes_cannot_be_reached() {
    let stage = Stage::new();
    let (front, eve, hers, his) = (stage.front(), &stage.eve, &stage.hers, &stage.his);
    let pid = stage.at.record(&hers.label)["pid"].clone();
    let (grant, cookies) = (eve.grant(hers), eve.browser());
    let label = &hers.label;
    for target in [
        format!("/w/{label}/host/shutdown"),
        format!("/w/{label}/v1/host/shutdown"),
        format!("/w/{label}/v1/../host/shutdown"),
        format!("/w/{label}/v1/%2e%2e/host/shutdown"),
        format!("/w/{label}/v1/..%2fhost%2fshutdown"),
        format!("/w/{label}/v1//host/shutdown"),
        format!("/w/{label}/v1/.;/host/shutdown"),
        format!("/w/{label}//host/shutdown"),
        format!("/w//{label}/host/shutdown"),
        format!("/w/{label}/v1/status/../../host/shutdown"),
        "/host/shutdown".to_owned(),
        "/internal/shutdown".to_owned(),
        "/debug/pprof".to_owned(),
        "/metrics".to_owned(),
        "/api/internal/hosts".to_owned(),
        "/api/v5/hosts".to_owned(),
        "/api/v5/internal".to_owned(),
        "/api/v5/../../host/shutdown".to_owned(),
        "/.coditect/enter".to_owned(),
        "/actuator/env".to_owned(),
        "/run/agent.sock".to_owned(),
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for host in [front.authority(), front.site(4000, label), front.site("files", label)] {
                let ask = Ask::new(method, &target).host(&host).header("x-coditect-grant", &grant).bearer(&grant);
                let reply = front.ask(&ask.header("cookie", &cookies).header("origin", &front.origin()));
                // The web app answers every unknown page with itself.
                let page =
                    reply.status == 200 && reply.header("content-type").is_some_and(|kind| kind.contains("html"));
                assert!(
                    reply.status >= 400 || page || reply.status == 303,
                    "{method} {host}{target}: {}",
                    reply.status
                );
                assert_ne!(reply.status, 500, "{method} {host}{target}");
            }
        }
    }
    // The files origin has downloads and nothing else.
    let files = front.site("files", label);
    for target in ["/v1/status", "/v1/exec", "/v1/terminals", "/v1/files/list?path=%2F", "/v1/files/write?path=%2Fx"] {
        for method in ["GET", "PUT", "POST"] {
            let ask = Ask::new(method, target).host(&files).header("x-coditect-grant", &grant);
            front.ask(&ask).refused(&[404, 405], target);
        }
    }
    // The agent is the same process as before: nobody has ended it.
    assert_eq!(stage.at.record(label)["pid"], pid);
    stage.eve_is_served();
    let status = front.ask(&Ask::get(&format!("/w/{label}/v1/status")).bearer(&grant)).expect(200).json();
    assert_eq!(status["workspace_id"], hers.id.as_str());
    front.ask(&Ask::get(&format!("/w/{}/v1/status", his.label)).bearer(&grant)).refused(&[403], "another's");
    stage.bob_is_well();
}
