//! The `POST` routes under `/v1/files`: create, mkdir, move, copy, delete.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use coditect_api::files::{DeleteFile, Deleted, FileEntry, FromTo, PathBody};
use http::StatusCode;
use rustix::io::Errno;

use super::extract::Body;
use super::failure::failed;
use super::work::{Cancel, LONG, SHORT, run};
use super::{Places, copy as copying, entry, path, protect, remove, temporary, trash};
use crate::error::{Error, Result};

pub(super) async fn create(Body(body): Body<PathBody>) -> Result<Response> {
    let target = path::decode(&body.path)?;
    run(&SHORT, move |_| {
        parents(&target, body.parents)?;
        // create_new does not follow a link at the end, so a dangling one is not written through.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&target)
            .map_err(|error| failed("create", &target, &error))?;
        made(&target)
    })
    .await
}

pub(super) async fn mkdir(Body(body): Body<PathBody>) -> Result<Response> {
    let target = path::decode(&body.path)?;
    run(&SHORT, move |_| {
        parents(&target, body.parents)?;
        match std::fs::create_dir(&target) {
            // Like mkdir -p: asking for parents means that it only has to be there afterwards.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && body.parents && target.is_dir() => {
                shown(&target).map(IntoResponse::into_response)
            }
            outcome => {
                outcome.map_err(|error| failed("create", &target, &error))?;
                made(&target)
            }
        }
    })
    .await
}

pub(super) async fn rename(State(places): State<Arc<Places>>, Body(body): Body<FromTo>) -> Result<Json<FileEntry>> {
    let (from, to) = ends(&body)?;
    run(&LONG, move |cancel| {
        if from == to {
            return shown(&to);
        }
        protect::check_removable(&places, &from, "move")?;
        not_into_itself(&from, &to, "move")?;
        match move_to(&places, &from, &to, body.overwrite, cancel) {
            Err(Moved::Elsewhere) => {
                copying::place(&places, &from, &to, body.overwrite, cancel)?;
                // From here on it must be finished, or there would be two.
                remove::tree(&from, &Cancel::default()).map_err(|error| failed("remove", &from, &error))?;
            }
            Err(Moved::Failed(error)) => return Err(error),
            Ok(()) => {}
        }
        shown(&to)
    })
    .await
}

enum Moved {
    /// It is another file system: rename(2) cannot.
    Elsewhere,
    Failed(Error),
}

fn move_to(places: &Places, from: &Path, to: &Path, overwrite: bool, cancel: &Cancel) -> Result<(), Moved> {
    match temporary::rename_new(from, to) {
        Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => Err(Moved::Elsewhere),
        Err(error) if overwrite && error.kind() == io::ErrorKind::AlreadyExists => {
            copying::settle(places, from, to, true, cancel).map_err(Moved::Failed)
        }
        outcome => {
            outcome.map_err(|error| Moved::Failed(failed("move", if from.exists() { to } else { from }, &error)))
        }
    }
}

pub(super) async fn copy(State(places): State<Arc<Places>>, Body(body): Body<FromTo>) -> Result<Response> {
    let (from, to) = ends(&body)?;
    run(&LONG, move |cancel| {
        not_into_itself(&from, &to, "copy")?;
        if !body.overwrite && to.symlink_metadata().is_ok() {
            // Told before the work; the rename at its end decides.
            return Err(failed("make", &to, &Errno::EXIST.into()));
        }
        copying::place(&places, &from, &to, body.overwrite, cancel)?;
        made(&to)
    })
    .await
}

pub(super) async fn delete(State(places): State<Arc<Places>>, Body(body): Body<DeleteFile>) -> Result<Json<Deleted>> {
    let target = path::decode(&body.path)?;
    run(&LONG, move |cancel| {
        if !body.permanently {
            return trash::put(&places, &target, cancel).map(|id| Json(Deleted { trash_id: Some(id) }));
        }
        protect::check_removable(&places, &target, "delete")?;
        let hidden = temporary::name_in(target.parent().unwrap_or(Path::new("/")));
        // Gone from view at once and as a whole, then in fact. Where it cannot be renamed it goes piece by piece.
        let victim = if std::fs::rename(&target, &hidden).is_ok() { &hidden } else { &target };
        remove::tree(victim, &Cancel::default()).map_err(|error| failed("delete", &target, &error))?;
        Ok(Json(Deleted { trash_id: None }))
    })
    .await
}

fn ends(body: &FromTo) -> Result<(PathBuf, PathBuf)> {
    Ok((path::decode_field("from", &body.from)?, path::decode_field("to", &body.to)?))
}

fn parents(target: &Path, wanted: bool) -> Result<()> {
    match target.parent().filter(|_| wanted) {
        Some(parent) => std::fs::create_dir_all(parent).map_err(|error| failed("create", parent, &error)),
        None => Ok(()),
    }
}

/// Refuses a destination inside the source, and a source inside what would be replaced.
fn not_into_itself(from: &Path, to: &Path, verb: &str) -> Result<()> {
    let within = protect::lies_within(to, from).map_err(|error| failed(verb, from, &error))?;
    let replaces_own_parent = protect::lies_within(from, to).unwrap_or(false);
    if within || replaces_own_parent {
        let message = format!("cannot {verb} {} to {}: one contains the other", from.display(), to.display());
        return Err(Error::invalid_value("to", message));
    }
    Ok(())
}

fn shown(target: &Path) -> Result<Json<FileEntry>> {
    entry::read(target).map(Json).map_err(|error| failed("look at", target, &error))
}

fn made(target: &Path) -> Result<Response> {
    Ok((StatusCode::CREATED, shown(target)?).into_response())
}
