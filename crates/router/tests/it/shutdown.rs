//! Stopping: answers under way are finished, tunnels end, and the deadline holds.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use coditect_api::grant::Audience;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::harness::{Answer, Ask, DEADLINE, World, read_to_end, read_until};

#[tokio::test]
async fn an_answer_under_way_is_finished_and_idle_connections_close() {
    let world = World::start().await;
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (a, g) = (asked.clone(), go.clone());
    let slow = Router::new().route(
        "/slow",
        get(|| async move {
            a.notify_one();
            g.notified().await;
            "finished"
        }),
    );
    world.serve_port(3000, slow).await;
    let mut idle = world.connect().await;
    let ask = String::from_utf8(Ask::get("/health").bytes()).unwrap().replace("Connection: close\r\n", "");
    idle.write_all(ask.as_bytes()).await.unwrap();
    read_until(&mut idle, "200 OK").await;
    let grant = world.token(Audience::Workspace, None);
    let ask = Ask::get(&world.agent_path("/v1/events")).websocket().header("Authorization", &format!("Bearer {grant}"));
    let (_, _, mut tunnel) = crate::websocket::open(&world, &ask).await;
    let mut busy = world.connect().await;
    busy.write_all(&world.visit(3000, "GET", "/slow").bytes()).await.unwrap();
    asked.notified().await;

    world.shutdown.cancel();
    read_to_end(&mut idle).await;
    drop(tokio::time::timeout(DEADLINE, tunnel.read_u8()).await.expect("the tunnel was not ended").unwrap_err());
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err(), "still listening");
    go.notify_one();
    assert_eq!(Answer::parse(&read_to_end(&mut busy).await).text(), "finished");
    let drained = tokio::time::timeout(DEADLINE, world.serving).await.unwrap().unwrap();
    assert_eq!(drained.cut, 0);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut_at_the_deadline() {
    let world = World::with(|limits| limits.drain_timeout = Duration::from_millis(100)).await;
    let stuck = Router::new().route("/stuck", get(std::future::pending::<&'static str>));
    let begun = Arc::new(Notify::new());
    let b = begun.clone();
    let stuck = stuck.layer(axum::middleware::from_fn(move |request, next: axum::middleware::Next| {
        b.notify_one();
        next.run(request)
    }));
    world.serve_port(3000, stuck).await;
    let mut stream = world.connect().await;
    stream.write_all(&world.visit(3000, "GET", "/stuck").bytes()).await.unwrap();
    begun.notified().await;
    world.shutdown.cancel();
    let drained = tokio::time::timeout(DEADLINE, world.serving).await.expect("the deadline did not hold").unwrap();
    assert_eq!(drained.cut, 1);
    read_to_end(&mut stream).await;
}
