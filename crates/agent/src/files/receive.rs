//! `PUT /v1/files/write` and `PUT /v1/files/upload`: a body of any size becomes a file.
//!
//! The body goes to a temporary file on the same file system, and only a complete one takes the name. There is no limit
//! but the volume's.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use coditect_api::error::ErrorKind;
use http::header::{CONTENT_LENGTH, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::commit::{self, Plan};
use super::failure::failed;
use super::precondition::Precondition;
use super::read::PathQuery;
use super::work::{CHUNK_BYTES, SHORT, drop_elsewhere, run, unless_stalled};
use super::{Params, Places, path};
use crate::error::{Error, Result};

/// Announced sizes from which the space is set aside at once, so that a full volume is told before the upload.
const RESERVE_FROM_BYTES: u64 = 1024 * 1024;

pub(super) async fn write(
    State(places): State<Arc<Places>>,
    Params(query): Params<PathQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let target = path::decode(&query.path)?;
    let precondition = Precondition::of_write(&headers)?;
    receive(&places, target, precondition, false, &headers, body).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    path: String,
    #[serde(default)]
    overwrite: bool,
}

pub(super) async fn upload(
    State(places): State<Arc<Places>>,
    Params(query): Params<UploadQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let target = path::decode(&query.path)?;
    let precondition = if query.overwrite { Precondition::Anything } else { Precondition::AbsentOrConflict };
    receive(&places, target, precondition, true, &headers, body).await
}

async fn receive(
    places: &Places,
    asked: PathBuf,
    precondition: Precondition,
    parents: bool,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let temp = places.temp.clone();
    let (shown, wanted) = (asked.clone(), precondition.clone());
    let plan = run(&SHORT, move |_| {
        if parents {
            make_parents(&asked)?;
        }
        let plan = commit::prepare(&asked, &wanted, &temp)?;
        reserve(&plan, announced)?;
        Ok(plan)
    })
    .await?;
    let spool = Spool(Some(Arc::new(plan)));
    spool_body(&spool, body).await?;
    let mut spool = spool;
    let plan = spool.0.take().and_then(Arc::into_inner);
    let plan = plan.ok_or_else(|| Error::internal("a write was finished while it was still going on"))?;
    let (entry, etag, created) = run(&SHORT, move |_| commit::commit(plan, &shown, &precondition)).await?;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let etag = HeaderValue::from_str(&etag).map_err(|_| Error::internal("an etag is not a header value"))?;
    Ok((status, [(ETAG, etag)], Json(entry)).into_response())
}

fn make_parents(target: &std::path::Path) -> Result<()> {
    match target.parent() {
        Some(parent) => std::fs::create_dir_all(parent).map_err(|error| failed("make", parent, &error)),
        None => Ok(()),
    }
}

fn reserve(plan: &Plan, announced: Option<u64>) -> Result<()> {
    let Some(size) = announced.filter(|&size| size >= RESERVE_FROM_BYTES) else { return Ok(()) };
    match rustix::fs::fallocate(plan.file(), FallocateFlags::KEEP_SIZE, 0, size) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(failed("write", plan.target(), &error.into())),
        // Not every file system can; the writes themselves will tell.
        _ => Ok(()),
    }
}

/// Writes the body to the temporary file, in pieces of [`CHUNK_BYTES`].
async fn spool_body(spool: &Spool, mut body: Body) -> Result<()> {
    let mut waiting = BytesMut::new();
    loop {
        let frame = unless_stalled(body.frame()).await?;
        let ended = frame.is_none();
        if let Some(frame) = frame {
            let frame =
                frame.map_err(|_| Error::new(ErrorKind::InvalidRequest, "the body ended early; send it again"))?;
            if let Some(data) = frame.data_ref() {
                waiting.extend_from_slice(data);
            }
        }
        if waiting.len() >= CHUNK_BYTES || (ended && !waiting.is_empty()) {
            let plan = spool.0.clone().ok_or_else(|| Error::internal("a write without its temporary file"))?;
            waiting = run(&SHORT, move |_| {
                let written = plan.file().write_all(&waiting).map_err(|error| failed("write", plan.target(), &error));
                drop(plan);
                waiting.clear();
                written.map(|()| waiting)
            })
            .await?;
        }
        if ended {
            return Ok(());
        }
    }
}

/// The temporary file while its body arrives; a client that leaves drops it, on a thread that may wait.
struct Spool(Option<Arc<Plan>>);

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(plan) = self.0.take() {
            drop_elsewhere(plan);
        }
    }
}
