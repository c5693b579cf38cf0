//! A terminal's state as bytes that bring an emulator, just reset, into the same state.
//!
//! The order matters: scrolled lines, the screen, what is saved beside it (scroll region, saved cursor), the alternate
//! screen over it, modes, and last the beginning of a sequence that the stream was cut in.

use std::fmt::Write as _;

use super::model::{Model, Size};

/// A rendered screen.
pub struct Rendering {
    /// What to write to an emulator of this size.
    pub bytes: Vec<u8>,
    /// The size it was rendered for.
    pub size: Size,
}

impl Model {
    /// Renders scrollback, screen and modes.
    pub fn render(&self) -> Rendering {
        let screen = self.parser.screen();
        let mut out = String::new();
        let normal = self.write_scrollback(&mut out);
        write_screen(&normal, &mut out);
        if screen.alternate_screen() {
            out.push_str("\x1b[?1049h");
            write_screen(screen, &mut out);
        }
        out.push_str(&screen.input_mode_formatted());
        // Writing to a string does not fail.
        let _ = self.hooks().modes.write(&mut out);
        if !self.title().is_empty() {
            let _ = write!(out, "\x1b]2;{}\x07", self.title());
        }
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(self.scanner.pending());
        Rendering { bytes, size: self.size() }
    }

    /// Writes the scrolled lines and pushes them out of sight. Returns the normal screen without them.
    fn write_scrollback(&self, out: &mut String) -> vt100::Screen {
        let mut text = Vec::new();
        let mut unfinished = self.hooks().history.write(&mut text);
        out.push_str(&String::from_utf8_lossy(&text));
        let mut normal = self.parser.screen().clone();
        if normal.alternate_screen() {
            normal = after(normal, b"\x1b[?47l");
        }
        for offset in (1..=normal.scrollback_len()).rev() {
            normal.set_scrollback(offset);
            write_first_row(&normal, out);
            let wrapped = normal.row_wrapped(0);
            if !wrapped {
                out.push_str("\r\n");
            }
            unfinished = Some(wrapped);
        }
        if let Some(wrapped) = unfinished {
            if wrapped {
                out.push_str("\r\n");
            }
            for _ in 1..self.size().rows {
                out.push('\n');
            }
        }
        normal.clear_scrollback();
        normal
    }
}

/// The visible cells, cursor and attributes, the scroll region, and the saved cursor.
fn write_screen(screen: &vt100::Screen, out: &mut String) {
    out.push_str(&screen.contents_formatted());
    let rows = screen.size().0.get();
    let probe = after(screen.clone(), b"\x1b[?6h");
    let top = probe.cursor_position().0;
    let bottom = after(probe, b"\x1b[9999H").cursor_position().0;
    let region = (top, bottom) != (0, rows - 1);
    let saved = after(screen.clone(), b"\x1b8");
    let saved_is_default = saved.cursor_position() == (0, 0) && pen_is_default(&saved);
    if !region && saved_is_default {
        return;
    }
    if region {
        let _ = write!(out, "\x1b[{};{}r", top + 1, bottom + 1);
    }
    if !saved_is_default {
        let (row, col) = saved.cursor_position();
        let _ = write!(out, "\x1b[{};{}H{}\x1b7", row + 1, col + 1, saved.attributes_formatted());
    }
    let home = after(screen.clone(), b"\x1b[H").cursor_position().0;
    let end = after(screen.clone(), b"\x1b[9999H").cursor_position().0;
    let origin = (top != 0 && home == top) || (bottom != rows - 1 && end == bottom);
    if origin {
        let (row, col) = screen.cursor_position();
        let _ = write!(out, "\x1b[?6h\x1b[{};{}H", row.saturating_sub(top) + 1, col + 1);
    } else {
        out.push_str("\x1b[m");
        out.push_str(&screen.cursor_state_formatted());
    }
    out.push_str(&screen.attributes_formatted());
}

fn pen_is_default(screen: &vt100::Screen) -> bool {
    Pen::of_screen(screen) == Pen::default()
}

/// The screen as it would be after these bytes.
fn after(screen: vt100::Screen, bytes: &[u8]) -> vt100::Screen {
    let mut parser = vt100::Parser::new(std::num::NonZeroU16::MIN, std::num::NonZeroU16::MIN, 0);
    *parser.screen_mut() = screen;
    parser.process(bytes);
    parser.screen().clone()
}

#[derive(Clone, Copy, Default, PartialEq)]
struct Pen {
    foreground: vt100::Color,
    background: vt100::Color,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    inverse: bool,
}

impl Pen {
    fn of_cell(cell: &vt100::Cell) -> Self {
        Self {
            foreground: cell.fgcolor(),
            background: cell.bgcolor(),
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline: cell.underline(),
            inverse: cell.inverse(),
        }
    }

    fn of_screen(screen: &vt100::Screen) -> Self {
        Self {
            foreground: screen.fgcolor(),
            background: screen.bgcolor(),
            bold: screen.bold(),
            dim: screen.dim(),
            italic: screen.italic(),
            underline: screen.underline(),
            inverse: screen.inverse(),
        }
    }

    fn write(self, out: &mut String) {
        out.push_str("\x1b[0");
        let flags = [(self.bold, 1), (self.dim, 2), (self.italic, 3), (self.underline, 4), (self.inverse, 7)];
        for (_, number) in flags.into_iter().filter(|flag| flag.0) {
            let _ = write!(out, ";{number}");
        }
        for (color, base) in [(self.foreground, 38), (self.background, 48)] {
            let _ = match color {
                vt100::Color::Default => Ok(()),
                vt100::Color::Idx(index) => write!(out, ";{base};5;{index}"),
                vt100::Color::Rgb(red, green, blue) => write!(out, ";{base};2;{red};{green};{blue}"),
            };
        }
        out.push('m');
    }
}

/// The topmost visible row as text with colours, beginning and ending with default attributes.
fn write_first_row(screen: &vt100::Screen, out: &mut String) {
    let mut pen = Pen::default();
    let mut blank = 0;
    let mut col = 0;
    while let Some(cell) = screen.cell(0, col) {
        col += 1;
        if cell.is_wide_continuation() {
            continue;
        }
        let own = Pen::of_cell(cell);
        if !cell.has_contents() && own == Pen::default() {
            blank += 1;
            continue;
        }
        if blank > 0 && pen != Pen::default() {
            out.push_str("\x1b[m");
            pen = Pen::default();
        }
        out.extend(std::iter::repeat_n(' ', std::mem::take(&mut blank)));
        if own != pen {
            own.write(out);
            pen = own;
        }
        out.push_str(if cell.has_contents() { cell.contents() } else { " " });
    }
    if pen != Pen::default() {
        out.push_str("\x1b[m");
    }
}

#[cfg(test)]
mod tests;
