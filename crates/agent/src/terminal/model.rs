//! What a terminal shows: cells, cursor, modes, title, and the lines that scrolled away.
//!
//! The newest scrolled lines stay in the emulator as cells, because a taller window takes them back; older ones are
//! kept as text with colours, which needs a tenth of the memory.
//!
//! **Invariants**: memory is bounded by the size of the screen, [`CELL_LINES`], [`TEXT_LINES`] and [`TEXT_BYTES`],
//! whatever the output holds. Rendering never contains a query that a client would answer.
//! **Not here**: raw output (`ring`), who sees it (`clients`).

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU16;

use coditect_api::terminal::{SIZE_MAX, TITLE_MAX_CHARS};

use super::scan::Scanner;

/// Scrolled lines kept as cells.
pub const CELL_LINES: usize = 200;
/// Scrolled lines kept as text beyond those: 2,000 together.
pub const TEXT_LINES: usize = 1800;
/// Text kept for them, in bytes.
pub const TEXT_BYTES: usize = 1024 * 1024;

/// A size in cells, each side between 1 and [`SIZE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

impl Size {
    /// The size, if both sides are in bounds.
    pub fn new(cols: u16, rows: u16) -> Option<Self> {
        let fits = |side| (1..=SIZE_MAX).contains(&side);
        (fits(cols) && fits(rows)).then_some(Self { cols, rows })
    }

    fn sides(self) -> (NonZeroU16, NonZeroU16) {
        let side = |cells: u16| NonZeroU16::new(cells.max(1)).expect("at least one");
        (side(self.rows), side(self.cols))
    }
}

/// The model of one terminal.
pub struct Model {
    pub(super) parser: vt100::Parser<Hooks>,
    pub(super) scanner: Scanner,
    size: Size,
}

impl Model {
    /// An empty screen.
    pub fn new(size: Size) -> Self {
        let (rows, cols) = size.sides();
        Self {
            parser: vt100::Parser::new_with_callbacks(rows, cols, CELL_LINES, Hooks::default()),
            scanner: Scanner::default(),
            size,
        }
    }

    /// Draws output.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (read, forgets) = self.scanner.advance(bytes);
            self.parser.process(&bytes[..read]);
            if forgets && !self.parser.screen().alternate_screen() {
                self.parser.screen_mut().clear_scrollback();
                self.parser.callbacks_mut().history = History::default();
            }
            bytes = &bytes[read..];
        }
    }

    /// Changes the size.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        let (rows, cols) = size.sides();
        self.parser.set_size(rows, cols);
    }

    /// The present size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The title that the program in the terminal has set, clean and bounded.
    pub fn title(&self) -> &str {
        &self.parser.callbacks().title
    }

    pub(super) fn hooks(&self) -> &Hooks {
        self.parser.callbacks()
    }
}

/// `text` without control characters, cut to the longest title or name that is kept.
pub fn clean(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(TITLE_MAX_CHARS).collect()
}

/// What the emulator reports instead of keeping it.
#[derive(Default)]
pub(super) struct Hooks {
    title: String,
    pub(super) history: History,
    pub(super) modes: Modes,
}

impl vt100::Callbacks for Hooks {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = clean(&String::from_utf8_lossy(title));
    }

    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        params: &[&[u16]],
        action: char,
    ) {
        let set = match action {
            'h' => true,
            'l' => false,
            _ => return,
        };
        if second.is_some() || !matches!(first, None | Some(b'?')) {
            return;
        }
        for param in params.iter().filter_map(|param| param.first()) {
            self.modes.set(first.is_some(), *param, set);
        }
    }

    fn on_scroll(&mut self, row: vt100::capture::RowContents<'_>, alternate_screen: bool) {
        if !alternate_screen {
            self.history.push(&row);
        }
    }
}

/// Modes that the emulator does not model but a client must be told again.
#[derive(Clone, Copy, Default)]
pub(super) struct Modes {
    changed: u8,
}

/// (private, number, state after a reset)
const MODES: [(bool, u16, bool); 8] = [
    (false, 4, false),   // insert
    (true, 7, true),     // wrap at the right margin
    (true, 12, false),   // blinking cursor
    (true, 45, false),   // reverse wrap
    (true, 1004, false), // focus reports
    (true, 1007, false), // wheel as arrow keys on the alternate screen
    (true, 1015, false), // urxvt mouse reports
    (true, 1016, false), // mouse reports in pixels
];

impl Modes {
    fn set(&mut self, private: bool, number: u16, on: bool) {
        if let Some(index) = MODES.iter().position(|mode| (mode.0, mode.1) == (private, number)) {
            let bit = 1 << index;
            if on == MODES[index].2 {
                self.changed &= !bit;
            } else {
                self.changed |= bit;
            }
        }
    }

    pub(super) fn write(self, out: &mut impl fmt::Write) -> fmt::Result {
        for (index, &(private, number, default)) in MODES.iter().enumerate() {
            if self.changed & (1 << index) != 0 {
                let mark = if private { "?" } else { "" };
                write!(out, "\x1b[{mark}{number}{}", if default { 'l' } else { 'h' })?;
            }
        }
        Ok(())
    }
}

/// Scrolled lines as text, oldest first, in one growing buffer: a flood allocates nothing per line.
#[derive(Default)]
pub(super) struct History {
    text: VecDeque<u8>,
    lines: VecDeque<Line>,
    scratch: String,
}

/// One scrolled line: text with colours, which begins and ends with default attributes.
#[derive(Clone, Copy)]
struct Line {
    bytes: usize,
    /// It continues on the next line.
    wrapped: bool,
}

impl History {
    fn push(&mut self, row: &vt100::capture::RowContents<'_>) {
        self.scratch.clear();
        let mut state = vt100::capture::BasicFormattedCaptureState::new();
        // Writing to a string does not fail.
        let _ = row.write_formatted_basic(&mut self.scratch, &mut state);
        if self.scratch.contains('\x1b') {
            self.scratch.push_str("\x1b[m");
        }
        // Asked to write another row behind it, the capture begins with a line break unless the row wraps.
        let mut probe = FirstIsLineBreak(None);
        let _ = row.write_formatted_basic(&mut probe, &mut state);
        let line = Line { wrapped: probe.0 == Some(false), bytes: self.scratch.len() };
        while !self.lines.is_empty() && (self.lines.len() >= TEXT_LINES || self.text.len() + line.bytes > TEXT_BYTES) {
            let oldest = self.lines.pop_front().map_or(0, |oldest| oldest.bytes);
            self.text.drain(..oldest);
        }
        self.text.extend(self.scratch.as_bytes());
        self.lines.push_back(line);
    }

    /// Writes all lines. Returns whether the last of them wraps; `None` when there is none.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Option<bool> {
        let mut text = self.text.iter().copied();
        for line in &self.lines {
            out.extend(text.by_ref().take(line.bytes));
            if !line.wrapped {
                out.extend_from_slice(b"\r\n");
            }
        }
        self.lines.back().map(|line| line.wrapped)
    }
}

/// Remembers whether the first thing written is a line break, and takes nothing more.
struct FirstIsLineBreak(Option<bool>);

impl fmt::Write for FirstIsLineBreak {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        self.0.get_or_insert(text.starts_with('\n'));
        Err(fmt::Error)
    }
}
