//! FoundationDB's tuple encoding: lists of values as bytes that sort like the lists.
//!
//! Source: <https://github.com/apple/foundationdb/blob/main/design/tuple.md>. Of its types: bytes (0x01), text (0x02),
//! integers of 64 bits (0x0c to 0x1c) and 128-bit identifiers (0x30, "UUID"). Within one position, keys sort by type
//! first, in that order.
//!
//! **Invariants**: one encoding per list, and the decoder accepts no other; it never panics, whatever the bytes.

const BYTES: u8 = 0x01;
const TEXT: u8 = 0x02;
/// The integer zero; each byte of magnitude moves one up (positive) or down (negative).
const ZERO: u8 = 0x14;
const ID: u8 = 0x30;
/// Stands for a zero byte inside bytes and text, after that zero byte.
const ESCAPE: u8 = 0xff;

/// One value to encode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// A number.
    Int(i64),
    /// An identifier.
    Id([u8; 16]),
}

/// One decoded value. The order of the variants is the order of the encodings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A number.
    Int(i64),
    /// An identifier.
    Id([u8; 16]),
}

impl Value {
    /// The same value, borrowed.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        match self {
            Self::Bytes(bytes) => Item::Bytes(bytes),
            Self::Text(text) => Item::Text(text),
            Self::Int(number) => Item::Int(*number),
            Self::Id(id) => Item::Id(*id),
        }
    }
}

/// Why bytes are not a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They end inside a value.
    #[error("the key ends inside a value")]
    Truncated,
    /// A type this store does not use.
    #[error("the key has a value of the unknown type {0:#04x}")]
    UnknownType(u8),
    /// Text that is not UTF-8.
    #[error("the key has text that is not UTF-8")]
    NotText,
    /// A number in more bytes than it needs, or beyond 64 bits.
    #[error("the key has a number that is not in its shortest form or beyond 64 bits")]
    BadNumber,
}

/// Encodes a list of values.
#[must_use]
pub fn pack(items: &[Item<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() * 18);
    for item in items {
        match *item {
            Item::Bytes(bytes) => put_escaped(&mut out, BYTES, bytes),
            Item::Text(text) => put_escaped(&mut out, TEXT, text.as_bytes()),
            Item::Int(number) => put_int(&mut out, number),
            Item::Id(id) => {
                out.push(ID);
                out.extend_from_slice(&id);
            }
        }
    }
    out
}

fn put_escaped(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(ESCAPE);
        }
    }
    out.push(0);
}

/// Bytes of the magnitude, which the type byte counts.
fn width(magnitude: u64) -> u8 {
    // 0 to 8.
    8 - u8::try_from(magnitude.leading_zeros() / 8).expect("64 leading zeros are 8 bytes at most")
}

fn put_int(out: &mut Vec<u8>, number: i64) {
    let magnitude = number.unsigned_abs();
    let width = width(magnitude);
    // Negative numbers are stored as the complement of their magnitude, so that they sort.
    let (kind, body) = if number < 0 { (ZERO - width, !magnitude) } else { (ZERO + width, magnitude) };
    out.push(kind);
    out.extend_from_slice(&body.to_be_bytes()[8 - usize::from(width)..]);
}

/// Decodes a list of values.
///
/// # Errors
/// The bytes are not exactly what [`pack`] makes of some list.
pub fn unpack(mut bytes: &[u8]) -> Result<Vec<Value>, DecodeError> {
    let mut values = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let (value, rest) = match kind {
            BYTES => {
                let (bytes, rest) = take_escaped(rest)?;
                (Value::Bytes(bytes), rest)
            }
            TEXT => {
                let (bytes, rest) = take_escaped(rest)?;
                (Value::Text(String::from_utf8(bytes).map_err(|_| DecodeError::NotText)?), rest)
            }
            0x0c..=0x1c => take_int(kind, rest)?,
            ID => {
                let (id, rest) = rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
                (Value::Id(*id), rest)
            }
            other => return Err(DecodeError::UnknownType(other)),
        };
        values.push(value);
        bytes = rest;
    }
    Ok(values)
}

fn take_escaped(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), DecodeError> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        let (&byte, after) = rest.split_first().ok_or(DecodeError::Truncated)?;
        rest = after;
        if byte == 0 {
            match rest.split_first() {
                Some((&ESCAPE, after)) => rest = after,
                _ => return Ok((out, rest)),
            }
        }
        out.push(byte);
    }
}

fn take_int(kind: u8, bytes: &[u8]) -> Result<(Value, &[u8]), DecodeError> {
    let negative = kind < ZERO;
    let width = kind.abs_diff(ZERO);
    let (body, rest) = bytes.split_at_checked(usize::from(width)).ok_or(DecodeError::Truncated)?;
    let fill = if negative { 0xff } else { 0 };
    let mut full = [fill; 8];
    full[8 - usize::from(width)..].copy_from_slice(body);
    let stored = u64::from_be_bytes(full);
    let magnitude = if negative { !stored } else { stored };
    if self::width(magnitude) != width {
        return Err(DecodeError::BadNumber);
    }
    let number = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    Ok((Value::Int(number.ok_or(DecodeError::BadNumber)?), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 0..12).prop_map(Value::Bytes),
            "[\\x00a\u{e9}\u{10ffff}]{0,6}".prop_map(Value::Text),
            prop_oneof![any::<i64>(), -300..300_i64].prop_map(Value::Int),
            any::<[u8; 16]>().prop_map(Value::Id),
        ]
    }

    fn packed(values: &[Value]) -> Vec<u8> {
        pack(&values.iter().map(Value::item).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn round_trip(values in proptest::collection::vec(value(), 0..5)) {
            prop_assert_eq!(unpack(&packed(&values)).unwrap(), values);
        }

        #[test]
        fn bytes_sort_like_the_lists(
            a in proptest::collection::vec(value(), 0..4),
            b in proptest::collection::vec(value(), 0..4),
            shared in proptest::collection::vec(value(), 0..3),
        ) {
            let (a, b) = ([shared.clone(), a].concat(), [shared, b].concat());
            prop_assert_eq!(packed(&a).cmp(&packed(&b)), a.cmp(&b));
        }

        #[test]
        fn hostile_bytes_decode_to_their_only_list_or_to_an_error(bytes in proptest::collection::vec(
            prop_oneof![Just(0_u8), Just(1), Just(2), 0x0c..=0x1c_u8, Just(0x30), Just(0xff), any::<u8>()], 0..40,
        )) {
            if let Ok(values) = unpack(&bytes) {
                prop_assert_eq!(packed(&values), bytes);
            }
        }
    }

    #[test]
    fn the_specifications_examples() {
        // From FoundationDB's design/tuple.md.
        assert_eq!(pack(&[Item::Bytes(b"foo\x00bar")]), b"\x01foo\x00\xffbar\x00");
        assert_eq!(pack(&[Item::Text("F\u{d4}O\u{0}bar")]), b"\x02F\xc3\x94O\x00\xffbar\x00");
        assert_eq!(pack(&[Item::Int(-5_551_212)]), b"\x11\xabK\x93");
        assert_eq!(pack(&[Item::Int(0)]), b"\x14");
        for number in [i64::MIN, i64::MIN + 1, -256, -255, -1, 1, 255, 256, i64::MAX] {
            assert_eq!(unpack(&pack(&[Item::Int(number)])).unwrap(), [Value::Int(number)]);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        assert_eq!(unpack(b"\x16\x00\x01"), Err(DecodeError::BadNumber));
        assert_eq!(unpack(b"\x15\x00"), Err(DecodeError::BadNumber));
        assert_eq!(unpack(b"\x1c\xff\xff\xff\xff\xff\xff\xff\xff"), Err(DecodeError::BadNumber));
        assert_eq!(unpack(b"\x0c\x00\x00\x00\x00\x00\x00\x00\x00"), Err(DecodeError::BadNumber));
        assert_eq!(unpack(b"\x02\xc3\x00"), Err(DecodeError::NotText));
        assert_eq!(unpack(b"\x01abc"), Err(DecodeError::Truncated));
        assert_eq!(unpack(b"\x300123456789abcde"), Err(DecodeError::Truncated));
        assert_eq!(unpack(b"\x05"), Err(DecodeError::UnknownType(5)));
    }
}
