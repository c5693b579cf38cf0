//! `GET /v1/files/list`: one page of a directory of any size.
//!
//! A page is selected while the directory is read, so memory holds one page whatever the directory holds, and pages stay
//! right when entries come and go in between: the token names the last entry seen, not a position.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ffi::OsString;
use std::fs::DirEntry;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use axum::Json;
use coditect_api::files::{LIST_PAGE_MAX, Listing};

use super::failure::failed;
use super::work::{Cancel, LONG, SHORT, run};
use super::{Params, entry, order, path, remove, temporary};
use crate::error::{Error, Result};

/// Entries between two looks at whether the client is still there.
const CHECK_EVERY: u64 = 1024;
/// Left-over temporary entries cleaned up on the occasion of one listing.
const LEFTOVERS_MAX: usize = 16;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    path: String,
    after: Option<String>,
    limit: Option<usize>,
    hidden: Option<bool>,
}

pub(super) async fn list(Params(query): Params<ListQuery>) -> Result<Json<Listing>> {
    let directory = path::decode(&query.path)?;
    let after = query.after.as_deref().map(Rank::from_token).transpose()?;
    let limit = query.limit.unwrap_or(LIST_PAGE_MAX).clamp(1, LIST_PAGE_MAX);
    let hidden = query.hidden.unwrap_or(true);
    let page = move |cancel: &Cancel| {
        page(&directory, after.as_ref(), limit, hidden, cancel).map_err(|error| failed("list", &directory, &error))
    };
    let (listing, leftovers) = run(&SHORT, page).await?;
    if !leftovers.is_empty() {
        // Detached on purpose: cleaning is not this client's errand, and it ends by itself.
        tokio::spawn(run(&LONG, move |_| {
            for leftover in leftovers {
                // One that cannot be removed stays hidden, and the next listing tries again.
                let _ = remove::tree(&leftover, &Cancel::default());
            }
            Ok(())
        }));
    }
    Ok(Json(listing))
}

fn page(
    directory: &Path,
    after: Option<&Rank>,
    limit: usize,
    hidden: bool,
    cancel: &Cancel,
) -> io::Result<(Listing, Vec<PathBuf>)> {
    let mut total: u64 = 0;
    let mut seen: u64 = 0;
    let mut smallest: BinaryHeap<Rank> = BinaryHeap::with_capacity(64);
    let mut leftovers = Vec::new();
    let mut more = false;
    let now_ms = temporary::now_ms();
    for item in directory.read_dir()? {
        let item = item?;
        seen += 1;
        if seen.is_multiple_of(CHECK_EVERY) {
            cancel.check()?;
        }
        let name = item.file_name();
        if temporary::is_temporary(&name) {
            if leftovers.len() < LEFTOVERS_MAX && temporary::is_leftover(&item.path(), now_ms) {
                leftovers.push(item.path());
            }
            continue;
        }
        if !hidden && name.as_bytes().first() == Some(&b'.') {
            continue;
        }
        total += 1;
        let rank = Rank { file: !leads_to_directory(&item), name };
        if after.is_some_and(|after| rank <= *after) {
            continue;
        }
        if smallest.len() < limit {
            smallest.push(rank);
        } else if smallest.peek().is_some_and(|largest| rank < *largest) {
            smallest.pop();
            smallest.push(rank);
            more = true;
        } else {
            more = true;
        }
    }
    let ranks = smallest.into_sorted_vec();
    let next = if more { ranks.last().map(Rank::token) } else { None };
    let mut entries = Vec::with_capacity(ranks.len());
    for rank in &ranks {
        match entry::read(&directory.join(&rank.name)) {
            Ok(entry) => entries.push(entry),
            // Gone since the directory was read: no longer part of the answer.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok((Listing { path: path::encode(directory), entries, total, next }, leftovers))
}

/// Directories stand first, and so do links to them. The kernel bounds what a chain of links may cost.
fn leads_to_directory(item: &DirEntry) -> bool {
    match item.file_type() {
        Ok(kind) if kind.is_symlink() => item.path().is_dir(),
        Ok(kind) => kind.is_dir(),
        Err(_) => false,
    }
}

/// An entry's place in the order.
#[derive(PartialEq, Eq)]
pub(super) struct Rank {
    file: bool,
    name: OsString,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.file.cmp(&other.file).then_with(|| order::natural(&self.name, &other.name))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Rank {
    pub(super) fn token(&self) -> String {
        format!("{}{}", if self.file { 'f' } else { 'd' }, path::encode(Path::new(&self.name)))
    }

    pub(super) fn from_token(token: &str) -> Result<Self> {
        let wrong = || Error::invalid_value("after", "pass `after` exactly as `next` of the page before");
        let file = match token.as_bytes().first() {
            Some(b'f') => true,
            Some(b'd') => false,
            _ => return Err(wrong()),
        };
        Ok(Self { file, name: path::decode_name(&token[1..]).ok_or_else(wrong)? })
    }
}
