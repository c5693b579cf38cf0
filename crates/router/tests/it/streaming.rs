//! Bodies pass as they come, of any size, with bounded memory.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::{Answer, Ask, DEADLINE, World, read_until};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1600; // 100 MiB

#[tokio::test]
async fn an_event_arrives_before_the_stream_ends_and_the_stream_ends_with_the_login() {
    let world = World::start().await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<Result<Bytes, std::io::Error>>();
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let events = axum::Router::new().route(
        "/events",
        get(move || async move {
            let mut receiver = receiver.lock().unwrap().take().unwrap();
            let stream = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
            Response::builder().header("content-type", "text/event-stream").body(Body::from_stream(stream)).unwrap()
        }),
    );
    world.serve_port(3000, events).await;
    let mut stream = world.connect().await;
    stream.write_all(&world.visit(3000, "GET", "/events").bytes()).await.unwrap();
    sender.send(Ok("data: one\n\n".into())).unwrap();
    assert!(read_until(&mut stream, "data: one\n\n").await.contains("200 OK"));
    sender.send(Ok("data: two\n\n".into())).unwrap();
    read_until(&mut stream, "data: two\n\n").await;
    world.table.end(world.login, true);
    let mut rest = Vec::new();
    drop(tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("the stream outlived its login"));
    assert!(!rest.ends_with(b"0\r\n\r\n"), "a cut must not look like an end");
}

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn a_hundred_megabytes_pass_both_ways_without_being_held() {
    let world = World::start().await;
    let big = axum::Router::new()
        .route(
            "/up",
            post(|request: Request| async move {
                let mut stream = request.into_body().into_data_stream();
                let (mut length, mut sum) = (0_usize, 0_u64);
                while let Some(Ok(bytes)) = stream.next().await {
                    length += bytes.len();
                    sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
                }
                format!("{length} {sum}")
            }),
        )
        .route(
            "/down",
            get(|| async {
                let chunk = Bytes::from(vec![3; CHUNK]);
                let stream =
                    futures_util::stream::iter((0..CHUNKS).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
                Body::from_stream(stream)
            }),
        );
    world.serve_port(3000, big).await;
    let before = resident_bytes();
    let (mut peak, bound) = (0, 64 << 20);

    let up = world
        .visit(3000, "POST", "/up")
        .header("Sec-Fetch-Site", "same-origin")
        .header("Content-Length", &(CHUNK * CHUNKS).to_string());
    let mut stream = world.connect().await;
    stream.write_all(&up.bytes()).await.unwrap();
    let chunk = vec![2; CHUNK];
    for _ in 0..CHUNKS {
        stream.write_all(&chunk).await.unwrap();
        peak = peak.max(resident_bytes());
    }
    let answer = Answer::parse(&crate::harness::read_to_end(&mut stream).await);
    assert_eq!(answer.text(), format!("{} {}", CHUNK * CHUNKS, 2 * CHUNK * CHUNKS));

    let mut stream = world.connect().await;
    stream.write_all(&world.visit(3000, "GET", "/down").bytes()).await.unwrap();
    let mut buffer = vec![0; CHUNK];
    let mut threes = 0;
    loop {
        let length = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await.unwrap().unwrap();
        if length == 0 {
            break;
        }
        threes += buffer[..length].iter().filter(|&&byte| byte == 3).count();
        peak = peak.max(resident_bytes());
    }
    assert_eq!(threes, CHUNK * CHUNKS);
    assert!(peak - before.min(peak) < bound, "memory grew by {} bytes", peak - before);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_and_holds_up_nobody() {
    let world = World::with(|limits| limits.write_stall_timeout = Duration::from_millis(200)).await;
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = sent.clone();
    let endless = axum::Router::new()
        .route(
            "/endless",
            get(move || async move {
                let stream = futures_util::stream::repeat_with(move || {
                    count.fetch_add(CHUNK, std::sync::atomic::Ordering::SeqCst);
                    Ok::<_, std::io::Error>(Bytes::from(vec![0; CHUNK]))
                });
                // Dropping the stream is how the app learns that the client is gone.
                Body::from_stream(stream)
            }),
        )
        .route("/quick", get(|| async { "quick" }));
    world.serve_port(3000, endless).await;
    let mut stream = world.connect().await;
    stream.write_all(&world.visit(3000, "GET", "/endless").bytes()).await.unwrap();
    read_until(&mut stream, "200 OK").await;
    // Not reading any more: what is in flight is bounded by the buffers between.
    assert_eq!(world.send(&world.visit(3000, "GET", "/quick")).await.text(), "quick");
    let cut = async {
        // Written into a full pipe, one byte at a time, until the router's reset arrives.
        loop {
            if stream.write_all(b"x").await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, cut).await.expect("a client that takes nothing was not cut");
    assert!(sent.load(std::sync::atomic::Ordering::SeqCst) < 64 << 20, "held more than the buffers between");
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_has_ended() {
    let world = World::start().await;
    let early = axum::Router::new()
        .route("/early", post(|| async { (axum::http::StatusCode::PAYLOAD_TOO_LARGE, "too large") }));
    world.serve_port(3000, early).await;
    let ask =
        world.visit(3000, "POST", "/early").header("Sec-Fetch-Site", "same-origin").header("Content-Length", "1000000");
    let mut stream = world.connect().await;
    stream.write_all(&ask.bytes()).await.unwrap();
    stream.write_all(&[0; 1000]).await.unwrap();
    assert!(read_until(&mut stream, "too large").await.contains("413"));
}

#[tokio::test]
async fn an_upload_to_the_agent_streams_through() {
    let world = World::start().await;
    let body = vec![b'a'; 900_000];
    let answer = world.send(&world.call("PUT", "/v1/files/write?path=%2Fbig").body(&body)).await;
    assert_eq!(answer.json()["body"].as_str().unwrap().len(), body.len());
    let chunked = world.call("PUT", "/v1/files/write").header("Transfer-Encoding", "chunked");
    let mut raw = chunked.bytes();
    raw.extend_from_slice(b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n");
    let answer = world.send_raw(&raw).await;
    assert_eq!(answer.json()["body"], "abcde");
    assert!(!answer.text().contains("x-trailer"));
    assert_eq!(world.send(&Ask::get("/health")).await.status, 200);
}
