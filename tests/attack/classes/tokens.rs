//! Rights that must end: class 7, and rights used twice.

use std::process::Stdio;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::front::{Ask, until};
use super::person::{PASSWORD, Person, Stage, Workspace, read_or_closed};

/// Everything one login and one workspace can give somebody.
struct Rights {
    token: String,
    refresh: String,
    cookies: String,
    grant: String,
    app_cookie: String,
    ticket: String,
}

impl Rights {
    fn of(person: &Person, workspace: &Workspace) -> Self {
        Self {
            token: person.token.clone(),
            refresh: person.refresh.clone(),
            cookies: person.browser(),
            grant: person.grant(workspace),
            app_cookie: person.app_cookie(workspace, 4000),
            ticket: person.ticket(workspace, 4000),
        }
    }

    /// What these still open, by name.
    fn open(&self, stage: &Stage, label: &str) -> Vec<&'static str> {
        let front = stage.front();
        let site = front.site(4000, label);
        let status = format!("/w/{label}/v1/status");
        let refresh = json!({ "refresh_token": self.refresh });
        let asks = [
            ("access token", Ask::get("/api/v5/auth/me").bearer(&self.token)),
            ("grant", Ask::get(&status).bearer(&self.grant)),
            ("grant at a port", Ask::get("/").host(&site).header("x-coditect-grant", &self.grant)),
            ("app cookie", Ask::get("/").host(&site).header("cookie", &self.app_cookie)),
            ("ticket", Ask::get(&self.ticket).host(&site)),
            ("refresh token", Ask::post("/api/v5/auth/refresh").json(&refresh)),
        ];
        let opens = |(name, ask): &(&'static str, Ask)| {
            let reply = front.ask(ask);
            assert!(reply.status < 500 || reply.status == 502 || reply.status == 503, "{name}: {}", reply.text());
            let opened =
                reply.status == 200 || reply.header("set-cookie").is_some_and(|cookie| !cookie.contains("Max-Age=0"));
            opened.then_some(*name)
        };
        asks.iter().filter_map(opens).collect()
    }
}

/// Class 7 (Coder GHSA-j6xf): what was issued outlives what it was issued for.
#[test]
fn class_07_no_right_outlives_what_it_came_from() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    bob.serve_app(his, 4000);
    let me = |token: &str| front.ask(&Ask::get("/api/v5/auth/me").bearer(token)).status;

    // Logging out: everything of that login, streams that are open included; nothing of another login.
    let leaving = bob.log_in();
    let rights = Rights::of(&leaving, his);
    let mut events = leaving.stream(his, "/events");
    assert!(read_or_closed(&mut events).is_some());
    assert!(rights.open(&stage, &his.label).len() >= 4, "they are good before");
    let leaving = Person { refresh: String::new(), ..leaving };
    let rights = Rights { ticket: leaving.ticket(his, 4000), ..rights };
    leaving.call("POST", "/auth/logout", Some(json!({}))).expect(204);
    assert_eq!(rights.open(&stage, &his.label), [""; 0], "after logging out");
    until("the stream is cut", || read_or_closed(&mut events).is_none());
    assert_eq!(me(&bob.token), 200);

    // A password that is changed ends the other logins; one that is reset ends all; so does disabling.
    let other = bob.log_in();
    let rights = Rights::of(&other, his);
    let change = json!({ "current": PASSWORD, "new": "another long passphrase" });
    bob.call("POST", "/auth/password", Some(change)).expect(204);
    assert_eq!(rights.open(&stage, &his.label), [""; 0], "after another login changed the password");
    let cookie = Ask::get("/api/v5/auth/me").header("cookie", &rights.cookies);
    front.ask(&cookie).refused(&[401], "the browser of before");
    assert_eq!(me(&bob.token), 200, "who changed it stays");
    let rights = Rights {
        token: bob.token.clone(),
        refresh: bob.refresh.clone(),
        grant: bob.grant(his),
        app_cookie: bob.app_cookie(his, 4000),
        ticket: bob.ticket(his, 4000),
        cookies: String::new(),
    };
    let mut command = stage.at.command(&["user", "reset-password", &bob.email, "--password-stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), PASSWORD.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rights.open(&stage, &his.label), [""; 0], "after a reset");
    let bob = bob.log_in();
    let rights = Rights::of(&bob, his);
    let operator = std::fs::read_to_string(stage.at.data_dir().join("operator.token")).unwrap();
    let switch = |disabled: bool| {
        let ask = Ask::new("PATCH", &format!("/api/v5/users/{}", bob.id)).bearer(operator.trim());
        front.ask(&ask.json(&json!({ "disabled": disabled }))).expect(200)
    };
    switch(true);
    assert_eq!(rights.open(&stage, &his.label), [""; 0], "while disabled");
    switch(false);
    assert_eq!(rights.open(&stage, &his.label), [""; 0], "being let in again gives nothing back");

    // A refresh token works once, and whoever uses it twice has ended the login, for the thief and the robbed.
    let bob = bob.log_in();
    let refresh = |token: &str| {
        let body = json!({ "refresh_token": token });
        front.ask(&Ask::post("/api/v5/auth/refresh").json(&body))
    };
    let next = refresh(&bob.refresh).expect(200).json();
    let after = refresh(next["refresh_token"].as_str().unwrap()).expect(200).json();
    assert_eq!(me(after["access_token"].as_str().unwrap()), 200);
    refresh(&bob.refresh).expect(401);
    refresh(after["refresh_token"].as_str().unwrap()).expect(401);
    assert_eq!(me(after["access_token"].as_str().unwrap()), 401);

    // Stopped, started, deleted: rights to the workspace go with it.
    let bob = bob.log_in();
    let path = format!("/workspaces/{}", his.id);
    let before = Rights::of(&bob, his);
    let mut shell = bob.stream(his, "/exec");
    shell.send(Message::text(json!({ "argv": ["sleep", "1000"] }).to_string())).unwrap();
    bob.call("POST", &format!("{path}/stop?wait_ms=30000"), None).expect(200);
    until("the stream is cut", || read_or_closed(&mut shell).is_none());
    bob.call("POST", &format!("{path}/start?wait_ms=30000"), None).expect(200);
    front.ask(&Ask::get(&format!("/w/{}/v1/status", his.label)).bearer(&before.grant)).expect(401);
    stage.bob.log_in();
    let last = Rights::of(&bob, his);
    bob.call("DELETE", &path, None).expect(202);
    until("it is gone", || bob.call("GET", &path, None).status == 404);
    let opened = last.open(&stage, &his.label);
    assert_eq!(opened, ["access token", "refresh token"], "the account stays, the workspace is gone");
    // The slot it leaves: nothing of its name, and its rights are no rights to what comes next.
    let bob = bob.log_in();
    let next = bob.workspace("next");
    for token in [&last.grant, &before.grant] {
        front
            .ask(&Ask::get(&format!("/w/{}/v1/status", next.label)).bearer(token))
            .refused(&[401, 403], "an old grant");
    }
    let identity = bob.sh(&next, "hostname; cat /etc/hostname /etc/hosts /etc/machine-id; env; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ /proc/self/mountinfo /proc/self/cgroup 2>/dev/null | tr '\\0' '\\n'");
    assert!(!identity.contains(&his.label) && !identity.contains(&his.label[..8]), "{identity}");
    assert!(identity.contains(&format!("ws-{}", &next.label[..8])), "{identity}");
    stage.eve_is_served();
}

/// Replayed rights: what works once works once, also when asked for at the same moment.
#[test]
fn a_ticket_used_twice_at_once_opens_once() {
    let stage = Stage::new();
    let (front, bob, his) = (stage.front(), &stage.bob, &stage.his);
    let site = front.site(4000, &his.label);
    let ticket = bob.ticket(his, 4000);
    for elsewhere in
        [front.site(4001, &his.label), front.site("files", &his.label), front.site(4000, &stage.hers.label)]
    {
        assert_eq!(front.ask(&Ask::get(&ticket).host(&elsewhere)).header("set-cookie"), None, "{elsewhere}");
    }
    let opened: usize = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| usize::from(front.ask(&Ask::get(&ticket).host(&site)).header("set-cookie").is_some()))
            })
            .collect();
        tries.into_iter().map(|handle| handle.join().unwrap()).sum()
    });
    assert_eq!(opened, 1);
    assert_eq!(front.ask(&Ask::get(&ticket).host(&site)).header("set-cookie"), None);
    stage.bob_is_well();
}
