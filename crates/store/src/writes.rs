//! What a transaction has written so far: read by itself before its commit, applied by the backend at commit.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::range::{KeyRange, Pair};

/// The last word of a transaction on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The key has this value.
    Set(Vec<u8>),
    /// The key is gone.
    Clear,
    /// The key's value, read as a little-endian 64-bit number, grows by this (wrapping).
    Add(i64),
}

impl Write {
    /// The value after this write, given the one before.
    #[must_use]
    pub fn apply(&self, base: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::Clear => None,
            Self::Add(delta) => Some(added(base.unwrap_or_default(), *delta)),
        }
    }
}

/// FoundationDB's `ADD`: the present value is cut or zero-extended to eight bytes, the sum wraps.
fn added(base: &[u8], delta: i64) -> Vec<u8> {
    let mut bytes = [0; 8];
    let length = base.len().min(8);
    bytes[..length].copy_from_slice(&base[..length]);
    i64::from_le_bytes(bytes).wrapping_add(delta).to_le_bytes().to_vec()
}

/// Cleared ranges, and over them what was written to single keys.
#[derive(Debug, Default)]
pub struct WriteSet {
    cleared: BTreeMap<Vec<u8>, Vec<u8>>,
    keys: BTreeMap<Vec<u8>, Write>,
}

impl WriteSet {
    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cleared.is_empty() && self.keys.is_empty()
    }

    /// The cleared ranges: disjoint, ascending. They come before [`Self::keys`].
    pub fn cleared(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.cleared.iter().map(|(begin, end)| (begin.as_slice(), end.as_slice()))
    }

    /// What was written to single keys, ascending.
    pub fn keys(&self) -> impl Iterator<Item = (&[u8], &Write)> {
        self.keys.iter().map(|(key, write)| (key.as_slice(), write))
    }

    /// The write to exactly this key, if there is one.
    #[must_use]
    pub fn key(&self, key: &[u8]) -> Option<&Write> {
        self.keys.get(key)
    }

    /// Whether `key` lies in a cleared range (it may have been written again after).
    #[must_use]
    pub fn is_cleared(&self, key: &[u8]) -> bool {
        let upto = (Bound::Unbounded, Bound::Included(key));
        self.cleared.range::<[u8], _>(upto).next_back().is_some_and(|(_, end)| key < end.as_slice())
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        self.keys.insert(key.to_vec(), Write::Set(value.to_vec()));
    }

    pub(crate) fn clear(&mut self, key: &[u8]) {
        self.keys.insert(key.to_vec(), Write::Clear);
    }

    pub(crate) fn add(&mut self, key: &[u8], delta: i64) {
        let write = match self.keys.get(key) {
            Some(Write::Add(before)) => Write::Add(before.wrapping_add(delta)),
            Some(Write::Set(value)) => Write::Set(added(value, delta)),
            Some(Write::Clear) => Write::Set(added(&[], delta)),
            None if self.is_cleared(key) => Write::Set(added(&[], delta)),
            None => Write::Add(delta),
        };
        self.keys.insert(key.to_vec(), write);
    }

    pub(crate) fn clear_range(&mut self, range: KeyRange) {
        if range.is_empty() {
            return;
        }
        let KeyRange { mut begin, mut end } = range;
        let inside: Vec<_> = self.keys.range(begin.clone()..end.clone()).map(|(key, _)| key.clone()).collect();
        for key in inside {
            self.keys.remove(&key);
        }
        // Merge with every cleared range that touches this one, so that they stay disjoint.
        while let Some((other_begin, other_end)) =
            self.cleared.range::<Vec<u8>, _>(..=&end).next_back().map(|(b, e)| (b.clone(), e.clone()))
        {
            if other_end < begin {
                break;
            }
            self.cleared.remove(&other_begin);
            begin = begin.min(other_begin);
            end = end.max(other_end);
        }
        self.cleared.insert(begin, end);
    }

    /// The pairs of `range` as this transaction sees them, given those of its snapshot (ascending).
    pub(crate) fn overlay(&self, range: &KeyRange, base: Vec<Pair>) -> Vec<Pair> {
        if self.is_empty() || range.is_empty() {
            return base;
        }
        let mut merged = Vec::with_capacity(base.len());
        let mut written = self.keys.range(range.begin.clone()..range.end.clone()).peekable();
        let fresh = |merged: &mut Vec<Pair>, key: &Vec<u8>, write: &Write| {
            if let Some(value) = write.apply(None) {
                merged.push((key.clone(), value));
            }
        };
        for (key, value) in base {
            while let Some((new_key, write)) = written.next_if(|(new_key, _)| **new_key < key) {
                fresh(&mut merged, new_key, write);
            }
            let value = match written.next_if(|(new_key, _)| **new_key == key) {
                Some((_, write)) => write.apply(Some(&value)),
                None if self.is_cleared(&key) => None,
                None => Some(value),
            };
            merged.extend(value.map(|value| (key, value)));
        }
        for (key, write) in written {
            fresh(&mut merged, key, write);
        }
        merged
    }
}
