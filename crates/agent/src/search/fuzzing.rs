//! Lines of hostile files as search results show them.

use super::line::render;

/// A shown line's matches lie inside it, apart and in order. The first byte counts pairs of bytes, each a step to the
/// next match and its length; the rest is the line.
pub fn shown_line(data: &[u8]) {
    let Some((&count, rest)) = data.split_first() else { return };
    let (steps, line) = rest.split_at((usize::from(count % 16) * 2).min(rest.len()));
    let mut matches = Vec::new();
    let mut at = 0;
    for step in steps.chunks_exact(2) {
        let start = at + usize::from(step[0]) * 8;
        let end = start + usize::from(step[1]);
        if end > line.len() {
            break;
        }
        matches.push((start, end));
        at = end;
    }
    let (text, ranges) = render(line, &matches);
    let units = u32::try_from(text.encode_utf16().count()).expect("a shown line is short");
    let mut last = 0;
    for (start, end) in ranges {
        assert!(last <= start && start < end && end <= units, "{start}..{end} of {units}");
        last = end;
    }
}
