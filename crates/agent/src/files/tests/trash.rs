//! The trash.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::{Answer, Fixture, names, path};

async fn delete(fixture: &Fixture, target: &Path) -> String {
    let answer = fixture.post("/v1/files/delete", json!({"path": path::encode(target)})).await;
    answer.is(200).json()["trash_id"].as_str().unwrap().to_owned()
}

async fn restore(fixture: &Fixture, id: &str) -> Answer {
    fixture.post("/v1/trash/restore", json!({"id": id})).await
}

async fn listed(fixture: &Fixture) -> Vec<Value> {
    fixture.get("/v1/trash", &[]).await.is(200).json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_was_deleted_comes_back_where_it_was() {
    let fixture = Fixture::new();
    fixture.put("dir/sub/file", "content");
    symlink("file", fixture.at("dir/sub/link")).unwrap();
    let link = delete(&fixture, &fixture.at("dir/sub/link")).await;
    let tree = delete(&fixture, &fixture.at("dir")).await;
    assert_eq!(names(&fixture.at("")), [".coditect"]);

    let items = listed(&fixture).await;
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["id"], &items[0]["kind"]), (&json!(tree), &json!("directory")));
    assert_eq!((&items[1]["id"], &items[1]["kind"]), (&json!(link), &json!("symlink")));
    assert_eq!(items[0]["path"], path::encode(&fixture.at("dir")));
    assert!(items[0]["deleted_at"].as_i64().unwrap() > 1_500_000_000_000);

    // The link's directory is in the trash too: it is made again for it, and then the tree has nowhere to go.
    restore(&fixture, &link).await.is(200);
    assert_eq!(std::fs::read_link(fixture.at("dir/sub/link")).unwrap(), Path::new("file"));
    restore(&fixture, &tree).await.is(409).refuses("conflict");
    std::fs::remove_dir_all(fixture.at("dir")).unwrap();
    assert_eq!(restore(&fixture, &tree).await.is(200).json()["kind"], "directory");
    assert_eq!(std::fs::read(fixture.at("dir/sub/file")).unwrap(), b"content");
    assert_eq!(listed(&fixture).await, [json!(null); 0]);
    restore(&fixture, &tree).await.is(404).refuses("not_found");
}

#[tokio::test]
async fn another_file_system_has_its_own_trash_or_is_copied() {
    let fixture = Fixture::new();
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let file = elsewhere.path().join("file");
    std::fs::write(&file, "in memory").unwrap();
    let id = delete(&fixture, &file).await;
    assert!(!file.exists());
    assert!(fixture.temp.path().join(".coditect/trash").join(&id).join("item").exists());
    restore(&fixture, &id).await.is(200);
    assert_eq!(std::fs::read(&file).unwrap(), b"in memory");

    let mut without = Fixture::new();
    without.routes = super::router_in(super::Places {
        workspace: without.at(""),
        home: "/nonexistent".into(),
        temp: "/nonexistent".into(),
    });
    std::os::unix::fs::symlink("file", elsewhere.path().join("link")).unwrap();
    let id = delete(&without, elsewhere.path()).await;
    assert!(!elsewhere.path().exists());
    assert!(without.at(".coditect/trash").join(&id).join("item/file").exists());
    restore(&without, &id).await.is(200);
    assert_eq!(std::fs::read(elsewhere.path().join("link")).unwrap(), b"in memory");
}

#[tokio::test]
async fn emptying_removes_entries_and_nothing_else() {
    let fixture = Fixture::new();
    let precious = fixture.put("precious/file", "x");
    fixture.put("a", "a");
    delete(&fixture, &fixture.at("a")).await;
    let trash = fixture.at(".coditect/trash");
    // Planted: a link with an entry's name, a directory with another.
    symlink(fixture.at("precious"), trash.join("1700000000000-0123456789abcdef")).unwrap();
    std::fs::create_dir(trash.join("mine")).unwrap();
    let inside = json!({"path": path::encode(&trash.join("mine"))});
    fixture.post("/v1/files/delete", inside).await.is(409).refuses("conflict");
    fixture.post("/v1/trash/empty", json!({})).await.is(204);
    assert_eq!(names(&trash), ["1700000000000-0123456789abcdef", "mine"]);
    assert!(precious.exists());
    assert_eq!(listed(&fixture).await.len(), 0);
    for kept in [&trash, &fixture.at(".coditect")] {
        let body = json!({"path": path::encode(kept), "permanently": true});
        fixture.post("/v1/files/delete", body).await.is(403).refuses("forbidden");
    }
    restore(&fixture, "../../precious").await.is(404);
    restore(&fixture, "1700000000000-0123456789abcdef").await.is(404);
}

#[tokio::test]
async fn a_trash_that_is_a_link_is_not_used() {
    let fixture = Fixture::new();
    fixture.put("elsewhere/1700000000000-0123456789abcdef/item", "precious");
    std::fs::create_dir(fixture.at(".coditect")).unwrap();
    symlink(fixture.at("elsewhere"), fixture.at(".coditect/trash")).unwrap();
    fixture.put("doomed", "x");
    let id = delete(&fixture, &fixture.at("doomed")).await;
    assert!(fixture.directory.path().join("home/.coditect/trash").join(id).exists());
    fixture.post("/v1/trash/empty", json!({})).await.is(204);
    assert!(fixture.at("elsewhere/1700000000000-0123456789abcdef/item").exists());
}

#[tokio::test]
async fn the_trash_comes_in_pages() {
    let fixture = Fixture::new();
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(delete(&fixture, &fixture.put(&format!("f{number}"), "x")).await);
    }
    ids.sort();
    ids.reverse();
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut query = vec![("limit", "3")];
        query.extend(after.as_deref().map(|after| ("after", after)));
        let page = fixture.get("/v1/trash", &query).await.is(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, ids);
}
