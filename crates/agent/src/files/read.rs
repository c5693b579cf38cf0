//! `GET /v1/files/stat` and `GET /v1/files/read`: what an entry is, and a regular file's bytes.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use coditect_api::error::ErrorKind;
use coditect_api::files::FileEntry;
use futures_util::future::BoxFuture;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use rustix::fs::{Mode, OFlags};

use super::failure::failed;
use super::range::{self, Asked};
use super::work::{CHUNK_BYTES, SHORT, drop_elsewhere, run};
use super::{Params, entry, path, precondition};
use crate::error::{Error, Result};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathQuery {
    pub(super) path: String,
}

pub(super) async fn stat(Params(query): Params<PathQuery>) -> Result<Json<FileEntry>> {
    let target = path::decode(&query.path)?;
    run(&SHORT, move |_| entry::read(&target).map(Json).map_err(|error| failed("look at", &target, &error))).await
}

pub(super) async fn read(Params(query): Params<PathQuery>, headers: HeaderMap) -> Result<Response> {
    let target = path::decode(&query.path)?;
    let disposition = disposition(&target, "");
    let (file, metadata) = run(&SHORT, move |_| open(&target)).await?;
    let etag = entry::etag(&metadata);
    let size = metadata.len();
    let mut answer = HeaderMap::new();
    answer.insert(ETAG, header(&etag));
    answer.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Whatever the bytes are, no browser is to interpret them on this origin.
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer.insert(CONTENT_DISPOSITION, disposition);
    if precondition::has_already(&headers, &etag)? {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let same_version = text(IF_RANGE).is_none_or(|version| version == etag);
    let (status, start, length) = match range::parse(text(RANGE).filter(|_| same_version), size) {
        Asked::Whole => (StatusCode::OK, 0, size),
        Asked::Part { start, end } => {
            answer.insert(CONTENT_RANGE, header(&format!("bytes {start}-{end}/{size}")));
            (StatusCode::PARTIAL_CONTENT, start, end - start + 1)
        }
        Asked::Outside => {
            let error = Error::new(ErrorKind::RangeNotSatisfiable, format!("the file has {size} bytes"));
            let mut response = error.with("size", size).into_response();
            response.headers_mut().insert(CONTENT_RANGE, header(&format!("bytes */{size}")));
            return Ok(response);
        }
    };
    answer.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let pieces = Pieces { file: Some(Arc::new(file)), position: start, end: start + length, reading: None };
    Ok((status, answer, Body::new(pieces)).into_response())
}

/// Opens a regular file for reading without ever waiting for a FIFO's writer or waking a device.
pub(super) fn open(path: &Path) -> Result<(File, Metadata)> {
    let attempt = || -> io::Result<(File, Metadata)> {
        // Looked at first, because opening some devices is already an act.
        let before = path.metadata()?;
        if !before.is_file() {
            return Ok((File::open("/dev/null")?, before));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    let (file, metadata) = attempt().map_err(|error| failed("read", path, &error))?;
    if !metadata.is_file() {
        let noun = entry::other_noun(metadata.file_type());
        let message = format!("cannot read {}: it is {noun}, not a file", path.display());
        return Err(Error::invalid_value("path", message).with("path", path::encode(path)));
    }
    Ok((file, metadata))
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of digits and ASCII punctuation")
}

/// `attachment` with the file's name, in the form every browser takes (RFC 6266, RFC 8187).
pub(super) fn disposition(path: &Path, suffix: &str) -> HeaderValue {
    use std::fmt::Write as _;
    let name = format!("{}{suffix}", path.file_name().map_or("files".into(), |name| name.to_string_lossy()));
    let mut text = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing into a String cannot fail");
        }
    }
    header(&text)
}

/// A part of a file as a body: one piece is read when the client has taken the one before.
struct Pieces {
    file: Option<Arc<File>>,
    position: u64,
    end: u64,
    reading: Option<BoxFuture<'static, Result<io::Result<Vec<u8>>>>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        let Some(file) = self.file.clone().filter(|_| self.position < self.end) else {
            return Poll::Ready(None);
        };
        let (position, wanted) = (self.position, self.end - self.position);
        let reading = self.reading.get_or_insert_with(|| {
            Box::pin(run(&SHORT, move |_| {
                let size = usize::try_from(wanted).map_or(CHUNK_BYTES, |wanted| wanted.min(CHUNK_BYTES));
                let mut buffer = vec![0; size];
                Ok(file.read_at(&mut buffer, position).map(|read| {
                    buffer.truncate(read);
                    buffer
                }))
            }))
        });
        let outcome = std::task::ready!(reading.as_mut().poll(context));
        self.reading = None;
        let piece = outcome.map_err(io::Error::other).and_then(|read| read);
        Poll::Ready(Some(match piece {
            Ok(piece) if piece.is_empty() => {
                self.position = self.end;
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"))
            }
            Ok(piece) => {
                self.position += piece.len() as u64;
                Ok(http_body::Frame::data(Bytes::from(piece)))
            }
            Err(error) => {
                self.position = self.end;
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.position >= self.end
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.end - self.position)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        // The last close of a deleted file frees its blocks.
        drop_elsewhere(self.file.take());
    }
}
