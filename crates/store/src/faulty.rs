//! A backend that fails on purpose: what a distributed store does on a bad day, decided by a seed.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Backend, Commit, Snapshot};
use crate::error::StoreError;
use crate::random::Random;
use crate::watch::Watch;

/// How often which fault happens. The rest of the commits go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Same seed, same order of calls: same faults.
    pub seed: u64,
    /// Commits of a thousand that answer a conflict and are not made.
    pub conflict_per_mille: u16,
    /// Commits of a thousand that are made and answer that the outcome is unknown.
    pub unknown_committed_per_mille: u16,
    /// Commits of a thousand that are not made and answer that the outcome is unknown.
    pub unknown_lost_per_mille: u16,
    /// Snapshots of a thousand that are too old at once.
    pub too_old_per_mille: u16,
    /// Commits and snapshots take up to this long more.
    pub latency_max_us: u64,
}

impl FaultPlan {
    /// Every fault often enough that a test of some hundred transactions meets it.
    #[must_use]
    pub fn stormy(seed: u64) -> Self {
        Self {
            seed,
            conflict_per_mille: 100,
            unknown_committed_per_mille: 100,
            unknown_lost_per_mille: 100,
            too_old_per_mille: 50,
            latency_max_us: 200,
        }
    }
}

pub(crate) struct Faulty {
    inner: Arc<dyn Backend>,
    plan: FaultPlan,
    random: Random,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Backend>, plan: FaultPlan) -> Self {
        Self { inner, plan, random: Random::new(plan.seed) }
    }

    async fn linger(&self) {
        let us = self.random.below(self.plan.latency_max_us);
        if us > 0 {
            tokio::time::sleep(Duration::from_micros(us)).await;
        }
    }
}

#[async_trait::async_trait]
impl Backend for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StoreError> {
        let dice = self.random.below(1000);
        self.linger().await;
        if dice < u64::from(self.plan.too_old_per_mille) {
            return Err(StoreError::TooOld);
        }
        self.inner.snapshot().await
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let mut dice = self.random.below(1000);
        let mut falls_in = |share: u16| {
            let hit = dice < u64::from(share);
            dice = dice.wrapping_sub(u64::from(share));
            hit
        };
        let conflict = falls_in(self.plan.conflict_per_mille);
        let committed = !conflict && falls_in(self.plan.unknown_committed_per_mille);
        let lost = !conflict && !committed && falls_in(self.plan.unknown_lost_per_mille);
        self.linger().await;
        if conflict {
            return Err(StoreError::Conflict);
        }
        if lost {
            return Err(StoreError::CommitUnknown);
        }
        self.inner.commit(commit).await?;
        if committed { Err(StoreError::CommitUnknown) } else { Ok(()) }
    }

    fn watch(&self, key: &[u8]) -> Watch {
        self.inner.watch(key)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
