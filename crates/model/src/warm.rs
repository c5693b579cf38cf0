//! How many sandboxes a host holds prepared for whoever comes next: a decision over what was asked of it lately.
//!
//! **Invariants**: never more than the policy's number and memory; none when the machine is short of memory.

use std::collections::VecDeque;
use std::time::Duration;

/// What one prepared sandbox costs the machine, in bytes: 0.3 MiB of its agent and 0.6 MiB of kernel objects were
/// measured; its network comes on top, and it is rounded up.
pub const EACH_BYTES: u64 = 2 << 20;
/// Memory that must stay available to the machine, in bytes, for any to be held.
pub const RESERVE_BYTES: u64 = 512 << 20;
/// Starts within this time of each other come faster than prepared sandboxes are made again.
pub const BURST: Duration = Duration::from_secs(2);
/// How far back a burst is expected to come again.
pub const LOOK_BACK: Duration = Duration::from_secs(15 * 60);
/// Starts that are remembered.
pub const HISTORY_MAX: usize = 256;

/// What an operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Prepared sandboxes at most; 0 for none.
    pub max: usize,
    /// What they may cost together, in bytes, counted as [`EACH_BYTES`] each.
    pub memory_bytes: u64,
}

impl Policy {
    /// None are prepared.
    pub const OFF: Self = Self { max: 0, memory_bytes: 0 };
}

impl Default for Policy {
    fn default() -> Self {
        Self { max: 4, memory_bytes: 64 << 20 }
    }
}

/// When workspaces were started lately, as time since one fixed moment, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    starts: VecDeque<Duration>,
}

impl History {
    /// Notes a start. Moments are given in order; one that is not counts as the last.
    pub fn note(&mut self, now: Duration) {
        if self.starts.len() == HISTORY_MAX {
            self.starts.pop_front();
        }
        let last = self.starts.back().copied().unwrap_or_default();
        self.starts.push_back(now.max(last));
    }

    /// The most starts that came within [`BURST`] of each other, of those not longer ago than [`LOOK_BACK`].
    #[must_use]
    pub fn largest_burst(&self, now: Duration) -> usize {
        let recent = |&start: &Duration| now.saturating_sub(start) <= LOOK_BACK;
        let starts: Vec<Duration> = self.starts.iter().copied().filter(recent).collect();
        let (mut first, mut largest) = (0, 0);
        for (last, &end) in starts.iter().enumerate() {
            while end.saturating_sub(starts[first]) > BURST {
                first += 1;
            }
            largest = largest.max(last - first + 1);
        }
        largest
    }
}

/// How many prepared sandboxes there should be: one more than nobody needs, as many as came at once lately, and no more
/// than may be afforded. `memory_available` is what the machine could still give, in bytes, the prepared ones that exist
/// already not counted as taken.
#[must_use]
pub fn target(history: &History, now: Duration, memory_available: u64, policy: &Policy) -> usize {
    let spare = memory_available.saturating_sub(RESERVE_BYTES).min(policy.memory_bytes);
    let affordable = usize::try_from(spare / EACH_BYTES).unwrap_or(usize::MAX);
    history.largest_burst(now).max(1).min(policy.max).min(affordable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: u64 = 16 << 30;

    fn history(starts_ms: &[u64]) -> History {
        let mut history = History::default();
        for &ms in starts_ms {
            history.note(Duration::from_millis(ms));
        }
        history
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn one_waits_even_if_nobody_came_and_none_if_they_are_not_wanted() {
        assert_eq!(target(&History::default(), at(0), PLENTY, &Policy::default()), 1);
        assert_eq!(target(&history(&[1, 2, 3]), at(1), PLENTY, &Policy::OFF), 0);
    }

    #[test]
    fn as_many_as_came_at_once_up_to_the_policys_number() {
        let burst = history(&[0, 100_000, 100_500, 101_900, 103_000, 200_000]);
        assert_eq!(burst.largest_burst(at(201)), 3);
        let policy = Policy { max: 8, memory_bytes: 64 << 20 };
        assert_eq!(target(&burst, at(201), PLENTY, &policy), 3);
        assert_eq!(target(&burst, at(201), PLENTY, &Policy { max: 2, ..policy }), 2);
        // Long ago it was.
        assert_eq!(target(&burst, at(100) + LOOK_BACK + at(10), PLENTY, &policy), 1);
    }

    #[test]
    fn memory_bounds_it_the_policys_and_the_machines() {
        let burst = history(&[0; 50]);
        let policy = Policy { max: 100, memory_bytes: 10 * EACH_BYTES };
        assert_eq!(target(&burst, at(1), PLENTY, &policy), 10);
        assert_eq!(target(&burst, at(1), RESERVE_BYTES + 3 * EACH_BYTES, &policy), 3);
        for available in [0, RESERVE_BYTES, RESERVE_BYTES + EACH_BYTES - 1] {
            assert_eq!(target(&burst, at(1), available, &policy), 0);
        }
    }

    #[test]
    fn the_history_is_bounded_and_in_order() {
        let mut long = history(&[5000; HISTORY_MAX * 2]);
        assert_eq!(long.largest_burst(at(5)), HISTORY_MAX);
        // A clock that goes back is no start long ago.
        long.note(Duration::ZERO);
        assert_eq!(long.largest_burst(at(5)), HISTORY_MAX);
    }
}
