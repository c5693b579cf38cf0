//! Who may do what: classes 3, 8 and 9.

use std::collections::BTreeSet;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::front::{Ask, until};
use super::person::{PASSWORD, Person, Stage, Workspace};

/// Inodes of the sockets that a process has open.
fn sockets_of(pid: i64) -> BTreeSet<u64> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter_map(|path| path.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

/// Lines of one of the kernel's tables of sockets, as a process sees its network, that belong to these inodes.
fn table(pid: i64, name: &str, column: usize, inodes: Option<&BTreeSet<u64>>) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let lines = text.lines().skip(1).map(|line| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines
        .filter(|line| {
            let inode = line.get(column).and_then(|inode| inode.parse().ok());
            inodes.is_none_or(|inodes| inode.is_some_and(|inode| inodes.contains(&inode)))
        })
        .collect()
}

/// Processes of the server: itself and its helpers, which share its network.
fn family(server: Pid) -> Vec<i64> {
    let parent = |pid: i64| -> Option<i64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    let server = i64::from(server.as_raw_nonzero().get());
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
    let mut family: Vec<i64> = pids.filter(|&pid| parent(pid) == Some(server)).collect();
    family.push(server);
    family
}

/// Class 3 (Che CVE-2025-12548, jupyter-server-proxy CVE-2024-28179): a way in that nobody put a lock on.
#[test]
fn class_03_there_is_one_way_in_and_it_asks_who_comes() {
    let stage = Stage::new();
    let (front, eve, hers) = (stage.front(), &stage.eve, &stage.hers);
    eve.serve_app(hers, 4000);
    // Every route of an agent, as a request and as a WebSocket, without a right: none says anything about the workspace.
    let routes = [
        "status",
        "events",
        "exec",
        "terminals",
        "terminals/term_x/attach",
        "files/list?path=%2F",
        "files/write?path=%2Fx",
        "files/read?path=%2Fetc%2Fpasswd",
        "files/archive?path=%2Fworkspace",
        "trash",
        "search/names?q=x",
        "trash/empty",
    ];
    for route in routes {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let ask = Ask::new(method, &format!("/w/{}/v1/{route}", hers.label));
            front.ask(&ask).refused(&[401], route);
            front
                .ask(&ask.header("authorization", "Bearer null").header("x-coditect-grant", "x"))
                .refused(&[401], route);
        }
        let stream = Ask::get(&format!("/w/{}/v1/{route}", hers.label)).websocket();
        front.ask(&stream.clone()).refused(&[403], route);
        front.ask(&stream.clone().header("origin", &front.origin())).refused(&[401], route);
        front.ask(&stream.header("upgrade", "h2c")).refused(&[400, 401, 403], route);
    }
    // Every origin of the workspace.
    for place in ["4000", "files", "22", "65535"] {
        let host = front.site(place, &hers.label);
        for ask in [Ask::get("/"), Ask::get("/echo").websocket(), Ask::post("/"), Ask::get("/v1/files/read?path=%2F")] {
            let reply = front.ask(&ask.host(&host));
            assert!([303, 401, 403].contains(&reply.status), "{host}: {}", reply.status);
            assert!(!reply.text().contains("An app of the workspace"), "{host}");
        }
    }
    // Nothing of the API but what everybody may know.
    let document = front.ask(&Ask::get("/api/v5/openapi.json")).expect(200).json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let known = ["/health", "/.well-known/", "/api/v5/openapi.json", "/api/v5/auth/logout", "/api/v5/enter"];
            let open = operation["security"] == json!([{}]) || known.iter().any(|known| path.starts_with(known));
            if !open {
                let ask = Ask::new(&method.to_uppercase(), &path.replace("{id}", &hers.id));
                front.ask(&ask).refused(&[401], path);
            }
        }
    }

    // What listens: on the machine the addresses it was told to, and nothing else.
    let mut listening = BTreeSet::new();
    for pid in family(stage.at.pid()) {
        let inodes = sockets_of(pid);
        for (name, state) in [("tcp", Some("0A")), ("tcp6", Some("0A")), ("udp", None), ("udp6", None), ("raw", None)] {
            for line in table(pid, name, 9, Some(&inodes)) {
                if state.is_none_or(|state| line[3] == state) {
                    listening.insert(format!("{name} {}", line[1]));
                }
            }
        }
        assert!(table(pid, "packet", 8, Some(&inodes)).is_empty(), "a packet socket is open");
        for line in table(pid, "unix", 6, Some(&inodes)) {
            let Some(path) = line.get(7) else { continue };
            assert!(Path::new(path).starts_with(stage.at.data_dir()), "{path} lies where others may come");
        }
    }
    let port = format!("{:04X}", front.port);
    let expected = [format!("tcp 0100007F:{port}"), format!("tcp6 00000000000000000000000001000000:{port}")];
    // And where workspaces look names up, on the address that only they have a way to.
    let routes = table(stage.at.record(&hers.label)["pid"].as_i64().unwrap(), "route", 0, None);
    let gateways: Vec<&str> =
        routes.iter().map(|line| line[2].as_str()).filter(|gateway| *gateway != "00000000").collect();
    let lookup = |found: &str| gateways.iter().any(|gateway| found.contains(&format!(" {gateway}:")));
    let others: Vec<&String> = listening.iter().filter(|found| !expected.contains(found) && !lookup(found)).collect();
    assert!(others.is_empty(), "also listening: {others:?}");
    assert!(listening.contains(&expected[0]), "{listening:?}");
    // In a workspace nothing listens but what its user started.
    let pid = stage.at.record(&hers.label)["pid"].as_i64().unwrap();
    let inside: Vec<String> = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"]
        .iter()
        .flat_map(|name| table(pid, name, 9, None).into_iter().map(move |line| (name, line)))
        .filter(|(name, line)| !name.starts_with("tcp") || line[3] == "0A")
        .map(|(name, line)| format!("{name} {}", line[1]))
        .collect();
    assert_eq!(inside, ["tcp 0100007F:0FA0"], "4000 is her own");

    let host = front.site(4000, &hers.label);
    front.ask(&Ask::get("/").host(&host).header("x-coditect-grant", &eve.grant(hers))).expect(200);
    stage.bob_is_well();
}

/// The three parts of a token.
fn parts(token: &str) -> (Value, Value, Vec<u8>) {
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    (serde_json::from_slice(&parts[0]).unwrap(), serde_json::from_slice(&parts[1]).unwrap(), parts[2].clone())
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn with(value: &Value, changes: &Value) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

/// Tokens that claim what they were not signed for, by every way around the signature.
pub(crate) fn forgeries(genuine: &str, change: &Value) -> Vec<String> {
    use ed25519_dalek::Signer as _;
    let (header, claims, signature) = parts(genuine);
    let changed = with(&claims, change);
    let encoded = URL_SAFE_NO_PAD.encode(&signature);
    let mut flipped = signature.clone();
    flipped[7] ^= 1;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let own = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let signed = |header: &Value, claims: &Value| {
        let text = unsigned(header, claims);
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()))
    };
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": own });
    vec![
        format!("{}.{encoded}", unsigned(&header, &changed)),
        format!("{}.{}", unsigned(&header, &claims), URL_SAFE_NO_PAD.encode(&flipped)),
        format!("{}.", unsigned(&header, &claims)),
        format!("{}.", unsigned(&with(&header, &json!({ "alg": "none" })), &changed)),
        format!("{}.{encoded}", unsigned(&with(&header, &json!({ "alg": "HS256" })), &changed)),
        // Signed by somebody else: under our key's name, under none, with a key of its own.
        signed(&header, &changed),
        signed(&header, &claims),
        signed(&with(&header, &json!({ "jwk": jwk })), &changed),
        signed(&with(&header, &json!({ "kid": "mine", "jku": "https://evil.example/jwks.json" })), &changed),
        signed(&with(&header, &json!({ "kid": "../../../dev/null" })), &changed),
        signed(&json!({ "alg": "EdDSA", "typ": "JWT" }), &changed),
        format!("{genuine}."),
        format!("{genuine}.{encoded}"),
        "..".to_owned(),
        String::new(),
    ]
}

/// Runs a shell command as a user of the machine who is nobody to the platform.
fn as_a_stranger(script: &str) -> (bool, String) {
    let words = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "/bin/sh", "-c", script];
    let output = Command::new("setpriv").args(words).stdin(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Class 8 (Coder CVE-2026-46354): something takes itself for a host or an agent, and is believed.
#[test]
fn class_08_an_agent_is_who_the_host_made_and_a_right_is_what_was_signed() {
    let mut stage = Stage::new();
    let front = stage.front();
    // The places where agents are reached belong to the server's user alone: all the way, and with what lies there.
    let data = stage.at.data_dir().to_owned();
    let run = data.join("run").join(&stage.his.label);
    for dir in [data.clone(), data.join("run"), run.clone(), data.join("host"), data.join("store")] {
        let meta = std::fs::metadata(&dir).unwrap();
        assert_eq!((meta.mode() & 0o777, meta.uid()), (0o700, 0), "{}", dir.display());
    }
    let agent = run.join("agent.sock");
    assert!(std::fs::metadata(&agent).unwrap().file_type().is_socket());
    // Somebody else on the machine: can neither ask an agent, nor put himself in its place, nor write a record.
    for script in [
        format!("ls {}", data.display()),
        format!("cat {}/operator.token", data.display()),
        format!("cat {}/sandbox.json", run.display()),
        format!("rm -f {0}; test ! -e {0}", agent.display()),
        format!("mkdir {}/run/forged", data.display()),
        format!("python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{}\")'", agent.display()),
        format!("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{}/x.sock\")'", run.display()),
    ] {
        let (done, said) = as_a_stranger(&script);
        assert!(!done || said.contains("denied"), "{script}: {said}");
    }
    assert!(as_a_stranger("true").0, "a stranger can run programs");
    assert!(agent.exists());
    // A tenant: none of these places exists where they look.
    let seen = stage.eve.try_sh(
        &stage.hers,
        &format!("ls -d {} {} 2>&1; find / -name sandbox.json 2>/dev/null", data.display(), agent.display()),
    );
    assert!(!seen.out.contains("sandbox.json") && seen.out.contains("No such file"), "{}", seen.out);

    // Rights that were never given: altered, signed by others, for other generations and workspaces.
    let genuine = stage.eve.grant(&stage.hers);
    let (_, claims, _) = parts(&genuine);
    let generation = claims["generation"].as_u64().unwrap();
    let far = claims["exp"].as_i64().unwrap() + 1_000_000;
    let app = front.site(4000, &stage.his.label);
    for change in [
        json!({ "workspace": stage.his.id }),
        json!({ "generation": generation + 1 }),
        json!({ "exp": far }),
        json!({ "workspace": stage.his.id, "sub": "operator", "exp": far }),
        json!({ "aud": "app", "port": 4000, "workspace": stage.his.id }),
    ] {
        for forged in forgeries(&genuine, &change) {
            for label in [&stage.hers.label, &stage.his.label] {
                front.ask(&Ask::get(&format!("/w/{label}/v1/status")).bearer(&forged)).refused(&[401], &forged);
            }
            let reply = front.ask(&Ask::get("/").host(&app).header("x-coditect-grant", &forged));
            reply.refused(&[401], &forged);
            let cookie = format!("__Host-coditect_app={forged}");
            front.ask(&Ask::get("/").host(&app).header("cookie", &cookie)).refused(&[303, 401], &forged);
        }
    }
    for forged in forgeries(&stage.eve.token, &json!({ "sub": stage.bob.id, "admin": true, "role": "owner" })) {
        front.ask(&Ask::get("/api/v5/users?all=true").bearer(&forged)).refused(&[401], &forged);
    }
    front.ask(&Ask::get(&format!("/w/{}/v1/status", stage.hers.label)).bearer(&genuine)).expect(200);

    // A record that names a process which is another's by now: neither taken over nor ended.
    let record = stage.at.record(&stage.hers.label);
    stage.at.end_server(Signal::KILL);
    let pid = Pid::from_raw(i32::try_from(record["pid"].as_i64().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    until("her sandbox is gone", || !Path::new(&format!("/proc/{pid}")).exists());
    let mut decoy = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let forged = with(&record, &json!({ "pid": decoy.id() }));
    let run_hers = data.join("run").join(&stage.hers.label);
    std::fs::write(run_hers.join("sandbox.json"), forged.to_string()).unwrap();
    stage.at.start_again();
    let path = format!("/workspaces/{}", stage.hers.id);
    until("it is known to have ended", || stage.eve.call("GET", &path, None).expect(200).json()["state"] == "stopped");
    assert!(decoy.try_wait().unwrap().is_none(), "a process that is not ours was ended");
    stage.bob_is_well();
    stage.eve.call("POST", &format!("{path}/start?wait_ms=30000"), None).expect(200);
    stage.eve_is_served();
    assert!(decoy.try_wait().unwrap().is_none());
    decoy.kill().unwrap();
    decoy.wait().unwrap();
    // The right of before is not the right of now.
    let stale = front.ask(&Ask::get(&format!("/w/{}/v1/status", stage.hers.label)).bearer(&genuine)).expect(401);
    assert_eq!(stale.json().pointer("/error/details/reason"), Some(&json!("stale_generation")));
}

/// Class 9: a role that reaches further than its words.
#[test]
fn class_09_a_role_reaches_as_far_as_it_says() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    // In Bob's tenant: a member. In the installation: an administrator. Beside them: Eve, an owner of another tenant.
    let code = bob.call("POST", "/invitations", Some(json!({}))).expect(201).json();
    let invitation = code["id"].as_str().unwrap().to_owned();
    let body = json!({ "email": "mel@example.com", "password": PASSWORD, "name": "mel", "invitation": code["code"] });
    let mel = front.ask(&Ask::post("/api/v5/auth/register").json(&body)).expect(201).json();
    let mel = Person {
        token: mel["access_token"].as_str().unwrap().to_owned(),
        id: mel["user"]["id"].as_str().unwrap().to_owned(),
        ..bob.clone()
    };
    let added = stage.at.cli(&["--json", "user", "add", "root@example.com", "--admin"]);
    let added: Value = serde_json::from_slice(&added.stdout).unwrap();
    let body = json!({ "email": "root@example.com", "password": added["password"] });
    let root = front.ask(&Ask::post("/api/v5/auth/login").json(&body)).expect(200).json();
    let root = Person { token: root["access_token"].as_str().unwrap().to_owned(), ..bob.clone() };
    let session = bob.call("POST", "/sessions", Some(json!({ "workspace_id": his.id }))).expect(200).json();
    let session = session.pointer("/session/id").and_then(Value::as_str).unwrap().to_owned();

    // Things of a stranger answer exactly as things that do not exist, on every route that names one.
    let document = front.ask(&Ask::get("/api/v5/openapi.json")).expect(200).json();
    let mut named = 0;
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains("{id}")) {
        let (prefix, id) = match path.split('/').nth(3) {
            Some("sessions") => ("ses", session.as_str()),
            Some("users") => ("usr", bob.id.as_str()),
            Some("invitations") => ("inv", invitation.as_str()),
            _ => ("ws", his.id.as_str()),
        };
        let absent = format!("{prefix}_{}", "0".repeat(26));
        for method in item.as_object().unwrap().keys().map(|name| name.to_uppercase()) {
            let body = match path.rsplit('/').next() {
                Some("tickets") => json!({ "port": 4000 }),
                _ if method == "PUT" => json!({ "layout_version": 0, "layout": {} }),
                Some("{id}") if method == "PATCH" => json!({ "name": "hers now" }),
                _ => json!({}),
            };
            let ask = |id: &str| {
                let path = path.strip_prefix("/api/v5").unwrap().replace("{id}", id);
                let mut answer =
                    stage.eve.call(&method, &path, (method != "GET" && method != "DELETE").then(|| body.clone()));
                answer.headers.clear();
                let mut body = answer.json();
                body["error"]["request_id"] = json!("");
                (answer.status, body)
            };
            let (foreign, missing) = (ask(id), ask(&absent));
            assert_eq!(foreign, missing, "{method} {path}");
            assert_eq!(foreign.0, 404, "{method} {path}");
            named += 1;
        }
    }
    assert!(named >= 14, "{named}");

    // A member rules over nothing: not the tenant, not the owner, not the installation, not their own tier.
    for (method, path, body, status) in [
        ("GET", "/users".to_owned(), None, 403),
        ("GET", "/users?all=true".to_owned(), None, 403),
        ("POST", "/users".to_owned(), Some(json!({ "email": "x@example.com", "name": "x" })), 403),
        ("GET", "/invitations".to_owned(), None, 403),
        ("POST", "/invitations".to_owned(), Some(json!({})), 403),
        ("DELETE", format!("/invitations/{invitation}"), None, 403),
        ("PATCH", format!("/users/{}", mel.id), Some(json!({ "tier": "pro" })), 403),
        ("PATCH", format!("/users/{}", mel.id), Some(json!({ "admin": true })), 403),
        ("PATCH", format!("/users/{}", mel.id), Some(json!({ "role": "owner" })), 400),
        ("PATCH", format!("/users/{}", bob.id), Some(json!({ "name": "x" })), 404),
        ("POST", format!("/users/{}/password", bob.id), Some(json!({})), 404),
        ("GET", format!("/workspaces/{}", his.id), None, 404),
        ("POST", format!("/workspaces/{}/grant", his.id), Some(json!({})), 404),
        ("GET", "/workspaces?all=true".to_owned(), None, 403),
        ("POST", "/auth/claim-admin".to_owned(), Some(json!({ "setup_token": "cds_x" })), 403),
    ] {
        mel.call(method, &path, body).refused(&[status], &format!("a member: {method} {path}"));
    }
    // An owner rules over the tenant's people, not over their tier, the installation or another tenant.
    for (method, path, body, status) in [
        ("PATCH", format!("/users/{}", bob.id), Some(json!({ "tier": "pro" })), 403),
        ("PATCH", format!("/users/{}", bob.id), Some(json!({ "admin": true })), 403),
        ("GET", "/users?all=true".to_owned(), None, 403),
        ("GET", "/workspaces?all=true".to_owned(), None, 403),
        ("POST", "/users".to_owned(), Some(json!({ "email": "y@example.com", "name": "y", "admin": true })), 403),
        ("PATCH", format!("/users/{}", stage.eve.id), Some(json!({ "disabled": true })), 404),
        ("POST", format!("/users/{}/password", mel.id), Some(json!({})), 403),
    ] {
        bob.call(method, &path, body).refused(&[status], &format!("an owner: {method} {path}"));
    }
    let register = json!({ "email": "z@example.com", "password": PASSWORD, "name": "z", "admin": true, "tier": "pro" });
    front.ask(&Ask::post("/api/v5/auth/register").json(&register)).expect(400);
    // An administrator keeps house; what is inside a workspace is its owner's.
    for (method, path) in [("POST", "grant"), ("POST", "tickets"), ("PATCH", ""), ("DELETE", "")] {
        let path = format!("/workspaces/{}/{path}", his.id);
        let body = if path.ends_with("tickets") { json!({ "port": 4000 }) } else { json!({ "name": "x" }) };
        let body = if path.ends_with("grant") { json!({}) } else { body };
        root.call(method, path.trim_end_matches('/'), Some(body))
            .refused(&[403, 404], &format!("administrator: {path}"));
    }
    root.call("POST", &format!("/sessions/{session}/grant"), Some(json!({}))).expect(404);
    // Each has what is theirs.
    root.call("GET", "/users?all=true", None).expect(200);
    bob.call("GET", "/users", None).expect(200);
    mel.call("GET", "/auth/me", None).expect(200);
    let own = Workspace { ..mel.workspace("own") };
    assert_eq!(mel.sh(&own, "ls -A /workspace"), "");
    stage.bob_is_well();
}
