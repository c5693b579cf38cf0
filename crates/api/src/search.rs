//! Search: `GET /v1/search/files` (names) and `GET /v1/search/content` (text), streamed as JSON lines.

use serde::{Deserialize, Serialize};

/// Most results one search gives.
pub const RESULTS_MAX: usize = 5000;

/// One line of the answer to a file-name search, best first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NameMatch {
    /// Absolute path, as in `FileEntry::path`.
    pub path: String,
    /// Higher is better.
    pub score: u32,
    /// Matched characters, as indices into the path relative to the searched directory.
    pub indices: Vec<u32>,
}

/// One line of the answer to a content search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentEvent {
    /// A line with one or more matches.
    Match {
        /// Absolute path, as in `FileEntry::path`.
        path: String,
        /// Line number, from 1.
        line: u64,
        /// The line, cut to 400 characters around the first match.
        text: String,
        /// Where in `text`, as pairs of UTF-16 offsets `[start, end)`.
        ranges: Vec<(u32, u32)>,
    },
    /// The last line.
    End {
        /// Files looked into.
        files: u64,
        /// Lines with matches.
        matches: u64,
        /// There would have been more.
        truncated: bool,
    },
}
