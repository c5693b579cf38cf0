//! Paths, ranges, versions and page tokens as hostile clients may send them.

use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

use super::{list, path as wire, precondition as version, range as part};

/// A path is refused or means one file, whose spelling is read back as the same.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = wire::decode(text) else { return };
    assert!(path.is_absolute());
    let plain = |part| matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_));
    assert!(path.components().all(plain), "{path:?} climbs");
    let spelled = wire::encode(&path);
    assert_eq!(wire::decode(&spelled).ok().as_deref(), Some(path.as_path()), "{spelled:?}");
}

/// A range lies inside the file. The first eight bytes are the file's size.
pub fn range(data: &[u8]) {
    let Some((size, header)) = data.split_first_chunk() else { return };
    let size = u64::from_be_bytes(*size);
    let Ok(header) = std::str::from_utf8(header) else { return };
    match part::parse(Some(header), size) {
        part::Asked::Part { start, end } => assert!(start <= end && end < size, "{header:?} of {size}"),
        part::Asked::Whole | part::Asked::Outside => {}
    }
}

/// Whatever the headers say, a version that was not named is not overwritten. Lines are headers: `=` in front means
/// `If-Match`, anything else `If-None-Match`.
pub fn precondition(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n').take(8) {
        let (name, value) = match line.strip_prefix(b"=") {
            Some(rest) => (IF_MATCH, rest),
            None => (IF_NONE_MATCH, line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    if version::has_already(&headers, "\"7d3f\"").is_ok_and(|has| has) {
        let named = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains('*') || text.contains("7d3f"));
        assert!(headers.get_all(IF_NONE_MATCH).iter().any(named));
    }
    let Ok(precondition) = version::Precondition::of_write(&headers) else { return };
    if matches!(precondition, version::Precondition::Anything) {
        assert!(headers.get_all(IF_MATCH).iter().any(|value| value.as_bytes().contains(&b'*')));
    }
    assert!(!(headers.contains_key(IF_MATCH) && headers.contains_key(IF_NONE_MATCH)), "both were taken");
}

/// A page token is refused or has one spelling, and its place in the order is consistent.
pub fn page_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (left, right) = text.split_once('\n').unwrap_or((text, text));
    let (Ok(left_rank), Ok(right_rank)) = (list::Rank::from_token(left), list::Rank::from_token(right)) else { return };
    assert_eq!((left_rank.token().as_str(), right_rank.token().as_str()), (left, right));
    let order = left_rank.cmp(&right_rank);
    assert_eq!(order, right_rank.cmp(&left_rank).reverse());
    assert_eq!(order.is_eq(), left == right, "{left:?} and {right:?}");
}
