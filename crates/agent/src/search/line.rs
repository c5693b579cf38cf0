//! A matching line as it is shown: cut to a bearable length around its first match, with UTF-16 offsets.

/// Longest text of one line, in characters.
const TEXT_MAX_CHARS: usize = 400;
/// Characters kept before the first match when a line is cut.
const LEAD_CHARS: usize = 80;
/// Most matches told of one line.
pub(super) const RANGES_MAX: usize = 100;

/// Renders `line` (without its end) whose matches are `matches`, in order and apart.
pub(super) fn render(line: &[u8], matches: &[(usize, usize)]) -> (String, Vec<(u32, u32)>) {
    let matches = &matches[..matches.len().min(RANGES_MAX)];
    let first = matches.first().map_or(0, |&(start, _)| start.min(line.len()));
    // A character has at most four bytes, so this window holds every character that can be shown.
    let from = if line.len() <= TEXT_MAX_CHARS { 0 } else { boundary(line, first.saturating_sub(LEAD_CHARS)) };
    let to = boundary(line, line.len().min(from + 4 * TEXT_MAX_CHARS));
    let mut text = Text::default();
    let mut ranges = Vec::new();
    let mut position = from;
    for &(start, end) in matches {
        let (start, end) = (start.clamp(position, to), end.clamp(position, to));
        text.push(&line[position..start]);
        let range_start = text.utf16;
        text.push(&line[start..end]);
        if text.utf16 > range_start {
            ranges.push((range_start, text.utf16));
        }
        position = end;
    }
    text.push(&line[position..to]);
    (text.shown, ranges)
}

#[derive(Default)]
struct Text {
    shown: String,
    chars: usize,
    utf16: u32,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        for character in String::from_utf8_lossy(bytes).chars() {
            if self.chars == TEXT_MAX_CHARS {
                return;
            }
            self.shown.push(character);
            self.chars += 1;
            self.utf16 += u32::try_from(character.len_utf16()).unwrap_or(0);
        }
    }
}

/// The nearest start of a character at or before `position`.
fn boundary(line: &[u8], position: usize) -> usize {
    let mut at = position.min(line.len());
    while at > position.saturating_sub(3) && at > 0 && line.get(at).is_some_and(|byte| byte & 0xC0 == 0x80) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utf16(text: &str, range: (u32, u32)) -> String {
        let units: Vec<u16> = text.encode_utf16().collect();
        String::from_utf16(&units[range.0 as usize..range.1 as usize]).unwrap()
    }

    #[test]
    fn offsets_count_utf16() {
        let line = "a😀é needle b needle".as_bytes();
        let find: Vec<(usize, usize)> = [8, 17].iter().map(|&at| (at, at + 6)).collect();
        let (text, ranges) = render(line, &find);
        assert_eq!(text, "a😀é needle b needle");
        assert_eq!(ranges, [(5, 11), (14, 20)]);
        assert_eq!(utf16(&text, ranges[0]), "needle");
    }

    #[test]
    fn a_long_line_is_cut_around_its_first_match() {
        let line = format!("{}needle{}", "x".repeat(100_000), "y".repeat(100_000));
        let (text, ranges) = render(line.as_bytes(), &[(100_000, 100_006)]);
        assert_eq!(text.chars().count(), TEXT_MAX_CHARS);
        assert_eq!(utf16(&text, ranges[0]), "needle");
    }

    proptest! {
        #[test]
        fn any_bytes_and_ranges_fit(line in prop::collection::vec(any::<u8>(), 0..3000), cuts in prop::collection::vec(0usize..3000, 0..12)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(line.len())).collect();
            cuts.sort_unstable();
            let matches: Vec<(usize, usize)> = cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let (text, ranges) = render(&line, &matches);
            prop_assert!(text.chars().count() <= TEXT_MAX_CHARS);
            let length = u32::try_from(text.encode_utf16().count()).unwrap();
            for (start, end) in ranges {
                prop_assert!(start < end && end <= length);
            }
        }
    }
}
