//! `GET /v1/files/read`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use rustix::fs::{CWD, FileType, Mode};

use super::super::work::CHUNK_BYTES;
use super::{Answer, Fixture, path, request, uri};

fn read(method: Method, file: &Path, headers: &[(&str, &str)]) -> Request<Body> {
    request(method, &uri("/v1/files/read", &[("path", &path::encode(file))]), headers, Body::empty())
}

async fn range(fixture: &Fixture, file: &Path, range: &str) -> Answer {
    fixture.answer(read(Method::GET, file, &[("range", range)])).await
}

#[tokio::test]
async fn a_file_is_bytes_for_download_with_its_version() {
    let fixture = Fixture::new();
    let file = fixture.put("a \"b\" é.html", "<script>alert(1)</script>");
    let whole = fixture.answer(read(Method::GET, &file, &[])).await;
    assert_eq!(whole.is(200).bytes, b"<script>alert(1)</script>");
    assert_eq!(whole.headers["content-type"], "application/octet-stream");
    assert_eq!(whole.headers["x-content-type-options"], "nosniff");
    assert_eq!(whole.headers["content-disposition"], "attachment; filename*=UTF-8''a%20%22b%22%20%C3%A9.html");
    assert_eq!(whole.headers["content-length"], "25");
    let etag = whole.headers["etag"].to_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'));

    let again = fixture.answer(read(Method::GET, &file, &[("if-none-match", etag)])).await;
    assert_eq!(again.is(304).bytes, b"");
    let head = fixture.answer(read(Method::HEAD, &file, &[])).await;
    assert_eq!((head.is(200).bytes.len(), &head.headers["content-length"]), (0, &whole.headers["content-length"]));

    std::fs::write(&file, "changed").unwrap();
    let changed = fixture.answer(read(Method::GET, &file, &[("if-none-match", etag)])).await;
    assert_eq!(changed.is(200).bytes, b"changed");
    // A range of the version that is gone would be joined to the wrong rest.
    let stale = [("range", "bytes=0-1"), ("if-range", etag)];
    assert_eq!(fixture.answer(read(Method::GET, &file, &stale)).await.is(200).bytes, b"changed");
}

#[tokio::test]
async fn ranges_of_a_two_gigabyte_file_cost_only_what_they_bring() {
    let fixture = Fixture::new();
    let path = fixture.at("huge");
    let size = 2 * 1024 * 1024 * 1024 + 10_u64;
    let file = File::create(&path).unwrap();
    file.set_len(size).unwrap();
    file.write_all_at(b"the end...", size - 10).unwrap();
    file.write_all_at(b"middle", 1 << 30).unwrap();

    let tail = range(&fixture, &path, "bytes=-10").await;
    assert_eq!(tail.is(206).bytes, b"the end...");
    assert_eq!(tail.headers["content-range"], format!("bytes {}-{}/{size}", size - 10, size - 1).as_str());
    assert_eq!(range(&fixture, &path, "bytes=1073741824-1073741829").await.is(206).bytes, b"middle");
    let open_ended = range(&fixture, &path, &format!("bytes={}-", size - 3)).await;
    assert_eq!(open_ended.is(206).bytes, b"...");
    let outside = range(&fixture, &path, &format!("bytes={size}-")).await;
    assert_eq!(outside.headers["content-range"], format!("bytes */{size}").as_str());
    outside.is(416).refuses("range_not_satisfiable");

    // The whole of it comes in pieces of bounded size, and only as fast as they are taken.
    let mut body = fixture.send(read(Method::GET, &path, &[])).await.into_body();
    let mut taken = 0;
    for _ in 0..64 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(piece.len() <= CHUNK_BYTES);
        taken += piece.len();
    }
    assert_eq!(taken, 64 * CHUNK_BYTES);
}

#[tokio::test]
async fn a_file_cut_while_it_is_read_ends_with_an_error() {
    let fixture = Fixture::new();
    let path = fixture.put("file", vec![7; 8 * CHUNK_BYTES]);
    let mut body = fixture.send(read(Method::GET, &path, &[])).await.into_body();
    body.frame().await.unwrap().unwrap();
    File::options().write(true).open(&path).unwrap().set_len(10).unwrap();
    let mut frames = 0;
    let error = loop {
        match body.frame().await.expect("an error, not an end") {
            Ok(_) => frames += 1,
            Err(error) => break error,
        }
    };
    assert!(frames <= 1, "{frames}");
    assert!(error.to_string().contains("shorter"), "{error}");
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn what_is_no_file_is_refused_without_waiting() {
    let fixture = Fixture::new();
    rustix::fs::mknodat(CWD, fixture.at("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fixture.at("socket")).unwrap();
    std::os::unix::fs::symlink(fixture.at("fifo"), fixture.at("link")).unwrap();
    std::os::unix::fs::symlink("circle", fixture.at("circle")).unwrap();
    for (path, word) in [
        (fixture.at("fifo"), "a FIFO"),
        (fixture.at("link"), "a FIFO"),
        (fixture.at("socket"), "a socket"),
        (fixture.at(""), "a directory"),
        ("/dev/zero".into(), "a device"),
        ("/dev/tty".into(), "a device"),
        (fixture.at("circle"), "circle"),
    ] {
        let message = fixture.answer(read(Method::GET, &path, &[])).await.is(422).refuses("invalid_value");
        assert!(message.contains(word), "{message}");
    }
    // Writing to them is refused as soon.
    let message = fixture.write(&fixture.at("fifo"), &[("if-match", "*")], "x").await.is(422).refuses("invalid_value");
    assert!(message.contains("a FIFO"), "{message}");
}
