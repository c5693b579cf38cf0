//! The last bytes of a stream, addressed by their absolute offset.
//!
//! **Invariants**: holds at most [`CAPACITY`] bytes; memory is taken only as bytes arrive; `start() <= end()`, and
//! `end()` counts every byte ever pushed.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Raw output kept for clients that come back, in bytes.
pub(super) const CAPACITY: usize = 256 * 1024;

/// A bounded window over the end of a stream.
#[derive(Debug, Default)]
pub(super) struct Ring {
    bytes: VecDeque<u8>,
    end: u64,
}

impl Ring {
    /// Appends to the stream, forgetting the oldest bytes beyond the capacity.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(CAPACITY)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(CAPACITY);
        self.bytes.drain(..excess);
        self.bytes.extend(kept);
    }

    /// Offset of the oldest byte still held.
    pub(super) fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// Offset of the next byte to come.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Up to `limit` bytes from `offset` on; `None` when that byte is not held (any more, or yet).
    pub(super) fn read(&self, offset: u64, limit: usize) -> Option<Bytes> {
        if offset > self.end {
            return None;
        }
        let from = usize::try_from(offset.checked_sub(self.start())?).ok()?;
        let to = from.saturating_add(limit).min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let mut out = BytesMut::with_capacity(to - from);
        out.extend_from_slice(&front[from.min(front.len())..to.min(front.len())]);
        out.extend_from_slice(&back[from.saturating_sub(front.len())..to.saturating_sub(front.len())]);
        Some(out.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_held_byte_is_read_back_at_its_offset_and_no_other() {
        let byte_at = |offset: u64| u8::try_from(offset % 251).unwrap();
        let mut ring = Ring::default();
        for chunk in [1_usize, 4095, 65_536, 100_000, 200_000, 3, 300_000, 7] {
            let from = ring.end();
            let bytes: Vec<u8> = (from..from + chunk as u64).map(byte_at).collect();
            ring.push(&bytes);
            assert_eq!(ring.end(), from + chunk as u64);
            assert!(ring.end() - ring.start() <= CAPACITY as u64);
            let all = ring.read(ring.start(), usize::MAX).unwrap();
            assert_eq!(all.len() as u64, ring.end() - ring.start());
            assert!(all.iter().enumerate().all(|(index, &byte)| byte == byte_at(ring.start() + index as u64)));
            let middle = ring.start() + (ring.end() - ring.start()) / 2;
            assert_eq!(ring.read(middle, 1).unwrap()[..], [byte_at(middle)]);
        }
        assert_eq!(ring.read(ring.end(), 10).unwrap().len(), 0);
        assert_eq!(ring.read(ring.end() + 1, 10), None);
        assert_eq!(ring.read(ring.start() - 1, 10), None);
    }
}
