//! The trash: where deleted things wait until it is emptied.
//!
//! Each entry is a directory `<trash>/<id>/` with `info.json` (where it was, when) and `item` (the thing itself). A
//! trash lies on the file system of what is deleted, so that deleting is a rename; only what lies on a file system
//! without one is copied.
//!
//! **Invariants**: the information is on disk before the item moves, so nothing is ever in the trash without its origin; only
//! directories named like an entry are ever emptied, so a planted link or file is never followed or lost.

pub(super) mod http;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use coditect_api::error::ErrorKind;
use coditect_api::files::{FileEntry, TrashEntry};
use coditect_api::page::Page;
use rustix::io::Errno;

use super::failure::failed;
use super::work::Cancel;
use super::{Places, copy, entry, path, protect, remove, temporary};
use crate::error::{Error, Result};

/// Largest `info.json`, in bytes: a path of the longest kind, percent-encoded, twice escaped.
const INFO_MAX_BYTES: u64 = 64 * 1024;
/// Most entries in one page.
const PAGE_MAX: usize = 1000;

#[derive(serde::Serialize, serde::Deserialize)]
struct Origin {
    path: String,
    deleted_at: i64,
}

/// Moves `target` to a trash and answers the entry's id.
pub(super) fn put(places: &Places, target: &Path, cancel: &Cancel) -> Result<String> {
    protect::check_removable(places, target, "delete")?;
    let roots = places.trash_roots();
    for root in &roots {
        if root.exists() && protect::lies_within(target, root).unwrap_or(false) {
            let message = format!("{} is in the trash already; delete it permanently", target.display());
            return Err(Error::new(ErrorKind::Conflict, message));
        }
    }
    let deleted_at = temporary::now_ms();
    let id = format!("{deleted_at:013}-{:016x}", temporary::random());
    let origin = Origin { path: path::encode(target), deleted_at };
    let device = |path: &Path| path.symlink_metadata().map(|metadata| metadata.dev()).ok();
    let own = device(target);
    for (place, root) in places.all().into_iter().zip(&roots).filter(|(place, _)| device(place) == own) {
        let Ok(slot) = make_slot(place, root, &id, &origin) else { continue };
        match std::fs::rename(target, slot.join("item")) {
            Ok(()) => {
                settle_names(target, &slot);
                return Ok(id);
            }
            Err(error) => {
                let _ = remove::tree(&slot, &Cancel::default());
                // A mount of the same device elsewhere is still another mount.
                if error.raw_os_error() != Some(Errno::XDEV.raw_os_error()) {
                    return Err(failed("delete", target, &error));
                }
            }
        }
    }
    put_copy(places, target, &id, &origin, cancel)?;
    Ok(id)
}

/// For what lies on a file system that has no trash.
fn put_copy(places: &Places, target: &Path, id: &str, origin: &Origin, cancel: &Cancel) -> Result<()> {
    let root = &places.trash_roots()[0];
    let slot = make_slot(&places.workspace, root, id, origin).map_err(|error| failed("use the trash", root, &error))?;
    // Under another name until it is complete: an entry without an item is not one.
    let outcome = copy::tree(target, &slot.join("copying"), cancel)
        .and_then(|()| std::fs::rename(slot.join("copying"), slot.join("item")))
        .and_then(|()| remove::tree(target, &Cancel::default()));
    outcome.map_err(|error| {
        // The original is only touched by the last step; if that failed half-way, the copy is what is left of it.
        if !slot.join("item").exists() {
            let _ = remove::tree(&slot, &Cancel::default());
        }
        failed("delete", target, &error)
    })
}

fn make_slot(place: &Path, root: &Path, id: &str, origin: &Origin) -> io::Result<PathBuf> {
    if !place.is_dir() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true).create(root)?;
    if !root.symlink_metadata()?.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    let slot = root.join(id);
    builder.recursive(false).create(&slot)?;
    let write = || -> io::Result<()> {
        let mut info = File::options().write(true).create_new(true).mode(0o600).open(slot.join("info.json"))?;
        info.write_all(&serde_json::to_vec(origin)?)?;
        info.sync_all()
    };
    write().map(|()| slot.clone()).inspect_err(|_| {
        let _ = remove::tree(&slot, &Cancel::default());
    })
}

fn settle_names(target: &Path, slot: &Path) {
    // Best effort: after a power loss the thing is in one of the two places, which is all a user needs.
    for directory in [Some(slot), target.parent()].into_iter().flatten() {
        let _ = temporary::sync_directory(directory);
    }
}

/// The entries, last deleted first.
pub(super) fn list(places: &Places, after: Option<&str>, limit: usize, cancel: &Cancel) -> Result<Page<TrashEntry>> {
    let limit = limit.clamp(1, PAGE_MAX);
    // Ids begin with the time, so the newest are the largest; one more than asked tells whether there is a next page.
    let mut newest: BinaryHeap<Reverse<(String, PathBuf)>> = BinaryHeap::new();
    for root in real_roots(places) {
        for slot in slots(&root).map_err(|error| failed("list", &root, &error))? {
            cancel.check().map_err(|error| failed("list", &root, &error))?;
            let (id, slot) = slot.map_err(|error| failed("list", &root, &error))?;
            if after.is_none_or(|after| id.as_str() < after) && slot.join("item").symlink_metadata().is_ok() {
                newest.push(Reverse((id, slot)));
                if newest.len() > limit + 1 {
                    newest.pop();
                }
            }
        }
    }
    let mut slots: Vec<(String, PathBuf)> = newest.into_sorted_vec().into_iter().map(|Reverse(slot)| slot).collect();
    let more = slots.len() > limit;
    slots.truncate(limit);
    let next = if more { slots.last().map(|(id, _)| id.clone()) } else { None };
    let items = slots.into_iter().filter_map(|(id, slot)| describe(id, &slot).ok()).collect();
    Ok(Page { items, next })
}

fn describe(id: String, slot: &Path) -> io::Result<TrashEntry> {
    let origin = origin(slot)?;
    let kind = entry::kind(slot.join("item").symlink_metadata()?.file_type());
    Ok(TrashEntry { id, path: origin.path, kind, deleted_at: origin.deleted_at })
}

fn origin(slot: &Path) -> io::Result<Origin> {
    let mut text = Vec::new();
    let path = slot.join("info.json");
    if !path.symlink_metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    File::open(path)?.take(INFO_MAX_BYTES).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Puts an entry back where it was, with the parents it needs.
pub(super) fn restore(places: &Places, id: &str, cancel: &Cancel) -> Result<FileEntry> {
    let absent = || Error::not_found("there is no such entry in the trash; it was restored or emptied");
    if !is_id(id) {
        return Err(absent());
    }
    let slot = real_roots(places).map(|root| root.join(id)).find(|slot| slot.join("item").symlink_metadata().is_ok());
    let slot = slot.ok_or_else(absent)?;
    let target = path::decode(&origin(&slot).map_err(|error| failed("restore", &slot, &error))?.path)?;
    let fail = |error: io::Error| failed("restore", &target, &error);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    let item = slot.join("item");
    match temporary::rename_new(&item, &target) {
        Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {
            copy::place(places, &item, &target, false, cancel)?;
        }
        outcome => outcome.map_err(fail)?,
    }
    // With the item gone it is no entry any more; what stays is emptied with the rest.
    let _ = remove::tree(&slot, &Cancel::default());
    entry::read(&target).map_err(fail)
}

/// Removes every entry for good.
pub(super) fn empty(places: &Places, cancel: &Cancel) -> Result<()> {
    for root in real_roots(places) {
        let fail = |error: io::Error| failed("empty the trash at", &root, &error);
        for slot in slots(&root).map_err(fail)? {
            let (_, slot) = slot.map_err(fail)?;
            remove::tree(&slot, cancel).map_err(fail)?;
        }
    }
    Ok(())
}

/// The trash directories that exist and are directories themselves, not links to somewhere else.
fn real_roots(places: &Places) -> impl Iterator<Item = PathBuf> + use<> {
    let mut roots: Vec<PathBuf> = places
        .trash_roots()
        .into_iter()
        .filter_map(|root| root.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()).then_some(root))
        .collect();
    roots.dedup();
    roots.into_iter()
}

fn slots(root: &Path) -> io::Result<impl Iterator<Item = io::Result<(String, PathBuf)>> + use<>> {
    let root = root.to_owned();
    Ok(root.read_dir()?.filter_map(move |item| match item {
        Ok(item) => {
            let id = item.file_name().into_string().ok().filter(|id| is_id(id))?;
            item.file_type().is_ok_and(|kind| kind.is_dir()).then(|| Ok((id, item.path())))
        }
        Err(error) => Some(Err(error)),
    }))
}

fn is_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(time, random)| {
        time.len() == 13
            && random.len() == 16
            && time.bytes().all(|byte| byte.is_ascii_digit())
            && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
