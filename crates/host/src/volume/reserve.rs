//! The disk space that is left to the machine: when writers are held back, and who is ended when that is not enough.
//!
//! Images have holes, so together they may promise more than the disk has. A write that a workspace was allowed must find
//! its place, so writers are refused in time: what the kernel refuses at write(2) is a clean "no space left"; what it
//! cannot place later would be lost.
//!
//! **Invariants**: pure; the caller measures and acts.

const GIB: u64 = 1 << 30;

/// Bytes to leave free on a file system that can hold `total` (used and available), if nothing is configured.
pub(super) fn default_reserve(total: u64) -> u64 {
    GIB.max(total / 20)
}

/// How short of space the host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Not at all.
    #[default]
    Free,
    /// Below the reserve: volumes take nothing more, none is made or grown.
    Braked,
    /// Below half of it: those that grow all the same are ended.
    Shedding,
}

/// The stage at this much free space, given the stage so far: left behind only when there is clearly room again.
pub(super) fn stage(now: Stage, free: u64, reserve: u64) -> Stage {
    let half = reserve / 2;
    if free < half || now == Stage::Shedding && free < half + reserve / 8 {
        Stage::Shedding
    } else if free < reserve || now != Stage::Free && free < reserve + reserve / 4 {
        Stage::Braked
    } else {
        Stage::Free
    }
}

/// Which volume grew most, by its growth in bytes; none if nothing grows.
pub(super) fn fastest<'a>(growth: impl Iterator<Item = (&'a str, u64)>) -> Option<&'a str> {
    growth.filter(|&(_, bytes)| bytes > 0).max_by_key(|&(_, bytes)| bytes).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_is_put_on_below_the_reserve_and_lifted_well_above_it() {
        assert_eq!(stage(Stage::Free, 1000, 1000), Stage::Free);
        assert_eq!(stage(Stage::Free, 999, 1000), Stage::Braked);
        assert_eq!(stage(Stage::Braked, 1249, 1000), Stage::Braked);
        assert_eq!(stage(Stage::Braked, 1250, 1000), Stage::Free);
        assert_eq!(stage(Stage::Braked, 499, 1000), Stage::Shedding);
        assert_eq!(stage(Stage::Free, 0, 1000), Stage::Shedding);
        assert_eq!(stage(Stage::Shedding, 624, 1000), Stage::Shedding);
        assert_eq!(stage(Stage::Shedding, 625, 1000), Stage::Braked);
        assert_eq!(stage(Stage::Shedding, 5000, 1000), Stage::Free);
        assert_eq!(stage(Stage::Free, 0, 0), Stage::Free);
    }

    #[test]
    fn whoever_grows_most_is_found_and_nobody_else() {
        assert_eq!(fastest([("a", 3), ("b", 9), ("c", 0)].into_iter()), Some("b"));
        assert_eq!(fastest([("a", 0)].into_iter()), None);
        assert_eq!(fastest(std::iter::empty()), None);
    }

    #[test]
    fn a_small_disk_keeps_a_gibibyte_and_a_large_one_a_twentieth() {
        assert_eq!(default_reserve(2 * GIB), GIB);
        assert_eq!(default_reserve(1000 * GIB), 50 * GIB);
    }
}
