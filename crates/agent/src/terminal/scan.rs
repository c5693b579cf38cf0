//! Where the terminal's output stream stands inside an escape sequence or a multi-byte character.
//!
//! A client that is given a rendered screen continues with the raw bytes behind it. If the stream is cut in the middle
//! of a sequence, its beginning must be given too, or the rest would be drawn as text.
//!
//! **Not here**: what sequences mean (`vt100`); only the two that forget the scrollback are recognised.

/// Longest unfinished sequence kept, in bytes. What is longer is a string sequence (an image, say) that nobody can
/// take up in the middle; its end then closes nothing, which emulators ignore.
const PENDING_MAX: usize = 4096;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// Continuation bytes still to come.
    Character(u8),
    Escape,
    /// `ESC [`, until a final byte.
    Control,
    /// OSC, DCS, SOS, PM or APC, until BEL (OSC only) or ESC.
    Text {
        bell_ends: bool,
    },
}

/// The unfinished end of a stream.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    pending: Vec<u8>,
}

impl Scanner {
    /// Reads on, up to and including the first sequence that forgets the scrollback (`CSI 3 J`, `ESC c`). Returns how
    /// many bytes were read and whether such a sequence ended there.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut index = 0;
        while index < bytes.len() {
            if self.state == State::Ground {
                let skip = bytes[index..].iter().position(|&byte| byte == 0x1b || byte >= 0x80);
                index += skip.unwrap_or(bytes.len() - index);
                if index == bytes.len() {
                    break;
                }
            }
            let byte = bytes[index];
            index += 1;
            if self.byte(byte) {
                return (index, true);
            }
        }
        (index, false)
    }

    /// The bytes of the sequence or character that has begun but not ended.
    pub(super) fn pending(&self) -> &[u8] {
        if self.pending.len() > PENDING_MAX { &[] } else { &self.pending }
    }

    fn byte(&mut self, byte: u8) -> bool {
        use State::{Character, Control, Escape, Ground, Text};
        let next = match (self.state, byte) {
            // CAN and SUB end everything; ESC begins anew wherever it stands.
            (_, 0x18 | 0x1a) => Ground,
            (_, 0x1b) => Escape,
            (Character(left), 0x80..=0xbf) => {
                if left > 1 {
                    Character(left - 1)
                } else {
                    Ground
                }
            }
            (Ground | Character(_), 0xc2..=0xdf) => Character(1),
            (Ground | Character(_), 0xe0..=0xef) => Character(2),
            (Ground | Character(_), 0xf0..=0xf4) => Character(3),
            (Ground | Character(_), _) => Ground,
            (Escape, b'[') => Control,
            (Escape, b']') => Text { bell_ends: true },
            (Escape, b'P' | b'X' | b'^' | b'_') => Text { bell_ends: false },
            // Intermediates, and C0 controls, which act at once without ending the sequence.
            (Escape, 0..=0x2f) => Escape,
            (Escape, _) => Ground,
            (Control, 0x40..=0x7e) => Ground,
            (Control, _) => Control,
            (Text { bell_ends: true }, 0x07) => Ground,
            (state @ Text { .. }, _) => state,
        };
        let begins = matches!(next, Escape) && byte == 0x1b || matches!(next, Character(_)) && byte >= 0xc0;
        if begins {
            self.pending.clear();
        }
        let was = std::mem::replace(&mut self.state, next);
        if next == Ground {
            let forgets = byte == b'J' && was == Control && self.pending == b"\x1b[3"
                || byte == b'c' && was == Escape && self.pending == b"\x1b";
            self.pending.clear();
            if self.pending.capacity() > 64 {
                self.pending = Vec::new();
            }
            return forgets;
        }
        if self.pending.len() <= PENDING_MAX {
            self.pending.push(byte);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(bytes: &[u8]) -> Vec<u8> {
        let mut scanner = Scanner::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (read, _) = scanner.advance(rest);
            rest = &rest[read..];
        }
        scanner.pending().to_vec()
    }

    #[test]
    fn an_unfinished_end_is_kept_and_a_finished_one_is_not() {
        for whole in [
            "text",
            "\u{1b}[31mred",
            "\u{1b}]0;title\u{7}",
            "\u{1b}]0;title\u{1b}\\",
            "é😀",
            "\u{1b}(B",
            "\u{1b}[1\u{18}x",
        ] {
            assert_eq!(pending(whole.as_bytes()), b"", "{whole:?}");
        }
        for (stream, end) in [
            (&b"a\x1b"[..], &b"\x1b"[..]),
            (b"a\x1b[38;2;1", b"\x1b[38;2;1"),
            (b"\x1b[1\x1b[2", b"\x1b[2"),
            (b"x\xf0\x9f\x98", b"\xf0\x9f\x98"),
            (b"\xc3", b"\xc3"),
            (b"\x1b]0;half", b"\x1b]0;half"),
            (b"\x1bPq#0", b"\x1bPq#0"),
            (b"\x1b]0;title\x1b", b"\x1b"),
            (b"\x1b(", b"\x1b("),
        ] {
            assert_eq!(pending(stream), end, "{stream:?}");
        }
        assert_eq!(pending(&[b"\x1b]0;".to_vec(), vec![b'x'; 10_000]].concat()), b"");
    }

    #[test]
    fn sequences_that_forget_the_scrollback_are_told_where_they_end_however_they_are_cut() {
        let stream = b"one\x1b[H\x1b[2J\x1b[3Jtwo\x1bcthree\x1b[33Jfour\x1b[J";
        for cut in 1..stream.len() {
            let mut scanner = Scanner::default();
            let mut at = Vec::new();
            let mut offset = 0;
            for part in [&stream[..cut], &stream[cut..]] {
                let mut rest = part;
                while !rest.is_empty() {
                    let (read, forgets) = scanner.advance(rest);
                    rest = &rest[read..];
                    offset += read;
                    if forgets {
                        at.push(offset);
                    }
                }
            }
            assert_eq!(at, [14, 19], "cut at {cut}");
        }
    }
}
