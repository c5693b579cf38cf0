//! Paths on the wire: text that stands for any bytes, with one spelling per path.
//!
//! **Invariants**: `decode(encode(p)) == p` for every absolute path; a text that is not the one spelling is refused, so
//! that two texts never name the same file.
//! **Not here**: URL encoding of query values (axum), whether the path exists.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// Writes a path as text: `%` and every byte that is not part of UTF-8 become `%XX`.
#[must_use]
pub fn encode(path: &Path) -> String {
    encode_bytes(path.as_os_str().as_bytes())
}

fn encode_bytes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for (index, part) in chunk.valid().split('%').enumerate() {
            if index > 0 {
                text.push_str("%25");
            }
            text.push_str(part);
        }
        for byte in chunk.invalid() {
            write!(text, "%{byte:02X}").expect("writing into a String cannot fail");
        }
    }
    text
}

/// Reads an absolute path. Repeated and trailing slashes are taken out; `..` is refused, because what it means depends
/// on symbolic links and a client that holds a listing never needs it.
///
/// # Errors
/// A relative path, a NUL byte, `..`, a `%` that is not one of [`encode`]'s.
pub fn decode(text: &str) -> Result<PathBuf> {
    decode_field("path", text)
}

/// [`decode`] for a field of another name.
///
/// # Errors
/// Those of [`decode`], naming the field.
pub fn decode_field(field: &str, text: &str) -> Result<PathBuf> {
    let bytes = decode_bytes(text).ok_or_else(|| {
        Error::invalid_value(field, "the path is not spelled as listings spell it: `%` stands for itself only as `%25`")
    })?;
    if bytes.contains(&0) {
        return Err(Error::invalid_value(field, "the path contains a NUL byte, which no file name can hold"));
    }
    if bytes.first() != Some(&b'/') {
        return Err(Error::invalid_value(field, "the path must be absolute, such as /workspace/notes.txt"));
    }
    let raw = PathBuf::from(OsString::from_vec(bytes));
    let mut path = PathBuf::from("/");
    for component in raw.components() {
        match component {
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            Component::Normal(part) => path.push(part),
            Component::ParentDir => {
                return Err(Error::invalid_value(field, "the path contains `..`; write it out in full"));
            }
        }
    }
    Ok(path)
}

/// Reads one name, such as the part of a page token behind its first character.
pub(crate) fn decode_name(text: &str) -> Option<OsString> {
    decode_bytes(text).map(OsString::from_vec)
}

fn decode_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (rest.next()?, rest.next()?);
            bytes.push(hex(high)? << 4 | hex(low)?);
        } else {
            bytes.push(byte);
        }
    }
    (encode_bytes(&bytes) == text).then_some(bytes)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The last part of a path as shown to people.
#[must_use]
pub fn show_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "/".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_path_round_trips(parts in prop::collection::vec(prop::collection::vec(1u8..=255, 1..12), 0..5)) {
            let mut path = PathBuf::from("/");
            for part in parts {
                let part: Vec<u8> = part.into_iter().filter(|&byte| byte != b'/').collect();
                if !part.is_empty() && part != b"." && part != b".." {
                    path.push(OsString::from_vec(part));
                }
            }
            prop_assert_eq!(decode(&encode(&path)).unwrap(), path);
        }

        #[test]
        fn any_text_is_refused_or_has_one_spelling(text in "/[%a-fA-F0-9./\\x00é]{0,24}") {
            if let Ok(path) = decode(&text) {
                let again = encode(&path);
                prop_assert_eq!(decode(&again).unwrap(), path);
                let parts = |text: &str| -> Vec<String> {
                    text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
                };
                prop_assert_eq!(parts(&again), parts(&text));
            }
        }
    }

    #[test]
    fn what_is_not_one_absolute_path_is_refused() {
        for text in ["", "a", "./a", "/a/../b", "/%", "/%4", "/%41", "/%2f", "/%c3%a9", "/%C3%A9", "/%00", "/\0"] {
            let error = decode(text).expect_err(text);
            assert_eq!(error.kind.status(), 422, "{text:?}");
        }
        assert_eq!(decode("//a/./b//").unwrap(), Path::new("/a/b"));
        assert_eq!(encode(Path::new(std::ffi::OsStr::from_bytes(b"/50%\xff"))), "/50%25%FF");
    }
}
