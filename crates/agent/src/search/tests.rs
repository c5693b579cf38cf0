//! Both searches over real trees.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use axum::body::Body;
use coditect_api::search::{ContentEvent, NameMatch};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use rustix::fs::{CWD, FileType, Mode};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::files::path;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir_in("/tmp").expect("a temporary directory"));
        for (name, content) in files {
            tree.put(name, content);
        }
        tree
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("made");
        std::fs::write(&path, content).expect("written");
        path
    }

    async fn send(&self, route: &str, query: &[(&str, &str)]) -> (StatusCode, String) {
        let body = self.respond(route, query).await;
        let status = body.status();
        let bytes = body.into_body().collect().await.expect("a whole body").to_bytes();
        (status, String::from_utf8(bytes.to_vec()).expect("UTF-8"))
    }

    async fn respond(&self, route: &str, query: &[(&str, &str)]) -> axum::response::Response {
        use std::fmt::Write as _;
        let mut uri = format!("/v1/search/{route}?root={}", path::encode(self.0.path()));
        for (name, value) in query {
            write!(uri, "&{name}=").expect("into a String");
            value.bytes().for_each(|byte| write!(uri, "%{byte:02X}").expect("into a String"));
        }
        let request = Request::get(uri).body(Body::empty()).expect("valid");
        super::router().oneshot(request).await.expect("routes answer everything")
    }

    async fn names(&self, query: &[(&str, &str)]) -> Vec<String> {
        self.matches(query).await.into_iter().map(|found| self.short(&found.path)).collect()
    }

    async fn matches(&self, query: &[(&str, &str)]) -> Vec<NameMatch> {
        let (status, lines) = self.send("files", query).await;
        assert_eq!(status, 200, "{lines}");
        lines.lines().map(|line| serde_json::from_str(line).expect("a match")).collect()
    }

    async fn content(&self, query: &[(&str, &str)]) -> (Vec<String>, (u64, u64, bool)) {
        let (status, lines) = self.send("content", query).await;
        assert_eq!(status, 200, "{lines}");
        let mut found = Vec::new();
        let mut end = None;
        for line in lines.lines() {
            assert!(end.is_none(), "nothing comes after the end");
            match serde_json::from_str(line).expect("an event") {
                ContentEvent::Match { path, line, .. } => found.push(format!("{}:{line}", self.short(&path))),
                ContentEvent::End { files, matches, truncated } => end = Some((files, matches, truncated)),
            }
        }
        found.sort();
        (found, end.expect("the end is told"))
    }

    fn short(&self, path: &str) -> String {
        Path::new(path).strip_prefix(self.0.path()).expect("below the root").display().to_string()
    }
}

fn project() -> Tree {
    let tree = Tree::new(&[
        ("src/main.rs", "fn main() {\n    println!(\"needle\");\n}\n"),
        ("src/files/router.rs", "needle and Needle\n"),
        ("src/routes.rs", "NEEDLE\n"),
        ("docs/router.md", "a needless word\n"),
        (".env", "needle=1\n"),
        (".gitignore", "target\n*.log\n"),
        ("target/debug/needle.rs", "needle\n"),
        ("run.log", "needle\n"),
        (".git/config", "needle\n"),
        (".coditect/trash/1700000000000-0123456789abcdef/item", "needle\n"),
        (".coditect-tmp-0-0", "needle\n"),
    ]);
    tree.put("image.bin", b"needle\0needle\n");
    symlink("/etc", tree.0.path().join("outside")).expect("a link");
    symlink(".", tree.0.path().join("circle")).expect("a link");
    rustix::fs::mknodat(CWD, tree.0.path().join("fifo.rs"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    tree
}

#[tokio::test]
async fn names_match_as_in_quick_open() {
    let tree = project();
    assert_eq!(tree.names(&[("query", "router")]).await[..2], ["docs/router.md", "src/files/router.rs"]);
    assert_eq!(tree.names(&[("query", "router.rs")]).await[0], "src/files/router.rs");
    assert_eq!(tree.names(&[("query", "files rou")]).await, ["src/files/router.rs"]);
    assert_eq!(tree.names(&[("query", "sfr")]).await[0], "src/files/router.rs");
    assert_eq!(tree.names(&[("query", "src\\main")]).await, ["src/main.rs"]);
    assert_eq!(tree.names(&[("query", "env")]).await, [".env"]);
    assert_eq!(tree.names(&[("query", "needle")]).await, [""; 0], "ignored files stay out");
    assert_eq!(tree.names(&[("query", "needle"), ("ignored", "true")]).await, ["target/debug/needle.rs"]);
    assert_eq!(tree.names(&[("query", "r"), ("limit", "1")]).await.len(), 1);
    let all = tree.names(&[("query", ""), ("ignored", "true")]).await;
    assert!(
        !all.iter().any(|name| name.starts_with(".git/") || name.contains("trash") || name.contains("fifo")),
        "{all:?}"
    );
}

#[tokio::test]
async fn nothing_typed_lists_what_was_touched_last() {
    let tree = project();
    let now = tree.put("docs/latest.md", "x").metadata().unwrap().modified().unwrap();
    let later = std::fs::File::options().write(true).open(tree.0.path().join("docs/router.md")).unwrap();
    later.set_modified(now + std::time::Duration::from_secs(5)).unwrap();
    assert_eq!(tree.names(&[("limit", "1")]).await, ["docs/router.md"]);
}

#[tokio::test]
async fn matched_characters_are_counted_as_characters() {
    let tree = Tree::new(&[("😀/é-file.txt", "")]);
    let found = tree.matches(&[("query", "file")]).await;
    assert_eq!(found[0].indices, [4, 5, 6, 7]);
    let found = tree.matches(&[("query", "😀file")]).await;
    assert_eq!(found[0].indices, [0, 4, 5, 6, 7]);
}

#[tokio::test]
async fn content_honours_case_word_and_ignore_files() {
    let tree = project();
    let find = async |query: &[(&str, &str)]| tree.content(query).await.0;
    let smart = find(&[("query", "needle")]).await;
    let expected = [".env:1", "docs/router.md:1", "src/files/router.rs:1", "src/main.rs:2", "src/routes.rs:1"];
    assert_eq!(smart, expected);
    assert_eq!(find(&[("query", "NEEDLE")]).await, ["src/routes.rs:1"]);
    assert_eq!(find(&[("query", "Needle"), ("case", "insensitive")]).await.len(), 5);
    assert_eq!(find(&[("query", "needle"), ("case", "sensitive")]).await.len(), 4);
    assert_eq!(find(&[("query", "needl")]).await.len(), 5);
    assert_eq!(find(&[("query", "needl"), ("word", "true")]).await, [""; 0]);
    assert_eq!(find(&[("query", "needle"), ("word", "true")]).await.len(), 4, "not needless");
    assert_eq!(find(&[("query", "needle"), ("ignored", "true")]).await.len(), 7);
    assert_eq!(find(&[("query", "n..dle\\b.*and"), ("regex", "true")]).await, ["src/files/router.rs:1"]);
    assert_eq!(find(&[("query", "println!(\"")]).await, ["src/main.rs:2"]);
}

#[tokio::test]
async fn patterns_choose_files_as_editors_do() {
    let tree = project();
    let find = async |query: &[(&str, &str)]| {
        let query: Vec<(&str, &str)> = [("query", "needl")].into_iter().chain(query.iter().copied()).collect();
        tree.content(&query).await.0
    };
    assert_eq!(find(&[("include", "*.rs")]).await, ["src/files/router.rs:1", "src/main.rs:2", "src/routes.rs:1"]);
    assert_eq!(find(&[("include", "*.{md,log}")]).await, ["docs/router.md:1"], "an ignored file stays ignored");
    assert_eq!(find(&[("include", "files, docs/")]).await, ["docs/router.md:1", "src/files/router.rs:1"]);
    assert_eq!(find(&[("include", "./docs")]).await, ["docs/router.md:1"]);
    assert_eq!(find(&[("include", "./router.md")]).await, [""; 0]);
    assert_eq!(find(&[("exclude", "src, .env")]).await, ["docs/router.md:1"]);
    assert_eq!(find(&[("include", "src/**"), ("exclude", "**/files")]).await, ["src/main.rs:2", "src/routes.rs:1"]);
}

#[tokio::test]
async fn limits_encodings_and_binary_files() {
    let tree = Tree::new(&[("many", &"needle\n".repeat(1000)), ("crlf", "x\r\nneedle\r\n")]);
    tree.put("latin", b"caf\xe9 needle\n");
    let utf16: Vec<u8> = "\u{feff}x\nneedle\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    tree.put("utf16", utf16);
    tree.put("binary", b"\0\0needle\n");
    let (found, (_, matches, truncated)) =
        tree.content(&[("query", "needle"), ("limit", "10"), ("include", "many")]).await;
    assert_eq!((found.len(), matches, truncated), (10, 10, true));
    let (found, end) = tree.content(&[("query", "needle"), ("exclude", "many")]).await;
    assert_eq!(found, ["crlf:2", "latin:1", "utf16:2"]);
    assert_eq!((end.1, end.2), (3, false));
    let (_, lines) = tree.send("content", &[("query", "needle"), ("include", "latin")]).await;
    let event: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!((&event["text"], &event["ranges"]), (&"caf\u{fffd} needle".into(), &serde_json::json!([[5, 11]])));
    let (found, _) = tree.content(&[("query", "needle$"), ("regex", "true"), ("include", "crlf")]).await;
    assert_eq!(found, ["crlf:2"]);
}

#[tokio::test]
async fn what_cannot_be_searched_is_refused_with_the_reason() {
    let tree = project();
    for (query, word) in [
        (vec![("query", "(unclosed"), ("regex", "true")], "unclosed"),
        (vec![("query", "a{1000}{1000}{1000}"), ("regex", "true")], "pattern"),
        (vec![("query", "")], "what to search"),
        (vec![("query", "x"), ("include", "a[")], "pattern"),
        (vec![("query", "x"), ("exclude", "!a")], "without"),
    ] {
        let (status, body) = tree.send("content", &query).await;
        assert_eq!(status, 422, "{query:?} {body}");
        assert!(body.contains(word), "{body}");
    }
    let (status, _) = tree.send("content", &[("query", &"x".repeat(3000))]).await;
    assert_eq!(status, 422);
    let (status, _) = tree.send("content", &[("query", "x"), ("case", "wrong")]).await;
    assert_eq!(status, 400);
    let absent = Request::get("/v1/search/files?root=/nonexistent&query=x").body(Body::empty()).unwrap();
    assert_eq!(super::router().oneshot(absent).await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_search_nobody_waits_for_gives_its_thread_back() {
    let tree = Tree::new(&[]);
    // A huge file without a match, and one with more matches than anyone reads.
    std::fs::File::create(tree.0.path().join("huge")).unwrap().set_len(64 << 30).unwrap();
    tree.put("many", "needle\n".repeat(200_000));
    for _ in 0..8 {
        // More than there are permits: each must come back for the next to begin.
        let response = tree.respond("content", &[("query", "needle"), ("limit", "5000")]).await;
        drop(response);
    }
    let mut body =
        tree.respond("content", &[("query", "needle"), ("limit", "5000"), ("include", "many")]).await.into_body();
    assert!(
        body.frame()
            .await
            .expect("a frame")
            .expect("data")
            .into_data()
            .expect("bytes")
            .starts_with(b"{\"type\":\"match\"")
    );
}
