//! One byte range of a read (RFC 9110 section 14). Several ranges at once are not offered: the whole file is answered.

/// What a `Range` header asks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything: no header, or one that is not understood.
    Whole,
    /// These bytes, `start <= end < size`.
    Part {
        /// First byte.
        start: u64,
        /// Last byte.
        end: u64,
    },
    /// Nothing that exists.
    Outside,
}

/// Reads a `Range` header for a file of `size` bytes.
pub(super) fn parse(header: Option<&str>, size: u64) -> Asked {
    let Some((first, last)) = header
        .and_then(|text| text.strip_prefix("bytes="))
        .filter(|ranges| !ranges.contains(','))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::Whole;
    };
    match (number(first), number(last)) {
        (Some(Some(start)), Some(end)) => {
            let end = end.unwrap_or(u64::MAX);
            if start > end {
                Asked::Whole
            } else if start >= size {
                Asked::Outside
            } else {
                Asked::Part { start, end: end.min(size - 1) }
            }
        }
        (Some(None), Some(Some(0))) => Asked::Outside,
        (Some(None), Some(Some(_))) if size == 0 => Asked::Outside,
        (Some(None), Some(Some(suffix))) => Asked::Part { start: size.saturating_sub(suffix), end: size - 1 },
        _ => Asked::Whole,
    }
}

/// `Some(None)` for nothing, `None` for what is not a number.
fn number(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than u64 holds lie beyond the end of every file.
    Some(Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_forms_of_the_standard() {
        let part = |start, end| Asked::Part { start, end };
        for (header, size, asked) in [
            ("bytes=0-9", 100, part(0, 9)),
            ("bytes=90-", 100, part(90, 99)),
            ("bytes=-10", 100, part(90, 99)),
            ("bytes=-1000", 100, part(0, 99)),
            ("bytes=50-1000", 100, part(50, 99)),
            ("bytes=99-99999999999999999999999", 100, part(99, 99)),
            ("bytes=100-", 100, Asked::Outside),
            ("bytes=-0", 100, Asked::Outside),
            ("bytes=0-0", 0, Asked::Outside),
            ("bytes=-5", 0, Asked::Outside),
            ("bytes=9-1", 100, Asked::Whole),
            ("bytes=0-1,5-6", 100, Asked::Whole),
            ("bytes=-", 100, Asked::Whole),
            ("bytes=+1-2", 100, Asked::Whole),
            ("lines=1-2", 100, Asked::Whole),
        ] {
            assert_eq!(parse(Some(header), size), asked, "{header} of {size}");
        }
        assert_eq!(parse(None, 5), Asked::Whole);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", size: u64) {
            if let Asked::Part { start, end } = parse(Some(&header), size) {
                prop_assert!(start <= end && end < size);
            }
        }
    }
}
