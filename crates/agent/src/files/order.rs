//! The order of names in a listing: as people count, not as bytes compare (`file2` before `File10`).

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Compares two names: letters without case, runs of digits as numbers, ties by bytes. A total order.
pub(super) fn natural(left: &OsStr, right: &OsStr) -> Ordering {
    let (left_text, right_text) = (left.to_string_lossy(), right.to_string_lossy());
    compare(&left_text, &right_text).then_with(|| left.as_bytes().cmp(right.as_bytes()))
}

fn compare(mut left: &str, mut right: &str) -> Ordering {
    loop {
        let ordering = match (left.chars().next(), right.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (left_number, right_number) = (take_number(&mut left), take_number(&mut right));
                left_number.len().cmp(&right_number.len()).then_with(|| left_number.cmp(right_number))
            }
            (Some(a), Some(b)) => {
                left = &left[a.len_utf8()..];
                right = &right[b.len_utf8()..];
                a.to_lowercase().cmp(b.to_lowercase())
            }
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
}

/// Takes the digits at the front, without leading zeros: longer means larger.
fn take_number<'a>(text: &mut &'a str) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    *text = rest;
    number.trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn names_stand_as_people_expect() {
        let mut names: Vec<&OsStr> =
            ["file10", "File2", "file1", "README", "a", "file02", "é", "B"].iter().map(OsStr::new).collect();
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "B", "file1", "File2", "file02", "file10", "README", "é"]);
    }

    fn name() -> impl Strategy<Value = OsString> {
        prop::collection::vec(
            prop_oneof![Just(b'0'), Just(b'1'), Just(b'9'), Just(b'a'), Just(b'A'), Just(b'-'), any::<u8>()],
            0..6,
        )
        .prop_map(OsString::from_vec)
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in name(), b in name(), c in name()) {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b) == Ordering::Equal, a == b);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
