//! The command line as a program sees it: output, exit codes, and what it says when something is missing.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::process::{Command, Output};

fn coditect(data: &std::path::Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coditect"))
        .args(words)
        .current_dir(data)
        .env_clear()
        .env("CODITECT_DATA_DIR", data.join("data"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_configuration_is_checked_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("coditect.toml"), "listen = \"here\"\nlgo = \"info\"\nregistration = \"maybe\"\n")
        .unwrap();
    let output = coditect(dir.path(), &["check-config"]);
    assert_eq!(output.status.code(), Some(2));
    for word in ["3 problems", "listen", "lgo", "registration"] {
        assert!(text(&output.stderr).contains(word), "{word} is missing in: {}", text(&output.stderr));
    }
    std::fs::write(dir.path().join("coditect.toml"), "registration = \"invitation\"\n").unwrap();
    let output = coditect(dir.path(), &["check-config", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["registration"], "invitation");
    assert_eq!(value["public_url"], "http://coditect.localhost:8080");
}

#[test]
fn without_a_server_the_command_line_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let output = coditect(dir.path(), &["user", "list"]);
    assert_eq!(output.status.code(), Some(7));
    assert!(text(&output.stderr).contains("coditect serve"), "{}", text(&output.stderr));
    let output = coditect(dir.path(), &["--json", "user", "list"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(value["error"]["kind"], "unavailable");
}

#[test]
fn with_the_server_stopped_the_list_is_of_what_still_runs() {
    let dir = tempfile::tempdir().unwrap();
    let output = coditect(dir.path(), &["--json", "workspace", "list"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), "[]");
}

#[test]
fn wrong_use_is_exit_code_2_and_help_documents_the_codes() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(coditect(dir.path(), &["workspace", "exec", "x"]).status.code(), Some(2));
    assert_eq!(coditect(dir.path(), &["user", "list", "--server", "http://127.0.0.1:9"]).status.code(), Some(2));
    let help = coditect(dir.path(), &["--help"]);
    assert!(text(&help.stdout).contains("Exit codes:"));
}

#[test]
fn an_exported_audit_log_is_checked_without_a_server() {
    use coditect_model::ambient::Timestamp;
    use coditect_model::audit::chain::{Head, Place, START, link, public_key};
    use coditect_model::audit::{Action, Actor, Entry, Log};
    use coditect_model::id::{AuditId, TenantId};

    let dir = tempfile::tempdir().unwrap();
    let (log, seed) = (Log::Actions(TenantId::from_bytes([1; 16])), [5; 32]);
    let (mut last, mut lines) = (START, Vec::new());
    for n in 0..20 {
        let entry = Entry::new(AuditId::from_bytes([n; 16]), Timestamp(0), Action::LoginSuccess, Actor::Operator);
        let next = link(log, last, Timestamp(0), Timestamp(1), entry);
        last = Place { seq: next.seq, hash: next.hash };
        lines.push(serde_json::to_string(&next).unwrap());
    }
    let head = Head::sign(log, last, START, Timestamp(1), &seed);
    lines.insert(0, serde_json::json!({ "head": head, "public_key": public_key(&seed) }).to_string());
    let key = public_key(&seed).to_string();
    let check = |lines: &[String], more: &[&str]| {
        std::fs::write(dir.path().join("log.jsonl"), lines.join("\n")).unwrap();
        coditect(dir.path(), &[&["audit", "verify", "--file", "log.jsonl"], more].concat())
    };
    let output = check(&lines, &["--key", &key]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("20 entries"), "{}", text(&output.stdout));
    let json: serde_json::Value = serde_json::from_slice(&check(&lines, &["--key", &key, "--json"]).stdout).unwrap();
    assert_eq!((&json[0]["intact"], &json[0]["last"]["seq"]), (&true.into(), &20.into()));

    let mut altered = lines.clone();
    altered[7] = altered[7].replace("operator", "platform");
    let output = check(&altered, &["--key", &key]);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stdout).contains("entry 7 was altered"), "{}", text(&output.stdout));
    assert_eq!(check(&lines[..15], &["--key", &key]).status.code(), Some(5), "the end was taken off");
    let mut removed = lines.clone();
    removed.remove(3);
    assert!(text(&check(&removed, &["--key", &key]).stdout).contains("entries 3 to 3 are missing"));
    // Signed by somebody else; their key stands in the file, and is not believed.
    let other = public_key(&[6; 32]).to_string();
    assert_eq!(check(&lines, &["--key", &other]).status.code(), Some(5));
    assert_eq!(check(&lines, &[]).status.code(), Some(2), "without a server the key has to be given");
    let anchor = format!("20:{}", "0".repeat(64));
    assert!(text(&check(&lines, &["--key", &key, "--anchor", &anchor]).stdout).contains("rewritten"));
    let long = [lines[0].clone(), "x".repeat(3 << 20)];
    assert_eq!(check(&long, &["--key", &key]).status.code(), Some(2));
}
