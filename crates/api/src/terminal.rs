//! Terminals: REST under `/v1/terminals`, and the frames of one terminal's WebSocket.
//!
//! Binary frames are bytes in both directions. Output is a stream with absolute offsets (bytes since the terminal
//! began); a client counts what it received and says so when it returns: `GET
//! /v1/terminals/{id}/attach?client={uuid}&since={offset}` continues there if the agent still has those bytes, else it
//! sends one rendered screen. Input is a stream too: per client, the agent counts the bytes it has handed to the
//! terminal, so that a client which lost its connection sends again exactly what was not taken.

use serde::{Deserialize, Serialize};

/// Largest single frame a client may send, in bytes.
pub const FRAME_MAX_BYTES: usize = 64 * 1024;
/// Unacknowledged output the agent sends before it waits for this client's [`ClientFrame::Ack`], in bytes.
pub const WINDOW_BYTES: u64 = 512 * 1024;
/// Columns and rows are at least 1 and at most this.
pub const SIZE_MAX: u16 = 1000;
/// Longest title or name kept, in characters.
pub const TITLE_MAX_CHARS: usize = 200;

/// A terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Terminal {
    /// `term_…`
    pub id: String,
    /// Given by the user; empty: show the title.
    pub name: String,
    /// Set by the program through OSC 0 or 2.
    pub title: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// Process id of the shell inside the sandbox.
    pub pid: u32,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Clients attached now.
    pub clients: u32,
    /// Set when the shell has ended; the last screen stays readable until the terminal is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// `POST /v1/terminals`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CreateTerminal {
    /// Made by the client before the request (`term_…`), so that asking twice makes one terminal; absent: the agent
    /// makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Name shown on its tab.
    pub name: String,
    /// Columns; 0: 80.
    pub cols: u16,
    /// Rows; 0: 24.
    pub rows: u16,
    /// Working directory; absent: `/workspace`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// `PATCH /v1/terminals/{id}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateTerminal {
    /// New name.
    pub name: String,
}

/// Client to agent, JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientFrame {
    /// The client's window has this size. The terminal takes the size of whoever asked last.
    Resize {
        /// Columns, 1 to [`SIZE_MAX`].
        cols: u16,
        /// Rows, 1 to [`SIZE_MAX`].
        rows: u16,
    },
    /// Everything up to this output offset has been drawn.
    Ack {
        /// Absolute output offset.
        offset: u64,
    },
}

/// Agent to client, JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// First frame of every connection.
    Hello {
        /// The terminal.
        terminal: Terminal,
        /// Where the next output byte stands in the stream. Equal to the client's `since`: the bytes that follow
        /// continue what it has. Otherwise a [`ServerFrame::Screen`] comes first.
        offset: u64,
        /// Input bytes of this client that the terminal has taken; it sends again what lies behind.
        input_offset: u64,
    },
    /// The next binary frames, `bytes` long together, are a rendered screen (scrollback included) as of `offset`:
    /// reset the emulator, then write them. They do not count as output.
    Screen {
        /// Output offset the screen stands for; output continues there.
        offset: u64,
        /// Length of the rendering in bytes.
        bytes: u64,
        /// Columns it was rendered for.
        cols: u16,
        /// Rows it was rendered for.
        rows: u16,
    },
    /// The terminal has taken this client's input up to here.
    InputAck {
        /// Input bytes of this client.
        offset: u64,
    },
    /// The size is now this, whoever asked for it.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The title changed.
    Title {
        /// The new title.
        title: String,
    },
    /// The shell ended; no more output follows.
    Exit {
        /// Exit code; 128 + signal number when a signal ended it.
        code: i32,
    },
}
