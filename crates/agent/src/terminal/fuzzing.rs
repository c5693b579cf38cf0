//! Output of hostile programs as the terminal's model reads it.

use super::model::{Model, Size};

/// Most output of one case, in bytes.
const OUTPUT_MAX_BYTES: usize = 16 * 1024;

/// The model bears any output, sees the same however it is cut, and what it renders asks nothing of a client. The first
/// four bytes are size, a second size and where the output is cut.
pub fn screen(data: &[u8]) {
    let Some((&[cols, rows, other, cut], output)) = data.split_first_chunk() else { return };
    let output = &output[..output.len().min(OUTPUT_MAX_BYTES)];
    let size =
        |cols: u8, rows: u8| Size::new(u16::from(cols).max(1), u16::from(rows).max(1)).expect("both are in bounds");
    let (first, second) = (size(cols, rows % 64), size(other, other % 32));
    let (front, back) = output.split_at(usize::from(cut).min(output.len()));
    let mut whole = Model::new(first);
    whole.write(output);
    let mut parts = Model::new(first);
    parts.write(front);
    parts.write(back);
    let rendering = whole.render();
    assert_eq!(rendering.bytes, parts.render().bytes, "cut after {} bytes", front.len());
    asks_nothing(rendering.bytes.strip_suffix(whole.scanner.pending()).unwrap_or(&rendering.bytes));
    whole.resize(second);
    whole.write(back);
    assert_eq!(whole.render().size, second);
    assert!(whole.title().chars().all(|letter| !letter.is_control()));
}

/// Finds sequences that terminals answer: they would type the answer into the user's shell.
fn asks_nothing(rendering: &[u8]) {
    assert!(!rendering.contains(&0x05), "ENQ is answered");
    for (at, _) in rendering.iter().enumerate().filter(|(_, byte)| **byte == 0x1b) {
        let rest = &rendering[at + 1..];
        match rest.first() {
            Some(b'[') => {
                let last = rest[1..].iter().find(|byte| (0x40..=0x7e).contains(*byte));
                assert!(!matches!(last, Some(b'c' | b'n' | b'q' | b't' | b'x')), "{:?}", String::from_utf8_lossy(rest));
                assert!(!rest[1..].starts_with(b"?") || !matches!(last, Some(b'p')));
            }
            Some(b']') => assert!(rest.starts_with(b"]2;"), "only the title is set"),
            Some(b'P' | b'Z' | b'_' | b'^' | b'X') => panic!("{:?}", String::from_utf8_lossy(rest)),
            _ => {}
        }
    }
}
