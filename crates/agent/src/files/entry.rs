//! What is known of one entry, and its etag.

use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use coditect_api::files::{FileEntry, FileKind};
use rustix::fs::{Access, AtFlags, CWD};

use super::path;

/// The entry at `path`; a symbolic link is told as such, with what it leads to.
pub(super) fn read(path: &Path) -> io::Result<FileEntry> {
    let own = path.symlink_metadata()?;
    let target = own.is_symlink().then(|| path.metadata().ok()).flatten();
    let content = target.as_ref().unwrap_or(&own);
    Ok(FileEntry {
        name: path::show_name(path),
        path: path::encode(path),
        kind: kind(own.file_type()),
        target_kind: target.as_ref().map(|target| kind(target.file_type())),
        size: own.len(),
        modified_at: own.mtime().saturating_mul(1000).saturating_add(own.mtime_nsec() / 1_000_000),
        mode: own.permissions().mode() & 0o7777,
        // Through a link to a file one reads and writes that file: its etag is the one `If-Match` is compared with.
        etag: content.is_file().then(|| etag(content)),
        writable: rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::empty()).is_ok(),
    })
}

/// The kind for the wire.
pub(super) fn kind(file_type: FileType) -> FileKind {
    if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    }
}

/// What a thing that is neither file nor directory nor link is called in messages.
pub(super) fn other_noun(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else if file_type.is_dir() {
        "a directory"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else {
        "a device"
    }
}

/// A strong etag, quotes included: which file, how long, and when content or metadata last changed, to the nanosecond.
/// The change time is in it because a program may set the modification time back, but never the change time.
pub(super) fn etag(of: &Metadata) -> String {
    format!(
        "\"{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
        of.dev(),
        of.ino(),
        of.size(),
        of.mtime(),
        of.mtime_nsec(),
        of.ctime(),
        of.ctime_nsec()
    )
}
