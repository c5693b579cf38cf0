//! What a visitor's browser can be made to do: classes 1, 2, 4 and 16.

use serde_json::{Value, json};

use super::front::{Ask, Reply};
use super::person::{Stage, read_or_closed};

/// Class 1 (JupyterHub): a page made by a tenant, shown on the control origin, would act as whoever looks at it.
#[test]
fn class_01_workspace_content_never_has_the_control_origin() {
    let stage = Stage::new();
    let (front, eve, hers) = (stage.front(), &stage.eve, &stage.hers);
    eve.sh(hers, "echo '<script>steal()</script>' > /workspace/evil.html; cp /workspace/evil.html /workspace/evil.svg");
    eve.serve_app(hers, 4000);
    let victim = stage.bob.browser();

    // A navigation, picture, script or frame of a browser that is logged in: no cookie opens an agent.
    for file in ["evil.html", "evil.svg"] {
        let target = format!("/w/{}/v1/files/read?path=%2Fworkspace%2F{file}", hers.label);
        for (mode, dest) in
            [("navigate", "document"), ("no-cors", "script"), ("no-cors", "image"), ("navigate", "iframe")]
        {
            for cookies in [&victim, &eve.browser()] {
                let ask = Ask::get(&target).header("cookie", cookies);
                let ask = ask.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
                let reply = front.ask(&ask).refused(&[401], &target);
                assert!(!reply.text().contains("steal"), "{}", reply.text());
            }
        }
        // Whoever may read it gets it as something no browser runs.
        let reply = front.ask(&Ask::get(&target).bearer(&eve.grant(hers))).expect(200);
        assert!(reply.text().contains("steal"), "the right way works");
        inert(&reply);
        // On the files origin it is saved, not shown.
        let target = format!("/v1/files/read?path=%2Fworkspace%2F{file}");
        let host = front.site("files", &hers.label);
        let reply = front.ask(&Ask::get(&target).host(&host).header("x-coditect-grant", &eve.grant(hers))).expect(200);
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        assert!(reply.header("content-disposition").unwrap().starts_with("attachment"));
    }

    // An app has an origin of its own; what it says of cookies stays there, what is the platform's it cannot say.
    let app = front.site(4000, &hers.label);
    let granted = |path: &str| Ask::get(path).host(&app).header("x-coditect-grant", &eve.grant(hers));
    let page = front.ask(&granted("/")).expect(200);
    assert!(page.text().contains("An app of the workspace"));
    let tossed = front.ask(&granted("/toss")).expect(200);
    assert_eq!(tossed.all("set-cookie"), ["wide=1; Path=/", "own=1; Path=/"]);
    // The same page under the control origin's names, or another workspace's.
    for host in [front.authority(), format!("localhost:{}", front.port), front.site(4000, &stage.his.label)] {
        let reply = front.ask(&Ask::get("/").host(&host).header("x-coditect-grant", &eve.grant(hers)));
        assert!(!reply.text().contains("An app of the workspace"), "{host}");
    }
    stage.bob_is_well();
}

#[track_caller]
fn inert(reply: &Reply) {
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(!policy.contains("allow-"), "{policy}");
    assert_eq!(reply.header("set-cookie"), None);
}

/// Class 2 (Gitpod CVE-2023-0957): browsers open WebSockets across origins and send cookies along.
#[test]
fn class_02_no_other_page_opens_a_websocket() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    bob.serve_app(his, 4000);
    let (grant, cookies, app_cookie) = (bob.grant(his), bob.browser(), bob.app_cookie(his, 4000));
    let offer = format!("coditect.v1, grant.{grant}");
    let foreign = [
        "null".to_owned(),
        "https://evil.example".to_owned(),
        format!("{}.evil.example", front.origin()),
        front.origin().replace("http:", "https:"),
        format!("http://{}", front.site(4000, &his.label)),
        format!("http://{}", front.site(4000, &stage.hers.label)),
        String::new(),
    ];
    for stream in ["events", "exec", "terminals/term_x/attach"] {
        let open = Ask::get(&format!("/w/{}/v1/{stream}", his.label)).websocket();
        // The cookies of the person who is lured, and even a grant, from every page but our own.
        for origin in &foreign {
            let lured = open.clone().header("cookie", &cookies).header("origin", origin);
            front.ask(&lured).refused(&[401, 403], origin);
            let with_grant = lured.header("sec-websocket-protocol", &offer);
            front.ask(&with_grant).refused(&[403], origin);
        }
        let silent = open.clone().header("cookie", &cookies).header("sec-websocket-protocol", &offer);
        front.ask(&silent).refused(&[403], "without an origin");
        front.ask(&open.header("cookie", &cookies).header("origin", &front.origin())).refused(&[401], "cookies alone");
    }
    let own = Ask::get(&format!("/w/{}/v1/events", his.label)).websocket().header("sec-websocket-protocol", &offer);
    front.ask(&own.header("origin", &front.origin())).expect(101);

    // The WebSocket of an app: the cookie and a page of the same workspace.
    let app = Ask::get("/echo").host(&front.site(4000, &his.label)).websocket().header("cookie", &app_cookie);
    for origin in foreign.iter().filter(|origin| !origin.ends_with(&front.site(4000, &his.label))) {
        front.ask(&app.clone().header("origin", origin)).refused(&[403], origin);
    }
    front.ask(&app.clone()).refused(&[403], "no origin");
    front.ask(&app.clone().header("sec-fetch-site", "same-site")).refused(&[403], "a neighbour's page");
    front.ask(&app.header("origin", &format!("http://{}", front.site(4000, &his.label)))).expect(101);
    let mut events = bob.stream(his, "/events");
    assert!(read_or_closed(&mut events).is_some(), "the stream that was opened rightly speaks");
}

/// What an account can see of its own things.
fn state(stage: &Stage) -> Vec<Value> {
    let lists = ["/workspaces", "/sessions", "/invitations", "/users", "/auth/me"];
    let mut seen: Vec<Value> = lists.iter().map(|path| stage.bob.call("GET", path, None).expect(200).json()).collect();
    // What a workspace uses, and when somebody was seen, moves by itself.
    strip(&mut seen);
    seen
}

fn strip(values: &mut [Value]) {
    for value in values {
        match value {
            Value::Object(map) => {
                map.retain(|name, _| {
                    !["usage", "last_login_at", "expires_at", "last_seen_at"].contains(&name.as_str())
                });
                map.values_mut().for_each(|value| strip(std::slice::from_mut(value)));
            }
            Value::Array(items) => strip(items),
            _ => {}
        }
    }
}

/// Class 4 (JupyterHub CVE-2026-40864): a foreign page makes a visitor's browser write, or a link acts.
#[test]
fn class_04_no_other_page_writes_and_no_link_acts() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    let body = json!({ "workspace_id": his.id });
    let session = bob.call("POST", "/sessions", Some(body)).expect(200).json();
    let session = session.pointer("/session/id").and_then(Value::as_str).unwrap().to_owned();
    let invitation = bob.call("POST", "/invitations", Some(json!({}))).expect(201).json();
    let cookies = bob.browser();
    let before = state(&stage);
    let document = front.ask(&Ask::get("/api/v5/openapi.json")).expect(200).json();
    let neighbour = format!("http://{}", front.site(4000, &stage.hers.label));
    let (mut reads, mut writes) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        let id = match path.split('/').nth(3) {
            Some("sessions") => session.as_str(),
            Some("users") => bob.id.as_str(),
            Some("invitations") => invitation["id"].as_str().unwrap(),
            _ => his.id.as_str(),
        };
        let target = path.replace("{id}", id);
        for method in item.as_object().unwrap().keys().map(|name| name.to_uppercase()) {
            if method == "GET" {
                // Links: followed by a person, a picture, a prefetch; and dressed up as something else.
                for (mode, dest) in [("navigate", "document"), ("no-cors", "image"), ("cors", "empty")] {
                    let ask = Ask::get(&target).header("cookie", &cookies).header("sec-fetch-site", "same-site");
                    let ask = ask.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest);
                    for disguise in ["x-http-method-override", "x-method-override", "x-http-method"] {
                        front.ask(&ask.clone().header(disguise, "DELETE").header("origin", &neighbour));
                    }
                    front.ask(&Ask::new("HEAD", &target).header("cookie", &cookies));
                }
                front.ask(&Ask::get(&format!("{target}?_method=DELETE")).header("cookie", &cookies));
                reads += 1;
                continue;
            }
            writes += 1;
            // The page a person is lured to: a form, a fetch without CORS, a script that knows the API.
            for (origin, site, mode) in [
                ("https://evil.example", "cross-site", "no-cors"),
                (neighbour.as_str(), "same-site", "no-cors"),
                (neighbour.as_str(), "same-site", "cors"),
                ("null", "cross-site", "navigate"),
            ] {
                for (kind, body) in [
                    ("application/json", json!({ "delivery": "cookie", "name": "x" }).to_string()),
                    ("text/plain", json!({ "delivery": "cookie", "name": "x" }).to_string()),
                    ("application/x-www-form-urlencoded", "name=x&_method=DELETE".to_owned()),
                ] {
                    let ask = Ask::new(&method, &target).header("cookie", &cookies).header("origin", origin);
                    let ask = ask.header("sec-fetch-site", site).header("sec-fetch-mode", mode);
                    let reply = front.ask(&ask.header("content-type", kind).body(body));
                    let reply = reply.refused(&[400, 401, 403, 415], &format!("{method} {target} from {origin}"));
                    assert_eq!(reply.header("access-control-allow-origin"), None, "{target}");
                    assert!(reply.all("set-cookie").is_empty(), "{method} {target}");
                }
                let asked = Ask::new("OPTIONS", &target).header("origin", origin);
                let asked = front.ask(&asked.header("access-control-request-method", &method));
                assert_eq!(asked.header("access-control-allow-origin"), None, "{target} answers a preflight");
            }
            front.ask(&Ask::new(&method, &target).header("cookie", &cookies)).refused(&[400, 401, 403, 415], &target);
        }
    }
    assert!(reads >= 14 && writes >= 20, "the document was walked: {reads} {writes}");
    assert_eq!(state(&stage), before, "nothing of all this did anything");
    // Our own page does what it is asked.
    let rename = Ask::new("PATCH", &format!("/api/v5/workspaces/{}", his.id)).json(&json!({ "name": "mine" }));
    let own =
        rename.header("cookie", &cookies).header("origin", &front.origin()).header("sec-fetch-site", "same-origin");
    assert_eq!(front.ask(&own).expect(200).json()["name"], "mine");

    // An app's cookie: the neighbour's page is of the same site, and still not of the same origin.
    bob.serve_app(his, 4000);
    let cookie = bob.app_cookie(his, 4000);
    let write = Ask::post("/form").host(&front.site(4000, &his.label)).header("cookie", &cookie).body("a=b");
    for origin in [neighbour.as_str(), "null", "https://evil.example", &front.origin()] {
        front.ask(&write.clone().header("origin", origin)).refused(&[403], origin);
    }
    let unsaid = write.clone().header("sec-fetch-site", "same-site").header("sec-fetch-mode", "no-cors");
    front.ask(&unsaid).refused(&[403], "no-cors");
    let embedded = Ask::get("/headers").host(&front.site(4000, &his.label)).header("cookie", &cookie);
    let embedded = embedded.header("sec-fetch-site", "same-site").header("sec-fetch-mode", "no-cors");
    front.ask(&embedded.header("referer", &format!("{neighbour}/"))).refused(&[403], "embedded by a neighbour");
    let own = write.header("origin", &format!("http://{}", front.site(4000, &his.label)));
    assert_eq!(front.ask(&own).expect(200).json()["bytes"], 3);
}

/// Class 16: an extension, a dependency's install script or an AI tool runs as the user in the workspace. It has the
/// user's files; it must not get the user's account, the platform, or anybody else.
#[test]
fn class_16_what_runs_in_a_workspace_has_that_workspace_and_nothing_more() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    bob.serve_app(his, 4000);
    let grant = bob.grant(his);

    // No credential lies around: environment, files, command lines, the agent's memory and descriptors.
    let found = bob.sh(
        his,
        "{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/mountinfo 2>/dev/null | tr '\\0' '\\n'; \
         grep -rIs . /home/dev /tmp /run /etc/coditect* 2>/dev/null | head -c 200000; } \
         | grep -aEi '[e]yJ[A-Za-z0-9_-]{20}|[c]dop_|[c]dr_|[B]EGIN .*PRIVATE|[s]ecret=|[p]assword=|_[t]oken=' || true",
    );
    assert_eq!(found, "", "a credential lies in the workspace");
    for path in ["/proc/1/mem", "/proc/1/environ", "/proc/1/fd", "/proc/1/root", "/proc/1/cwd", "/proc/1/maps"] {
        let ran = bob.try_sh(his, &format!("if [ -d {path} ]; then ls -A {path}/; else head -c 1 {path}; fi"));
        assert_ne!(ran.code, 0, "{path} of the agent can be read: {}", ran.out);
    }
    // The agent's sockets have no place inside: what the kernel's table calls them leads nowhere.
    let named = bob.sh(
        his,
        "find / -xdev -name '*.sock' 2>/dev/null || true; \
         for path in $(awk 'NR > 1 && $8 ~ /^\\// { print $8 }' /proc/net/unix); do test -e $path && echo $path; done; true",
    );
    assert_eq!(named, "", "a socket that nobody inside made can be reached");
    // Its grants are handed to nobody: what an app gets of a request holds none of the platform's credentials.
    let host = front.site(4000, &his.label);
    let cookie = format!("{}; {}; mine=1", bob.app_cookie(his, 4000), bob.browser());
    let ask = Ask::get("/headers").host(&host).header("x-coditect-grant", &grant).header("cookie", &cookie);
    let seen = front.ask(&ask.header("x_coditect_grant", &grant).header("x-request-id", "forged")).expect(200).text();
    assert!(seen.contains("mine=1"), "{seen}");
    for secret in ["eyJ", "__Host-coditect", "x-coditect", "x_coditect", "forged"] {
        assert!(!seen.contains(secret), "an app sees {secret}: {seen}");
    }

    // A page served from its port, in the browser of its own user: cannot read or use the API.
    let cookies = format!("{}; {}", bob.browser(), bob.app_cookie(his, 4000));
    let page = format!("http://{host}");
    for (method, target, body) in [
        ("POST", "/api/v5/workspaces".to_owned(), json!({ "name": "x" })),
        ("DELETE", format!("/api/v5/workspaces/{}", his.id), json!({})),
        ("POST", format!("/api/v5/workspaces/{}/grant", his.id), json!({})),
        ("POST", "/api/v5/auth/password".to_owned(), json!({ "current": super::person::PASSWORD, "new": "x" })),
        ("POST", "/api/v5/auth/refresh".to_owned(), json!({})),
    ] {
        let ask = Ask::new(method, &target).header("cookie", &cookies).header("origin", &page).json(&body);
        front.ask(&ask.header("sec-fetch-site", "same-site")).refused(&[401, 403], &target);
    }
    let read = Ask::get("/api/v5/auth/me").header("cookie", &cookies).header("origin", &page);
    let read = front.ask(&read.header("sec-fetch-site", "same-site").header("sec-fetch-mode", "cors"));
    assert_eq!(read.header("access-control-allow-origin"), None, "its script cannot read the answer");
    let app_page =
        front.ask(&Ask::get("/").header("sec-fetch-mode", "navigate").header("cookie", &cookies)).expect(200);
    assert!(app_page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"), "cannot be framed");
    // The cookie of a port is worth nothing on the control origin, on another port, in another workspace.
    let app_cookie = bob.app_cookie(his, 4000);
    front.ask(&Ask::get("/api/v5/auth/me").header("cookie", &app_cookie)).refused(&[401], "control");
    let token = app_cookie.split_once('=').unwrap().1;
    front.ask(&Ask::get("/api/v5/auth/me").bearer(token)).refused(&[401], "as a bearer");
    front.ask(&Ask::get(&format!("/w/{}/v1/status", his.label)).bearer(token)).refused(&[401], "the agent");
    for host in [front.site(4001, &his.label), front.site(4000, &stage.hers.label), front.site("files", &his.label)] {
        let reply = front.ask(&Ask::get("/").host(&host).header("cookie", &app_cookie));
        assert!([302, 303, 401].contains(&reply.status), "{host}: {}", reply.status);
    }
    front.ask(&Ask::get("/").host(&host).header("cookie", &app_cookie)).expect(200);
    assert!(bob.try_sh(his, "grep -rIs bobs-secret /workspace/kept").out.contains("bobs-secret"), "its own is its own");
}
