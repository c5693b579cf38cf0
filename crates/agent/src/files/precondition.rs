//! Which version of a file a request is about: `If-Match`, `If-None-Match`, and what follows from them.

use std::fs::Metadata;
use std::path::Path;

use coditect_api::error::ErrorKind;
use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::{entry, path};
use crate::error::{Error, Result};

/// Most bytes of one of these headers that are looked at.
const HEADER_MAX_BYTES: usize = 4096;

/// What must be so for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Precondition {
    /// Nothing is there yet (`If-None-Match: *`).
    Absent,
    /// Nothing is there yet, or it is a conflict (an upload without `overwrite`).
    AbsentOrConflict,
    /// One of these versions is there (`If-Match`).
    Version(Vec<String>),
    /// Whatever is there, also nothing (`If-Match: *`, an upload with `overwrite`).
    Anything,
    /// No header: creates, but does not overwrite unseen.
    Unstated,
}

impl Precondition {
    /// Reads a write's headers.
    pub(super) fn of_write(headers: &HeaderMap) -> Result<Self> {
        let matches = tags(headers, &IF_MATCH)?;
        let none_matches = tags(headers, &IF_NONE_MATCH)?;
        match (matches, none_matches) {
            (None, None) => Ok(Self::Unstated),
            (Some(Tags::Any), None) => Ok(Self::Anything),
            (Some(Tags::These(etags)), None) => Ok(Self::Version(etags)),
            (None, Some(Tags::Any)) => Ok(Self::Absent),
            (None, Some(Tags::These(_))) => {
                Err(Error::invalid_request("a write takes `If-None-Match: *` or `If-Match` with an etag"))
            }
            (Some(_), Some(_)) => Err(Error::invalid_request("send either If-Match or If-None-Match, not both")),
        }
    }

    /// Whether a write to `target`, where `current` is now, may happen.
    pub(super) fn check(&self, target: &Path, current: Option<&Metadata>) -> Result<()> {
        match (self, current) {
            (Self::Anything, _) | (Self::Absent | Self::AbsentOrConflict | Self::Unstated, None) => Ok(()),
            (Self::Version(etags), Some(current)) if etags.contains(&entry::etag(current)) => Ok(()),
            (Self::AbsentOrConflict, Some(current)) => {
                Err(with_current(Error::new(ErrorKind::Conflict, exists(target)), target, Some(current)))
            }
            (Self::Version(_) | Self::Absent | Self::Unstated, _) => {
                let message = match (self, current) {
                    (Self::Version(_), Some(_)) => {
                        format!(
                            "{} was changed by someone else since it was read; compare, then decide",
                            target.display()
                        )
                    }
                    (_, None) => {
                        format!("{} was deleted since it was read; save it as new to keep it", target.display())
                    }
                    (_, Some(_)) => format!("{}; name the version to replace in If-Match", exists(target)),
                };
                Err(with_current(Error::new(ErrorKind::PreconditionFailed, message), target, current))
            }
        }
    }

    /// Whether the final name must not exist, to be enforced by the kernel in the same step that makes it.
    pub(super) const fn creates_only(&self) -> bool {
        match self {
            Self::Absent | Self::AbsentOrConflict | Self::Unstated => true,
            Self::Version(_) | Self::Anything => false,
        }
    }
}

fn exists(target: &Path) -> String {
    format!("{} exists already", target.display())
}

fn with_current(error: Error, target: &Path, current: Option<&Metadata>) -> Error {
    let error = error.with("path", path::encode(target));
    match current {
        Some(current) if current.is_file() => error.with("current_etag", entry::etag(current)),
        _ => error,
    }
}

/// Whether a reader has this version already (`If-None-Match` of a read).
pub(super) fn has_already(headers: &HeaderMap, etag: &str) -> Result<bool> {
    Ok(match tags(headers, &IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::These(etags)) => etags.iter().any(|have| have == etag),
    })
}

enum Tags {
    Any,
    These(Vec<String>),
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>> {
    let mut these = Vec::new();
    let mut present = false;
    for value in headers.get_all(name) {
        present = true;
        let text = value.to_str().ok().filter(|text| text.len() <= HEADER_MAX_BYTES);
        let text = text.ok_or_else(|| Error::invalid_request(format!("{name} is not a list of etags")))?;
        for part in text.split(',') {
            let part = part.trim();
            // A weak form can only come from a cache in between; our etags are strong and the text is the same.
            let part = part.strip_prefix("W/").unwrap_or(part);
            if part == "*" {
                return Ok(Some(Tags::Any));
            }
            // Quotes are forgiven: people type etags into command lines.
            these.push(format!("\"{}\"", part.trim_matches('"')));
        }
    }
    Ok(present.then_some(Tags::These(these)))
}
