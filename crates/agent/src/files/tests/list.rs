//! `GET /v1/files/list` and `stat`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use coditect_api::files::{FileKind, Listing};
use serde_json::json;

use super::{Fixture, path};

async fn list(fixture: &Fixture, directory: &Path, query: &[(&str, &str)]) -> Listing {
    let directory = path::encode(directory);
    let query: Vec<(&str, &str)> = [("path", directory.as_str())].into_iter().chain(query.iter().copied()).collect();
    serde_json::from_slice(&fixture.get("/v1/files/list", &query).await.is(200).bytes).unwrap()
}

fn shown(listing: &Listing) -> Vec<&str> {
    listing.entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[tokio::test]
async fn directories_stand_first_then_names_as_people_count() {
    let fixture = Fixture::new();
    for name in ["b10.txt", "B2.txt", "a.txt", ".hidden", "zoo/x", "Apple/x"] {
        fixture.put(name, "x");
    }
    symlink(fixture.at("zoo"), fixture.at("link-to-zoo")).unwrap();
    symlink("loop", fixture.at("loop")).unwrap();
    let listing = list(&fixture, &fixture.at(""), &[]).await;
    assert_eq!(shown(&listing), ["Apple", "link-to-zoo", "zoo", ".hidden", "a.txt", "B2.txt", "b10.txt", "loop"]);
    assert_eq!((listing.total, listing.next), (8, None));
    let link = &listing.entries[1];
    assert_eq!((link.kind, link.target_kind), (FileKind::Symlink, Some(FileKind::Directory)));
    let circle = &listing.entries[7];
    assert_eq!((circle.kind, circle.target_kind, circle.etag.as_ref()), (FileKind::Symlink, None, None));
    let visible = list(&fixture, &fixture.at(""), &[("hidden", "false")]).await;
    assert_eq!(visible.total, 7);
    assert!(!shown(&visible).contains(&".hidden"));
}

#[tokio::test]
async fn a_hundred_thousand_entries_come_in_pages_that_miss_and_repeat_nothing() {
    let fixture = Fixture::new();
    // In memory, so that making them does not take longer than listing them.
    let big = tempfile::tempdir_in("/dev/shm").unwrap();
    for number in 0..100_000 {
        if number % 10 == 0 {
            std::fs::create_dir(big.path().join(format!("d{number}"))).unwrap();
        } else {
            std::fs::write(big.path().join(format!("f{number}")), "").unwrap();
        }
    }
    let first = list(&fixture, big.path(), &[]).await;
    assert_eq!((first.total, first.entries.len()), (100_000, 1000));
    assert_eq!(shown(&first)[..3], ["d0", "d10", "d20"]);

    // A page from the middle continues exactly behind its token, over the border between directories and files.
    let page = list(&fixture, big.path(), &[("after", "dd99980"), ("limit", "3")]).await;
    assert_eq!(shown(&page), ["d99990", "f1", "f2"]);
    let mut after = "ff99000".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = list(&fixture, big.path(), &[("after", &after), ("limit", "250")]).await;
        seen.extend(page.entries.into_iter().map(|entry| entry.name));
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    let expected: Vec<String> =
        (99_001..100_000).filter(|number| number % 10 != 0).map(|number| format!("f{number}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_listing_does_not_hold_up_the_runtime() {
    let fixture = Fixture::new();
    let big = tempfile::tempdir_in("/dev/shm").unwrap();
    for number in 0..20_000 {
        std::fs::write(big.path().join(format!("f{number}")), "").unwrap();
    }
    let listing = list(&fixture, big.path(), &[]);
    tokio::pin!(listing);
    // One thread: were the listing done on it, it would be finished the first time it is polled.
    let turns = async {
        let mut turns = 0_u64;
        loop {
            tokio::task::yield_now().await;
            turns += 1;
            if let std::task::Poll::Ready(listing) = super::poll_once(&mut listing).await {
                return (turns, listing);
            }
        }
    };
    let (turns, listing) = turns.await;
    assert_eq!(listing.total, 20_000);
    assert!(turns > 10, "the runtime turned {turns} times");
}

#[tokio::test]
async fn names_that_are_not_utf8_travel_and_come_back() {
    let fixture = Fixture::new();
    let odd = fixture.at("").join(OsStr::from_bytes(b"caf\xe9 100%.txt"));
    std::fs::write(&odd, "content").unwrap();
    let listing = list(&fixture, &fixture.at(""), &[]).await;
    let entry = &listing.entries[0];
    assert_eq!(entry.name, "caf\u{fffd} 100%.txt");
    assert!(entry.path.ends_with("caf%E9 100%25.txt"), "{}", entry.path);
    let read = fixture.get("/v1/files/read", &[("path", &entry.path)]).await;
    assert_eq!(read.is(200).bytes, b"content");
    let to = path::encode(&fixture.at("plain"));
    fixture.post("/v1/files/move", json!({"from": entry.path, "to": to})).await.is(200);
    assert_eq!(super::names(&fixture.at("")), ["plain"]);
}

#[tokio::test]
async fn temporary_names_are_not_listed() {
    let fixture = Fixture::new();
    let own = fixture.at("").join(super::super::temporary::name_in(Path::new("")));
    std::fs::write(&own, "under way").unwrap();
    let foreign = fixture.put(".coditect-tmp-0000000000000000-1", "left by another agent, but young");
    let listing = list(&fixture, &fixture.at(""), &[]).await;
    assert_eq!(listing.total, 0);
    assert!(own.exists() && foreign.exists());
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let fixture = Fixture::new();
    let file = path::encode(&fixture.put("file", ""));
    let get = |path: String| fixture.get("/v1/files/list", Box::leak(vec![("path", &*path.leak())].into_boxed_slice()));
    get("relative".into()).await.is(422).refuses("invalid_value");
    get("/a/../b".into()).await.is(422).refuses("invalid_value");
    get("/\0".into()).await.is(422).refuses("invalid_value");
    let message = get(path::encode(&fixture.at("absent"))).await.is(404).refuses("not_found");
    assert!(message.contains("does not exist"), "{message}");
    get(file).await.is(422).refuses("invalid_value");
    get(format!("/{}", "x".repeat(300))).await.is(422).refuses("invalid_value");
    fixture.get("/v1/files/list", &[]).await.is(400).refuses("invalid_request");
    fixture.get("/v1/files/list", &[("path", "/"), ("wrong", "1")]).await.is(400).refuses("invalid_request");
    fixture.get("/v1/files/list", &[("path", "/"), ("after", "nonsense")]).await.is(422).refuses("invalid_value");
}

#[tokio::test]
async fn stat_tells_of_a_link_and_of_its_target() {
    let fixture = Fixture::new();
    let file = fixture.put("file", "12345");
    symlink(&file, fixture.at("link")).unwrap();
    let stat = async |path: &Path| fixture.get("/v1/files/stat", &[("path", &path::encode(path))]).await.is(200).json();
    let (file, link) = (stat(&file).await, stat(&fixture.at("link")).await);
    assert_eq!((&file["size"], &file["kind"], &file["writable"]), (&json!(5), &json!("file"), &json!(true)));
    assert_eq!((&link["kind"], &link["target_kind"]), (&json!("symlink"), &json!("file")));
    assert_eq!(link["etag"], file["etag"]);
    assert_eq!(fixture.get("/v1/files/stat", &[("path", "/")]).await.is(200).json()["name"], "/");
}
