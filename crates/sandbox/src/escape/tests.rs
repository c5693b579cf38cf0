//! The list itself, and what is made of a report.

use super::*;

#[test]
fn names_are_unique_and_every_class_is_tried() {
    let names: Vec<&str> = attempts().map(|attempt| attempt.name).collect();
    let unique: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    for name in &names {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{name}");
        assert!(find(name).is_some());
    }
    let classes: std::collections::HashSet<Class> = attempts().map(|attempt| attempt.class).collect();
    assert_eq!(classes.len(), 6);
}

#[test]
fn whoever_says_nothing_has_not_been_held() {
    let attempt = attempts().find(|attempt| !attempt.deadly).unwrap();
    let deadly = attempts().find(|attempt| attempt.deadly).unwrap();
    assert!(matches!(judge(attempt, 0, "").outcome, Outcome::Escaped(_)));
    assert!(matches!(judge(attempt, 137, "Ä".repeat(300).as_str()).outcome, Outcome::Escaped(_)));
    assert!(matches!(judge(deadly, 137, "").outcome, Outcome::Held(_)));
    assert!(matches!(judge(deadly, 1, "").outcome, Outcome::Escaped(_)));
    let report = Report { name: attempt.name.to_owned(), outcome: Outcome::Refused("EPERM".to_owned()) };
    let line = format!("running 1 test\ntest x ... {REPORT_MARK}{}\nok", serde_json::to_string(&report).unwrap());
    assert_eq!(judge(attempt, 0, &line), report);
    // A report of another attempt says nothing about this one.
    assert!(matches!(judge(deadly, 0, &line).outcome, Outcome::Escaped(_)));
}

/// Outside a sandbox, as root, the same attempts find open doors: they are able to see one.
#[test]
fn an_attempt_notices_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "the secret").unwrap();
    let target = Target {
        foreign_paths: vec![secret],
        foreign_secret: "the secret".to_owned(),
        foreign_processes: vec![ForeignProcess::here(std::process::id()).unwrap()],
        ..Target::default()
    };
    for name in ["foreign-paths", "devices-opened", "foreign-signals", "set-user-id"] {
        let report = find(name).unwrap().run(&target);
        assert!(matches!(report.outcome, Outcome::Escaped(_)), "{report:?}; these tests need root");
    }
}
