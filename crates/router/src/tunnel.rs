//! After a protocol change: bytes both ways, unread.

use std::io;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::logins::Guard;

/// One direction's buffer at first, in bytes: enough for keystrokes, and most tunnels are idle.
const BUFFER_MIN_BYTES: usize = 2 * 1024;
/// One direction's buffer once it was filled, in bytes: the most that is held for a slow reader beside the sockets'
/// own buffers.
const BUFFER_MAX_BYTES: usize = 32 * 1024;
/// Both sides have answered; the connections are handed over within this.
const HANDOVER: Duration = Duration::from_secs(10);
/// When one direction has ended, the other may still finish within this.
const LINGER: Duration = Duration::from_secs(5);

/// Joins the two upgraded connections until one ends, the login ends, or the router does.
pub(crate) async fn tunnel(
    client: OnUpgrade,
    upstream: OnUpgrade,
    login: Guard,
    stop: CancellationToken,
    connection: AbortOnDropHandle<()>,
) {
    let handover = tokio::time::timeout(HANDOVER, async { tokio::try_join!(client, upstream) });
    let (client, upstream) = match handover.await {
        Ok(Ok((client, upstream))) => (TokioIo::new(client), TokioIo::new(upstream)),
        Ok(Err(error)) => return tracing::debug!(%error, "a protocol change was not completed"),
        Err(_) => return tracing::debug!("a protocol change was not completed in time"),
    };
    tokio::select! {
        () = copy_both(client, upstream) => {}
        () = login.token().cancelled_owned() => {}
        () = stop.cancelled() => {}
    }
    drop(connection);
}

async fn copy_both(client: impl AsyncRead + AsyncWrite, upstream: impl AsyncRead + AsyncWrite) {
    let (client_read, client_write) = tokio::io::split(client);
    let (upstream_read, upstream_write) = tokio::io::split(upstream);
    let mut up = std::pin::pin!(pump(client_read, upstream_write));
    let mut down = std::pin::pin!(pump(upstream_read, client_write));
    let (first, rest) = tokio::select! {
        first = &mut up => (first, tokio::time::timeout(LINGER, down).await),
        first = &mut down => (first, tokio::time::timeout(LINGER, up).await),
    };
    if let (Err(error), _) | (_, Ok(Err(error))) = (first, rest) {
        tracing::debug!(%error, "a tunnel broke");
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_MIN_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        to.flush().await?;
        if length == buffer.len() && length < BUFFER_MAX_BYTES {
            buffer.resize(BUFFER_MAX_BYTES, 0);
        }
    }
}
