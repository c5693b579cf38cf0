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
