//! Keys, half-open key ranges, and how to read them.

use std::ops::Deref;

use crate::error::StoreError;
use crate::limits::{KEY_MAX_BYTES, KEY_SPACE_END};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A key, as [`crate::keys`] makes them. Derefs to its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(crate) Vec<u8>);

impl Key {
    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
impl Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}
impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// All keys from `begin` (included) to `end` (excluded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub begin: Vec<u8>,
    /// First key after the range.
    pub end: Vec<u8>,
}

impl KeyRange {
    /// From `begin` (included) to `end` (excluded).
    #[must_use]
    pub fn new(begin: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { begin: begin.into(), end: end.into() }
    }

    /// Every key of the application.
    #[must_use]
    pub fn all() -> Self {
        Self::new([], KEY_SPACE_END)
    }

    /// Every key that begins with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < 0xff {
                end.push(last + 1);
                break;
            }
        }
        if end.is_empty() {
            end = KEY_SPACE_END.to_vec();
        }
        Self { begin: prefix.to_vec(), end }
    }

    /// The range that holds exactly `key`.
    #[must_use]
    pub fn single(key: &[u8]) -> Self {
        Self { begin: key.to_vec(), end: successor(key) }
    }

    /// The part of this range behind `key`: the next page after one that ended with it.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> Self {
        let next = successor(key);
        if next > self.begin {
            self.begin = next.min(self.end.clone());
        }
        self
    }

    /// The part of this range before `key`: the next page of a reverse read.
    #[must_use]
    pub fn before(mut self, key: &[u8]) -> Self {
        if key < self.end.as_slice() {
            self.end = key.max(&self.begin).to_vec();
        }
        self
    }

    /// Whether `key` lies in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.begin.as_slice() <= key && key < self.end.as_slice()
    }

    /// Whether no key lies in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.begin >= self.end
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.begin > self.end {
            return Err(StoreError::InvertedRange);
        }
        // The end may be one byte longer than a key: the key after the longest one.
        for (bound, limit) in [(&self.begin, KEY_MAX_BYTES + 1), (&self.end, KEY_MAX_BYTES + 1)] {
            if bound.len() > limit {
                return Err(StoreError::KeyTooLarge { bytes: bound.len() });
            }
        }
        if self.end.as_slice() > KEY_SPACE_END { Err(StoreError::KeyOutsideSpace) } else { Ok(()) }
    }
}

/// The key right after `key`.
pub(crate) fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

pub(crate) fn check_key(key: &[u8]) -> Result<(), StoreError> {
    if key.len() > KEY_MAX_BYTES {
        return Err(StoreError::KeyTooLarge { bytes: key.len() });
    }
    if key >= KEY_SPACE_END { Err(StoreError::KeyOutsideSpace) } else { Ok(()) }
}

/// How to read a range. The default is: all of it, ascending, with a conflict range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeOptions {
    /// At most this many pairs; `None` for all (an error over [`crate::limits::RANGE_MAX_BYTES`], never a cut).
    pub limit: Option<usize>,
    /// From the last key down.
    pub reverse: bool,
    /// Without a conflict range: a later change of the range does not stop this transaction from committing.
    pub snapshot: bool,
}

impl RangeOptions {
    /// At most `limit` pairs.
    #[must_use]
    pub fn limit(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }
    /// From the last key down.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { reverse: true, ..self }
    }
    /// Without a conflict range.
    #[must_use]
    pub fn snapshot(self) -> Self {
        Self { snapshot: true, ..self }
    }
}
