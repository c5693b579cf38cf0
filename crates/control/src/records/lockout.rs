//! Wrong passwords counted per e-mail address, whether an account has it or not.

use coditect_model::ambient::Timestamp;
use coditect_model::name::Email;
use coditect_store::{Txn, keys};
use serde::{Deserialize, Serialize};

use super::record;
use crate::error::AppError;

/// Failures in a row.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LockoutRecord {
    pub(crate) failures: u32,
    /// Milliseconds since the epoch; 0: not locked.
    pub(crate) locked_until: i64,
    /// Milliseconds since the epoch.
    pub(crate) last_failure_at: i64,
    /// The attempt counted last: counting it again, after a commit of unknown outcome, changes nothing.
    pub(crate) last_attempt: u64,
}
record!(LockoutRecord, 1, "lock-out");

impl LockoutRecord {
    /// Seconds until the next attempt is allowed.
    fn wait_s(&self, now: Timestamp) -> Option<i64> {
        let ms = self.locked_until - now.0;
        (ms > 0).then(|| ms.div_euclid(1000) + 1)
    }

    /// Counts an attempt as a failure, until its success clears the record; the seconds to wait when it is one too
    /// many. From [`crate::config::RateLimits::lockout_after`] on, each locks for twice as long as the one before.
    pub(crate) fn attempt(
        &mut self,
        attempt: u64,
        now: Timestamp,
        limits: &crate::config::RateLimits,
    ) -> Result<(), i64> {
        if self.last_attempt == attempt {
            return Ok(());
        }
        if let Some(wait_s) = self.wait_s(now) {
            return Err(wait_s);
        }
        self.last_attempt = attempt;
        self.fail(now, limits);
        Ok(())
    }

    fn fail(&mut self, now: Timestamp, limits: &crate::config::RateLimits) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure_at = now.0;
        if self.failures >= limits.lockout_after {
            let doublings = (self.failures - limits.lockout_after).min(32);
            let lock_s = limits.lockout_first_s.saturating_mul(1 << doublings).min(limits.lockout_max_s);
            self.locked_until = now.plus_s(lock_s).0;
        }
    }
}

fn key(email: &Email) -> coditect_store::Key {
    keys::account_attempts(email)
}

pub(crate) async fn get(txn: &Txn, email: &Email) -> Result<LockoutRecord, AppError> {
    Ok(super::get(txn, &key(email)).await?.unwrap_or_default())
}

pub(crate) fn put(txn: &Txn, email: &Email, record: &LockoutRecord) {
    super::put(txn, &key(email), record);
}

pub(crate) fn clear(txn: &Txn, email: &Email) {
    txn.clear(&key(email));
}

/// Removes counters whose last failure is older than `before`; at most `limit` are looked at, from `after` on.
/// Answers where to go on.
pub(crate) async fn sweep(
    txn: &Txn,
    before: Timestamp,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<Option<Vec<u8>>, AppError> {
    let mut range = keys::all_attempts();
    if let Some(after) = after {
        range = range.after(&after);
    }
    let pairs = txn.range(range, coditect_store::RangeOptions::limit(limit)).await?;
    for (key, value) in &pairs {
        let record: LockoutRecord = super::decode(value)?;
        if record.last_failure_at < before.0 && record.locked_until < before.0 {
            txn.clear(key);
        }
    }
    let more = pairs.len() == limit;
    Ok(pairs.into_iter().next_back().filter(|_| more).map(|(key, _)| key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_doubles_up_to_an_hour() {
        let limits = crate::config::RateLimits::default();
        let mut record = LockoutRecord::default();
        let now = Timestamp(0);
        let waits: Vec<i64> = (0..15)
            .map(|_| {
                record.fail(now, &limits);
                record.locked_until / 1000
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]);
        assert_eq!(record.wait_s(Timestamp(3_599_500)), Some(1));
        assert_eq!(record.wait_s(Timestamp(3_600_000)), None);
    }
}
