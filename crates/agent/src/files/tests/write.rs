//! `PUT /v1/files/write` and `PUT /v1/files/upload`.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::Method;

use super::{Fixture, names, path, request, uri};

fn etag_of(answer: &super::Answer) -> String {
    answer.json()["etag"].as_str().unwrap().to_owned()
}

async fn upload(fixture: &Fixture, file: &Path, overwrite: bool, content: impl Into<Body>) -> super::Answer {
    let overwrite = if overwrite { "true" } else { "false" };
    let uri = uri("/v1/files/upload", &[("path", &path::encode(file)), ("overwrite", overwrite)]);
    fixture.answer(request(Method::PUT, &uri, &[], content.into())).await
}

#[tokio::test]
async fn a_version_is_replaced_only_by_who_names_it() {
    let fixture = Fixture::new();
    let file = fixture.at("file");
    let first = fixture.write(&file, &[], "one").await;
    assert_eq!(first.is(201).headers["etag"], etag_of(&first).as_str());

    let blind = fixture.write(&file, &[], "blind").await;
    blind.is(412).refuses("precondition_failed");
    assert_eq!(blind.json()["error"]["details"]["current_etag"], etag_of(&first));
    fixture.write(&file, &[("if-none-match", "*")], "again").await.is(412);

    let second = fixture.write(&file, &[("if-match", &etag_of(&first))], "two").await;
    let stale = fixture.write(&file, &[("if-match", &etag_of(&first))], "stale").await;
    let message = stale.is(412).refuses("precondition_failed");
    assert!(message.contains("changed by someone else"), "{message}");
    assert_eq!(stale.json()["error"]["details"]["current_etag"], etag_of(&second));
    assert_eq!(std::fs::read(&file).unwrap(), b"two");

    // The etag of the answer is the one a reader gets: saving twice in a row works.
    fixture.write(&file, &[("if-match", &etag_of(second.is(200)))], "three").await.is(200);
    fixture.write(&file, &[("if-match", "*")], "whatever was there").await.is(200);
    let current = fixture.get("/v1/files/stat", &[("path", &path::encode(&file))]).await;
    std::fs::remove_file(&file).unwrap();
    let gone = fixture.write(&file, &[("if-match", &etag_of(&current))], "x").await;
    assert!(gone.is(412).refuses("precondition_failed").contains("deleted"));
    assert_eq!(names(&fixture.at("")), [""; 0]);
}

#[tokio::test]
async fn of_many_writers_of_one_version_exactly_one_wins() {
    let fixture = Fixture::new();
    for round in 0..20 {
        let file = fixture.at(&format!("file{round}"));
        let start = etag_of(fixture.write(&file, &[], "start").await.is(201));
        let writers = (0..16).map(|number| {
            let (fixture, file, start) = (&fixture, &file, &start);
            async move { (number, fixture.write(file, &[("if-match", start)], format!("writer {number}")).await) }
        });
        let answers: Vec<_> = futures_util::future::join_all(writers).await;
        let won: Vec<i32> =
            answers.iter().filter(|(_, answer)| answer.status == 200).map(|(number, _)| *number).collect();
        assert_eq!(won.len(), 1, "{won:?}");
        assert!(answers.iter().all(|(_, answer)| answer.status == 200 || answer.status == 412));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("writer {}", won[0]));

        let fresh = fixture.at(&format!("fresh{round}"));
        let creators = (0..16).map(|_| fixture.write(&fresh, &[("if-none-match", "*")], "x"));
        let created = futures_util::future::join_all(creators).await;
        assert_eq!(created.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(created.iter().filter(|answer| answer.status == 412).count(), 15);
    }
}

#[tokio::test]
async fn permissions_and_attributes_stay_and_the_old_inode_is_left_whole() {
    let fixture = Fixture::new();
    let file = fixture.put("script.sh", "old");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4751)).unwrap();
    rustix::fs::setxattr(&file, "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
    let reader = std::fs::File::open(&file).unwrap();
    let inode = file.metadata().unwrap().ino();
    fixture.write(&file, &[("if-match", "*")], "new content").await.is(200);
    let now = file.metadata().unwrap();
    assert_eq!(now.mode() & 0o7777, 0o4751);
    assert_ne!(now.ino(), inode);
    let mut value = [0; 16];
    let length = rustix::fs::getxattr(&file, "user.note", value.as_mut_slice()).unwrap();
    assert_eq!(&value[..length], b"kept");
    assert_eq!(std::io::read_to_string(reader).unwrap(), "old", "whoever has it open keeps the old content whole");
}

#[tokio::test]
async fn links_are_written_through_and_hard_links_stay_one_file() {
    let fixture = Fixture::new();
    let file = fixture.put("real/file", "old");
    symlink("real/file", fixture.at("soft")).unwrap();
    symlink("real/later", fixture.at("dangling")).unwrap();
    std::fs::hard_link(&file, fixture.at("hard")).unwrap();
    let inode = file.metadata().unwrap().ino();

    let etag = etag_of(fixture.get("/v1/files/stat", &[("path", &path::encode(&fixture.at("soft")))]).await.is(200));
    let through = fixture.write(&fixture.at("soft"), &[("if-match", &etag)], "longer than before").await;
    assert_eq!(through.is(200).json()["kind"], "symlink");
    assert!(fixture.at("soft").is_symlink());
    assert_eq!(std::fs::read(fixture.at("hard")).unwrap(), b"longer than before");
    assert_eq!(file.metadata().unwrap().ino(), inode);
    fixture.write(&fixture.at("soft"), &[("if-match", &etag_of(&through))], "short").await.is(200);
    assert_eq!(std::fs::read(fixture.at("hard")).unwrap(), b"short");

    fixture.write(&fixture.at("dangling"), &[], "made").await.is(201);
    assert_eq!(std::fs::read(fixture.at("real/later")).unwrap(), b"made");
    symlink("circle", fixture.at("circle")).unwrap();
    fixture.write(&fixture.at("circle"), &[], "x").await.is(422).refuses("invalid_value");
    fixture.write(&fixture.at("real"), &[("if-match", "*")], "x").await.is(422).refuses("invalid_value");
    fixture.write(&fixture.at("absent/file"), &[], "x").await.is(404).refuses("not_found");
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_the_old_content_and_no_trace() {
    let fixture = Fixture::new();
    let file = fixture.put("file", "old");
    let broken = stream::iter((0..40).map(|_| Ok(Bytes::from(vec![1; 10_000])))).chain(stream::iter([Err("cut")]));
    fixture.write(&file, &[("if-match", "*")], Body::from_stream(broken)).await.is(400).refuses("invalid_request");
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    assert_eq!(names(&fixture.at("")), ["file"]);

    // A client that leaves in the middle: its request is dropped with the body unfinished.
    let endless =
        stream::iter((0..40).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![1; 10_000])))).chain(stream::pending());
    let mut write = Box::pin(fixture.write(&file, &[("if-match", "*")], Body::from_stream(endless)));
    for _ in 0..2000 {
        assert!(super::poll_once(&mut write).await.is_pending());
        tokio::task::yield_now().await;
    }
    drop(write);
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    assert_eq!(names(&fixture.at("")), ["file"], "an unfinished file has no name");
}

#[tokio::test]
async fn a_large_body_arrives_whole() {
    let fixture = Fixture::new();
    let pieces = || (0..3000_u32).map(|number| Bytes::from(number.to_le_bytes().repeat(2500)));
    let body = Body::from_stream(stream::iter(pieces().map(Ok::<_, std::io::Error>)));
    assert_eq!(upload(&fixture, &fixture.at("new/deep/file"), false, body).await.is(201).json()["size"], 30_000_000);
    let written = std::fs::read(fixture.at("new/deep/file")).unwrap();
    assert!(written == pieces().flatten().collect::<Vec<u8>>());
}

#[tokio::test]
async fn uploads_make_parents_and_do_not_overwrite_unasked() {
    let fixture = Fixture::new();
    let file = fixture.at("a/b/c.txt");
    upload(&fixture, &file, false, "one").await.is(201);
    upload(&fixture, &file, false, "two").await.is(409).refuses("conflict");
    upload(&fixture, &file, true, "three").await.is(200);
    assert_eq!(std::fs::read(&file).unwrap(), b"three");
    upload(&fixture, &file.join("below"), false, "x").await.is(409).refuses("conflict");
}

#[tokio::test]
async fn a_full_volume_is_told_as_such_and_loses_nothing() {
    let fixture = Fixture::new();
    let file = fixture.put("file", "old");
    // More than any volume has: refused before the body is sent.
    let announced = [("if-match", "*"), ("content-length", "9000000000000000")];
    fixture.write(&file, &announced, "short").await.is(507).refuses("storage_full");
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    assert_eq!(names(&fixture.at("")), ["file"]);
}

/// A small file system of its own, in a mount namespace of its own: a test process is re-executed there, because a
/// process with threads cannot enter one.
#[test]
fn a_volume_that_fills_up_while_written_keeps_the_old_content() {
    const INSIDE: &str = "--include-ignored";
    let program = std::env::current_exe().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\" && exec \"$2\" --exact files::tests::write::inside_a_small_volume --ignored --nocapture";
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, INSIDE])
        .arg(directory.path())
        .arg(program)
        .current_dir(directory.path())
        .env("CODITECT_SMALL_VOLUME", directory.path())
        .output()
        .expect("unshare(1) of util-linux");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[tokio::test]
#[ignore = "run by a_volume_that_fills_up_while_written_keeps_the_old_content, inside a namespace of its own"]
#[expect(clippy::disallowed_methods, reason = "the directory is told by the process that made the namespace")]
async fn inside_a_small_volume() {
    let volume = std::path::PathBuf::from(std::env::var("CODITECT_SMALL_VOLUME").expect("set by the outer test"));
    let fixture = Fixture::new();
    let file = volume.join("file");
    std::fs::write(&file, "old").unwrap();
    let much =
        || Body::from_stream(stream::iter((0..64).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![1; 65_536])))));
    let message = fixture.write(&file, &[("if-match", "*")], much()).await.is(507).refuses("storage_full");
    assert!(message.contains("no space"), "{message}");
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    // In place too, where the old content could be lost: space is set aside first.
    std::fs::hard_link(&file, volume.join("hard")).unwrap();
    fixture.write(&file, &[("if-match", "*")], much()).await.is(507).refuses("storage_full");
    assert_eq!(std::fs::read(volume.join("hard")).unwrap(), b"old");
    // The space of a write that failed comes back on another thread.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::fs::write(volume.join("most"), vec![1; 700 * 1024]).is_err() {
        assert!(std::time::Instant::now() < deadline, "the space is not given back");
        tokio::task::yield_now().await;
    }
    fixture.write(&file, &[("if-match", "*")], vec![2; 200 * 1024]).await.is(507).refuses("storage_full");
    assert_eq!(std::fs::read(volume.join("hard")).unwrap(), b"old");
    assert_eq!(names(&volume), ["file", "hard", "most"]);
}
