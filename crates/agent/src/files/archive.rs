//! `GET /v1/files/archive`: a file or directory as `.tar.gz`, made while it is sent.
//!
//! **Invariants**: memory holds one directory's names per level and one piece of data; symbolic links are archived, not
//! followed; other file systems below the directory are left out, and so is the trash.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue};
use tar::{Builder, EntryType, Header};

use super::copy::DEPTH_MAX;
use super::failure::failed;
use super::work::{LONG, Pipe, SHORT, run, stream};
use super::{Params, Places, path, read, temporary};
use crate::error::{Error, Result};

/// Names of one directory that are put in order; a larger directory is archived as it is read.
const SORTED_MAX: usize = 50_000;
/// Unreadable entries that are told by name.
const SKIPPED_MAX: usize = 1000;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArchiveQuery {
    path: String,
    format: Option<String>,
}

pub(super) async fn archive(
    State(places): State<Arc<Places>>,
    Params(query): Params<ArchiveQuery>,
) -> Result<Response> {
    let target = path::decode(&query.path)?;
    if query.format.as_deref().is_some_and(|format| format != "tar.gz") {
        return Err(Error::invalid_value("format", "archives are offered as tar.gz"));
    }
    let target = run(&SHORT, move |_| {
        let metadata = target.symlink_metadata().map_err(|error| failed("archive", &target, &error))?;
        if metadata.is_dir() {
            target.read_dir().map_err(|error| failed("archive", &target, &error))?;
        }
        Ok(target)
    })
    .await?;
    let headers: [(HeaderName, HeaderValue); 4] = [
        (CONTENT_TYPE, HeaderValue::from_static("application/gzip")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (CONTENT_DISPOSITION, read::disposition(&target, ".tar.gz")),
    ];
    let body = stream(&LONG, move |pipe| write_all(pipe, &target, &places.trash_roots())).await?;
    Ok((headers, body).into_response())
}

fn write_all(pipe: &mut Pipe, target: &Path, left_out: &[PathBuf]) -> io::Result<()> {
    let device = target.symlink_metadata()?.dev();
    let mut archive = Archive {
        tar: Builder::new(GzEncoder::new(pipe, Compression::fast())),
        base: target.parent().unwrap_or(target).to_owned(),
        skipped: Vec::new(),
    };
    let mut levels: Vec<Box<dyn Iterator<Item = io::Result<PathBuf>>>> =
        vec![Box::new(std::iter::once(Ok(target.to_owned())))];
    while let Some(level) = levels.last_mut() {
        archive.tar.get_ref().get_ref().check()?;
        let Some(item) = level.next() else {
            levels.pop();
            continue;
        };
        let item = item?;
        let metadata = match item.symlink_metadata() {
            Ok(metadata) => metadata,
            // Gone since its directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let hidden = item.file_name().is_some_and(temporary::is_temporary) || left_out.contains(&item);
        if hidden || metadata.dev() != device {
            continue;
        }
        archive.append(&item, &metadata)?;
        if metadata.is_dir() {
            if levels.len() >= DEPTH_MAX {
                archive.skip(&item, "nested too deeply");
                continue;
            }
            match in_order(&item) {
                Ok(children) => levels.push(children),
                Err(error) => archive.skip(&item, &error.to_string()),
            }
        }
    }
    archive.finish()
}

fn in_order(directory: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<PathBuf>>>> {
    let mut items = directory.read_dir()?.map(|item| item.map(|item| item.path()));
    let mut first: Vec<PathBuf> = items.by_ref().take(SORTED_MAX).collect::<io::Result<_>>()?;
    first.sort_unstable();
    Ok(Box::new(first.into_iter().map(Ok).chain(items)))
}

struct Archive<'a> {
    tar: Builder<GzEncoder<&'a mut Pipe>>,
    base: PathBuf,
    skipped: Vec<String>,
}

impl Archive<'_> {
    fn append(&mut self, item: &Path, metadata: &Metadata) -> io::Result<()> {
        let name = item.strip_prefix(&self.base).unwrap_or(item).to_owned();
        if name.as_os_str().is_empty() {
            return Ok(()); // The root directory has no name.
        }
        let mut header = Header::new_gnu();
        header.set_mode(metadata.permissions().mode() & 0o7777);
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
        header.set_size(0);
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            self.tar.append_data(&mut header, name, io::empty())
        } else if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            match std::fs::read_link(item) {
                Ok(link) => self.tar.append_link(&mut header, name, link),
                Err(error) => {
                    self.skip(item, &error.to_string());
                    Ok(())
                }
            }
        } else if metadata.is_file() {
            match read::open(item) {
                Ok((file, metadata)) => {
                    header.set_size(metadata.len());
                    let pipe_check = Exactly { file, left: metadata.len() };
                    self.tar.append_data(&mut header, name, pipe_check)
                }
                Err(error) => {
                    self.skip(item, &error.message);
                    Ok(())
                }
            }
        } else {
            // Sockets, FIFOs and devices have no content that could be restored.
            Ok(())
        }
    }

    fn skip(&mut self, item: &Path, why: &str) {
        if self.skipped.len() < SKIPPED_MAX {
            self.skipped.push(format!("{}: {why}\n", item.display()));
        }
    }

    /// Ends the archive. What could not be read is named in it, since the status went out long ago.
    fn finish(mut self) -> io::Result<()> {
        if !self.skipped.is_empty() {
            let text = self.skipped.concat();
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(text.len() as u64);
            self.tar.append_data(&mut header, "coditect-could-not-read.txt", text.as_bytes())?;
        }
        self.tar.into_inner()?.finish()?;
        Ok(())
    }
}

/// Exactly as many bytes as the header says, as tar(1) does it: a file that grew is cut, one that shrank is filled up.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let mut read = self.file.read(&mut buffer[..wanted])?;
        if read == 0 {
            buffer[..wanted].fill(0);
            read = wanted;
        }
        self.left -= read as u64;
        Ok(read)
    }
}
