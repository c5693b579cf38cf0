//! Files: `/v1/files*`, served by the agent with the user's own rights inside the user's own file system.
//!
//! Paths are absolute, percent-encoded in the query parameter `path`, and may be any bytes but NUL: names that are not
//! UTF-8 travel percent-encoded and are shown with replacement characters.

use serde::{Deserialize, Serialize};

/// Most entries in one page of a listing.
pub const LIST_PAGE_MAX: usize = 1000;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Socket, FIFO or device.
    Other,
}

/// One entry of a directory, or the answer to `stat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileEntry {
    /// Last part of the path, for showing.
    pub name: String,
    /// The whole path, percent-encoded where it is not UTF-8 or holds `%`: pass it back as it is (then URL-encoded
    /// as any query value).
    pub path: String,
    /// What it is; a symbolic link is not followed.
    pub kind: FileKind,
    /// For a symbolic link: what it leads to, if that exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_kind: Option<FileKind>,
    /// Bytes.
    pub size: u64,
    /// Last change of the content, milliseconds since the epoch.
    pub modified_at: i64,
    /// Permission bits.
    pub mode: u32,
    /// Changes whenever the content may have changed; what `If-Match` takes. Regular files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Whether the user may write it.
    pub writable: bool,
}

/// `GET /v1/files/list?path=&after=&limit=&hidden=`: directories first, then by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Listing {
    /// The directory.
    pub path: String,
    /// This page of entries, at most [`LIST_PAGE_MAX`].
    pub entries: Vec<FileEntry>,
    /// Entries in the whole directory.
    pub total: u64,
    /// Pass as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `POST /v1/files/mkdir`, and of an empty file `POST /v1/files/create` (409 when it exists).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PathBody {
    /// Absolute path, as in [`FileEntry::path`].
    pub path: String,
    /// Makes missing parents too.
    #[serde(default)]
    pub parents: bool,
}

/// `POST /v1/files/move` and `POST /v1/files/copy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FromTo {
    /// What.
    pub from: String,
    /// The new path (not the directory to put it in).
    pub to: String,
    /// Replaces what is there; otherwise 409.
    #[serde(default)]
    pub overwrite: bool,
}

/// `POST /v1/files/delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteFile {
    /// What.
    pub path: String,
    /// Removes it for good instead of moving it to the trash.
    #[serde(default)]
    pub permanently: bool,
}

/// Answer to [`DeleteFile`]: where it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deleted {
    /// Entry of the trash that `POST /v1/trash/restore` takes; absent when removed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trash_id: Option<String>,
}

/// One entry of `GET /v1/trash`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrashEntry {
    /// Names it.
    pub id: String,
    /// Where it was.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Milliseconds since the epoch.
    pub deleted_at: i64,
}

/// `POST /v1/trash/restore`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreTrash {
    /// Which.
    pub id: String,
}
