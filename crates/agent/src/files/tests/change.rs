//! Create, mkdir, move, copy, delete for good.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use super::{Answer, Fixture, names, path};

async fn two(fixture: &Fixture, route: &str, from: &Path, to: &Path, overwrite: bool) -> Answer {
    let body = json!({"from": path::encode(from), "to": path::encode(to), "overwrite": overwrite});
    fixture.post(&format!("/v1/files/{route}"), body).await
}

async fn one(fixture: &Fixture, route: &str, target: &Path, more: Value) -> Answer {
    let mut body = json!({"path": path::encode(target)});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    fixture.post(&format!("/v1/files/{route}"), body).await
}

#[tokio::test]
async fn create_and_mkdir_make_once() {
    let fixture = Fixture::new();
    assert_eq!(one(&fixture, "create", &fixture.at("f"), json!({})).await.is(201).json()["size"], 0);
    one(&fixture, "create", &fixture.at("f"), json!({})).await.is(409).refuses("conflict");
    symlink("elsewhere", fixture.at("dangling")).unwrap();
    one(&fixture, "create", &fixture.at("dangling"), json!({})).await.is(409);
    assert!(!fixture.at("elsewhere").exists());
    one(&fixture, "create", &fixture.at("x/y/f"), json!({})).await.is(404).refuses("not_found");
    one(&fixture, "create", &fixture.at("x/y/f"), json!({"parents": true})).await.is(201);

    one(&fixture, "mkdir", &fixture.at("d"), json!({})).await.is(201);
    one(&fixture, "mkdir", &fixture.at("d"), json!({})).await.is(409);
    one(&fixture, "mkdir", &fixture.at("d"), json!({"parents": true})).await.is(200);
    one(&fixture, "mkdir", &fixture.at("f"), json!({"parents": true})).await.is(409);
    one(&fixture, "mkdir", &fixture.at("f/below"), json!({})).await.is(422);
    one(&fixture, "mkdir", &fixture.at("e"), json!({"wrong": 1})).await.is(400).refuses("invalid_request");
    let long = json!({"path": "x".repeat(100_000)});
    fixture.post("/v1/files/mkdir", long).await.is(413).refuses("payload_too_large");
}

#[tokio::test]
async fn moving_replaces_only_when_asked_and_never_into_itself() {
    let fixture = Fixture::new();
    let a = fixture.put("a", "a");
    let b = fixture.put("b", "b");
    two(&fixture, "move", &a, &b, false).await.is(409).refuses("conflict");
    two(&fixture, "move", &a, &b, true).await.is(200);
    assert_eq!((std::fs::read(&b).unwrap(), a.exists()), (b"a".to_vec(), false));
    two(&fixture, "move", &b, &b, false).await.is(200);
    two(&fixture, "move", &a, &b, true).await.is(404).refuses("not_found");

    fixture.put("tree/deep/file", "x");
    let tree = fixture.at("tree");
    for into in ["tree/deep/tree", "tree/new"] {
        two(&fixture, "move", &tree, &fixture.at(into), false).await.is(422).refuses("invalid_value");
        two(&fixture, "copy", &tree, &fixture.at(into), false).await.is(422).refuses("invalid_value");
    }
    two(&fixture, "move", &fixture.at("tree/deep"), &tree, true).await.is(422).refuses("invalid_value");
    symlink(&tree, fixture.at("alias")).unwrap();
    two(&fixture, "copy", &tree, &fixture.at("alias/again"), false).await.is(422).refuses("invalid_value");
    assert!(fixture.at("tree/deep/file").exists());

    // A directory that is replaced is not lost: it goes to the trash.
    fixture.put("other/precious", "kept");
    two(&fixture, "move", &tree, &fixture.at("other"), true).await.is(200);
    assert!(fixture.at("other/deep/file").exists());
    let trash = fixture.get("/v1/trash", &[]).await.is(200).json();
    assert_eq!(trash["items"][0]["path"], path::encode(&fixture.at("other")));
}

#[tokio::test]
async fn moving_to_another_file_system_copies_and_removes() {
    let fixture = Fixture::new();
    fixture.put("tree/file", "content");
    symlink("file", fixture.at("tree/link")).unwrap();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    assert_ne!(elsewhere.path().metadata().unwrap().dev(), fixture.at("").metadata().unwrap().dev());
    two(&fixture, "move", &fixture.at("tree"), &elsewhere.path().join("tree"), false).await.is(200);
    assert_eq!(std::fs::read(elsewhere.path().join("tree/link")).unwrap(), b"content");
    assert_eq!(names(&fixture.at("")), [""; 0]);
    assert_eq!(names(elsewhere.path()), ["tree"]);
}

#[tokio::test]
async fn a_copy_keeps_modes_links_and_holes() {
    let fixture = Fixture::new();
    let file = fixture.put("from/sub/run.sh", "#!/bin/sh");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o750)).unwrap();
    symlink("/etc/passwd", fixture.at("from/link")).unwrap();
    symlink("nowhere", fixture.at("from/dangling")).unwrap();
    let sparse = File::create(fixture.at("from/sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    sparse.write_all_at(b"island", 1 << 29).unwrap();
    std::fs::set_permissions(fixture.at("from/sub"), std::fs::Permissions::from_mode(0o550)).unwrap();

    two(&fixture, "copy", &fixture.at("from"), &fixture.at("to"), false).await.is(201);
    assert_eq!(names(&fixture.at("to")), ["dangling", "link", "sparse", "sub"]);
    assert_eq!(fixture.at("to/sub").metadata().unwrap().mode() & 0o777, 0o550);
    assert_eq!(fixture.at("to/sub/run.sh").metadata().unwrap().mode() & 0o777, 0o750);
    assert_eq!(std::fs::read_link(fixture.at("to/link")).unwrap(), Path::new("/etc/passwd"));
    let copied = File::open(fixture.at("to/sparse")).unwrap();
    let metadata = copied.metadata().unwrap();
    assert_eq!(metadata.len(), 1 << 30);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    let mut island = [0; 6];
    copied.read_exact_at(&mut island, 1 << 29).unwrap();
    assert_eq!(&island, b"island");

    two(&fixture, "copy", &fixture.at("from"), &fixture.at("to"), false).await.is(409).refuses("conflict");
    two(&fixture, "copy", &file, &fixture.at("one"), false).await.is(201);
    assert_eq!(fixture.at("one").metadata().unwrap().mode() & 0o777, 0o750);
    // Or an ordinary user's test directory cannot be removed.
    for sub in ["from/sub", "to/sub"] {
        std::fs::set_permissions(fixture.at(sub), std::fs::Permissions::from_mode(0o750)).unwrap();
    }
}

#[tokio::test]
async fn a_copy_that_fails_or_is_given_up_leaves_nothing() {
    let fixture = Fixture::new();
    fixture.put("from/a", "a");
    let _socket = std::os::unix::net::UnixListener::bind(fixture.at("from/socket")).unwrap();
    let message =
        two(&fixture, "copy", &fixture.at("from"), &fixture.at("to"), false).await.is(422).refuses("invalid_value");
    assert!(message.contains("sockets"), "{message}");
    assert_eq!(names(&fixture.at("")), ["from"]);

    for number in 0..3000 {
        fixture.put(&format!("many/{number}"), "x");
    }
    let (many, to) = (fixture.at("many"), fixture.at("to"));
    let mut copy = Box::pin(two(&fixture, "copy", &many, &to, false));
    // Until it is under way, then gone.
    while !names(&fixture.at("")).iter().any(|name| name.starts_with(".coditect-tmp-")) {
        assert!(super::poll_once(&mut copy).await.is_pending());
        tokio::task::yield_now().await;
    }
    drop(copy);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while names(&fixture.at("")) != ["from", "many"] {
        assert!(std::time::Instant::now() < deadline, "{:?}", names(&fixture.at("")));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn deleting_for_good_follows_no_link_and_any_depth() {
    let fixture = Fixture::new();
    let outside = fixture.put("outside/file", "stays");
    fixture.put("doomed/sub/file", "x");
    symlink(fixture.at("outside"), fixture.at("doomed/sub/link")).unwrap();
    std::fs::set_permissions(fixture.at("doomed/sub"), std::fs::Permissions::from_mode(0o500)).unwrap();
    // Deeper than open directories, stack or paths could be: made by walking, as `mkdir d; cd d` does.
    let mut at =
        rustix::fs::open(fixture.at("doomed"), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&at, "a-rather-long-name", rustix::fs::Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "a-rather-long-name", rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty())
            .unwrap();
    }
    drop(at);
    let answer = one(&fixture, "delete", &fixture.at("doomed"), json!({"permanently": true})).await;
    assert_eq!(answer.is(200).json(), json!({}));
    assert_eq!(names(&fixture.at("")), ["outside"]);
    assert_eq!(std::fs::read(outside).unwrap(), b"stays");
    one(&fixture, "delete", &fixture.at("doomed"), json!({"permanently": true})).await.is(404).refuses("not_found");
}

#[tokio::test]
async fn what_the_workspace_needs_is_never_removed() {
    let fixture = Fixture::new();
    fixture.put("file", "x");
    let home = fixture.directory.path().join("home");
    symlink(fixture.at(""), home.join("alias")).unwrap();
    for kept in [
        fixture.at(""),
        home.clone(),
        fixture.directory.path().to_owned(),
        "/tmp".into(),
        "/".into(),
        home.join("alias/"),
    ] {
        for permanently in [false, true] {
            let answer = one(&fixture, "delete", &kept, json!({"permanently": permanently})).await;
            // The alias itself is only a link; what it leads to stays.
            if kept.ends_with("alias") && answer.status == 200 {
                symlink(fixture.at(""), home.join("alias")).unwrap();
                continue;
            }
            answer.is(403).refuses("forbidden");
        }
        if !kept.ends_with("alias") {
            two(&fixture, "move", &kept, &fixture.at("elsewhere"), false).await.is(403).refuses("forbidden");
        }
    }
    assert!(fixture.at("file").exists());
}
