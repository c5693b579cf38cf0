//! What running workspaces use, sampled when somebody asks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Shortest interval between two samples of one workspace's CPU.
const CPU_INTERVAL: Duration = Duration::from_millis(900);
/// How long an estimate of a volume's use is good for.
const STORAGE_FRESH: Duration = Duration::from_secs(60);

/// The samples that rates are computed from.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    by_label: HashMap<String, Sample>,
}

#[derive(Debug, Default)]
struct Sample {
    cpu: Option<(Instant, u64, u32)>,
    storage: Option<(Instant, u64)>,
    counting: bool,
}

impl Samples {
    /// CPU rate in thousandths of a core, given the CPU time used so far.
    pub(crate) fn cpu_rate(&mut self, label: &str, now: Instant, cpu_us: u64) -> u32 {
        let sample = self.by_label.entry(label.to_owned()).or_default();
        match sample.cpu {
            Some((then, _, rate)) if now.duration_since(then) < CPU_INTERVAL => rate,
            Some((then, before_us, _)) => {
                let elapsed_us = now.duration_since(then).as_micros().max(1);
                let rate = u128::from(cpu_us.saturating_sub(before_us)) * 1000 / elapsed_us;
                let rate = u32::try_from(rate).unwrap_or(u32::MAX);
                sample.cpu = Some((now, cpu_us, rate));
                rate
            }
            None => {
                sample.cpu = Some((now, cpu_us, 0));
                0
            }
        }
    }

    /// The last count of a volume's bytes, and whether the caller shall count again (nobody else is counting).
    pub(crate) fn storage(&mut self, label: &str, now: Instant) -> (Option<u64>, bool) {
        let sample = self.by_label.entry(label.to_owned()).or_default();
        let fresh = sample.storage.is_some_and(|(then, _)| now.duration_since(then) < STORAGE_FRESH);
        let count = !fresh && !sample.counting;
        sample.counting |= count;
        (sample.storage.map(|(_, bytes)| bytes), count)
    }

    /// Notes the end of a count; `None` when it failed.
    pub(crate) fn counted(&mut self, label: &str, now: Instant, bytes: Option<u64>) {
        if let Some(sample) = self.by_label.get_mut(label) {
            sample.counting = false;
            if let Some(bytes) = bytes {
                sample.storage = Some((now, bytes));
            }
        }
    }

    /// Forgets a workspace that has stopped.
    pub(crate) fn forget(&mut self, label: &str) {
        self.by_label.remove(label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_taken_over_an_interval_and_kept_between() {
        let mut samples = Samples::default();
        let start = Instant::now();
        assert_eq!(samples.cpu_rate("a", start, 1_000_000), 0);
        assert_eq!(samples.cpu_rate("a", start + Duration::from_secs(2), 2_000_000), 500);
        assert_eq!(samples.cpu_rate("a", start + Duration::from_millis(2_100), 9_000_000), 500);
    }

    #[test]
    fn only_one_caller_counts_storage() {
        let mut samples = Samples::default();
        let now = Instant::now();
        assert_eq!(samples.storage("a", now), (None, true));
        assert_eq!(samples.storage("a", now), (None, false));
        samples.counted("a", now, Some(7));
        assert_eq!(samples.storage("a", now), (Some(7), false));
        assert_eq!(samples.storage("a", now + Duration::from_secs(61)), (Some(7), true));
    }
}
