//! `GET /v1/files/archive`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt, symlink};

use flate2::read::GzDecoder;
use serde_json::json;

use super::{Answer, Fixture, path};

/// Name to what it is: content, `-> target`, or `/`.
fn unpack(answer: &Answer) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(answer.bytes.as_slice()));
    let mut all = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let link = entry.link_name().unwrap().map(|link| format!("-> {}", link.display()));
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        let kind = if entry.header().entry_type().is_dir() { "/".to_owned() } else { link.unwrap_or(content) };
        assert!(all.insert(name, kind).is_none());
    }
    all
}

#[tokio::test]
async fn a_tree_is_archived_under_its_own_name() {
    let fixture = Fixture::new();
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(150));
    fixture.put("tree/b/file", "content");
    fixture.put("tree/a", "a");
    fixture.put(&format!("tree/{long}"), "far");
    symlink("/etc", fixture.at("tree/link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fixture.at("tree/socket")).unwrap();
    std::fs::set_permissions(fixture.at("tree/a"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let answer = fixture.get("/v1/files/archive", &[("path", &path::encode(&fixture.at("tree")))]).await;
    assert_eq!(answer.is(200).headers["content-type"], "application/gzip");
    assert_eq!(answer.headers["content-disposition"], "attachment; filename*=UTF-8''tree.tar.gz");
    let expected = [
        ("tree/".to_owned(), "/"),
        ("tree/a".to_owned(), "a"),
        ("tree/b/".to_owned(), "/"),
        ("tree/b/file".to_owned(), "content"),
        (format!("tree/{}/", "d".repeat(150)), "/"),
        (format!("tree/{long}"), "far"),
        ("tree/link".to_owned(), "-> /etc"),
    ];
    let trim = |all: BTreeMap<String, String>| -> BTreeMap<String, String> {
        all.into_iter().map(|(name, kind)| (name.trim_end_matches('/').to_owned(), kind)).collect()
    };
    assert_eq!(trim(unpack(&answer)), trim(expected.map(|(name, kind)| (name, kind.to_owned())).into()));
    let again = fixture.get("/v1/files/archive", &[("path", &path::encode(&fixture.at("tree")))]).await;
    assert!(again.bytes == answer.bytes, "the same tree gives the same archive");
}

#[tokio::test]
async fn the_trash_stays_out_and_one_file_can_be_archived() {
    let fixture = Fixture::new();
    fixture.put("kept", "kept");
    let deleted = fixture.put("deleted", "deleted");
    fixture.post("/v1/files/delete", json!({"path": path::encode(&deleted)})).await.is(200);
    let all = unpack(fixture.get("/v1/files/archive", &[("path", &path::encode(&fixture.at("")))]).await.is(200));
    let names: Vec<&str> = all.keys().map(|name| name.trim_end_matches('/')).collect();
    assert_eq!(names, ["workspace", "workspace/.coditect", "workspace/kept"]);
    let one = unpack(fixture.get("/v1/files/archive", &[("path", &path::encode(&fixture.at("kept")))]).await.is(200));
    assert_eq!(one, BTreeMap::from([("kept".to_owned(), "kept".to_owned())]));
    fixture.get("/v1/files/archive", &[("path", &path::encode(&fixture.at("no")))]).await.is(404);
    fixture.get("/v1/files/archive", &[("path", "/tmp"), ("format", "zip")]).await.is(422).refuses("invalid_value");
}
