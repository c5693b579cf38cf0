//! Ranges of host user ids for running sandboxes: none is shared by two.

use std::collections::BTreeSet;

use coditect_sandbox::spec::IdRange;

/// Which ranges are taken, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct IdRanges {
    taken: BTreeSet<u32>,
}

impl IdRanges {
    /// Takes the free range with the lowest number; `None` when all are taken.
    pub(crate) fn take(&mut self) -> Option<IdRange> {
        let mut number = 0;
        for &taken in &self.taken {
            if taken != number {
                break;
            }
            number += 1;
        }
        let range = IdRange::numbered(number)?;
        self.taken.insert(number);
        Some(range)
    }

    /// Marks the range of an adopted sandbox as taken. Ids that no range has are ignored.
    pub(crate) fn reserve(&mut self, range: IdRange) {
        if let Some(number) = range.number() {
            self.taken.insert(number);
        }
    }

    /// Gives a range back.
    pub(crate) fn release(&mut self, range: IdRange) {
        if let Some(number) = range.number() {
            self.taken.remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_distinct_and_reused_lowest_first() {
        let mut ranges = IdRanges::default();
        let first = ranges.take().unwrap();
        let second = ranges.take().unwrap();
        assert_eq!(second.first_host_id, first.first_host_id + first.count);
        ranges.release(first);
        assert_eq!(ranges.take(), Some(first));
        let third = IdRange::numbered(2).unwrap();
        ranges.reserve(third);
        assert_eq!(ranges.take(), IdRange::numbered(3));
    }
}
