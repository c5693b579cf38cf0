//! Samples and what is said of them: median and 99th percentile, never a mean.

use std::time::Duration;

/// Durations of one operation under one subject.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    sorted_us: Vec<f64>,
}

impl Samples {
    /// From measured durations, in any order.
    pub(crate) fn new(durations: Vec<Duration>) -> Self {
        let mut sorted_us: Vec<f64> = durations.into_iter().map(|duration| duration.as_secs_f64() * 1e6).collect();
        sorted_us.sort_by(f64::total_cmp);
        Self { sorted_us }
    }

    /// The value that `share` (0 to 1) of the samples do not exceed, in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> f64 {
        let last = self.sorted_us.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index within the samples")]
        let index = (share * last as f64).round() as usize;
        self.sorted_us.get(index).copied().unwrap_or(f64::NAN)
    }

    /// Median in microseconds.
    pub(crate) fn median_us(&self) -> f64 {
        self.quantile_us(0.5)
    }

    /// 99th percentile in microseconds.
    pub(crate) fn p99_us(&self) -> f64 {
        self.quantile_us(0.99)
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.sorted_us.len()
    }
}
