//! Files of the workspace over HTTP: list, stat, read, write, change, archive and trash.
//!
//! **Invariants**: every system call that may wait runs in [`work`]'s bounded pools, never on the runtime's thread;
//! memory does not grow with the size of a file or a directory; a final name never shows half-made content.
//! **Not here**: who may ask (`host`, `router`), whether a path is allowed (the kernel knows: the agent is the user).

mod archive;
mod change;
mod commit;
mod copy;
mod entry;
mod extract;
pub(crate) mod failure;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod list;
mod order;
pub mod path;
mod precondition;
mod protect;
mod range;
mod read;
mod receive;
mod remove;
mod temporary;
mod trash;
pub(crate) mod work;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

pub(crate) use extract::Params;
pub(crate) use temporary::is_temporary;

/// Largest JSON body of these routes, in bytes: two paths of the longest kind, percent-encoded throughout.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// The directories that have a trash of their own and are never deleted themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The volume of the workspace.
    pub workspace: PathBuf,
    /// The user's home directory.
    pub home: PathBuf,
    /// For temporary files.
    pub temp: PathBuf,
}

impl Default for Places {
    /// Where the sandbox has them.
    fn default() -> Self {
        Self {
            workspace: PathBuf::from("/workspace"),
            home: std::env::home_dir().unwrap_or_else(|| PathBuf::from("/home/dev")),
            temp: PathBuf::from("/tmp"),
        }
    }
}

/// The routes under `/v1/files` and `/v1/trash`, for the sandbox's directories.
pub fn router() -> Router {
    router_in(Places::default())
}

/// The same routes for other directories.
pub fn router_in(places: Places) -> Router {
    Router::new()
        .route("/v1/files/list", get(list::list))
        .route("/v1/files/stat", get(read::stat))
        .route("/v1/files/read", get(read::read))
        .route("/v1/files/archive", get(archive::archive))
        .route("/v1/files/write", put(receive::write))
        .route("/v1/files/upload", put(receive::upload))
        .route("/v1/files/create", post(change::create))
        .route("/v1/files/mkdir", post(change::mkdir))
        .route("/v1/files/move", post(change::rename))
        .route("/v1/files/copy", post(change::copy))
        .route("/v1/files/delete", post(change::delete))
        .route("/v1/trash", get(trash::http::list))
        .route("/v1/trash/restore", post(trash::http::restore))
        .route("/v1/trash/empty", post(trash::http::empty))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(Arc::new(places))
}

#[cfg(test)]
mod tests;
