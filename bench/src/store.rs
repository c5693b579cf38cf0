//! Store commits per second with 64 writers, each reading one key and writing two, with and without group commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use coditect_model::ambient::{Clock, Timestamp};
use coditect_store::{SqliteOptions, Store, StoreError};

use crate::report::Question;

const WRITERS: u64 = 64;

struct Monotonic(Instant);
impl Clock for Monotonic {
    fn now(&self) -> Timestamp {
        Timestamp(i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

/// Measures each variant for `duration`.
pub(crate) async fn measure(duration: Duration) -> Result<Question> {
    let mut question = Question::new("Store: durable commits per second, 64 writers", "1/s", "one commit per call");
    for (name, group_max) in
        [("one commit per call", 1), ("group commit (the default)", SqliteOptions::default().group_max)]
    {
        let dir = tempfile::tempdir()?;
        let options = SqliteOptions { group_max, ..SqliteOptions::default() };
        let clock: Arc<dyn Clock> = Arc::new(Monotonic(Instant::now()));
        let store = Store::open_sqlite(&dir.path().join("bench.sqlite"), options, clock)?;
        let commits = Arc::new(AtomicU64::new(0));
        let end = Instant::now() + duration;
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (store, commits) = (store.clone(), commits.clone());
            writers.spawn(async move {
                let mut round: u64 = 0;
                while Instant::now() < end {
                    round += 1;
                    let wrote: Result<(), StoreError> = store
                        .transact("bench", |txn| async move {
                            let key = format!("bench/{writer}/{}", round % 1000);
                            txn.get(key.as_bytes()).await?;
                            txn.set(key.as_bytes(), &[7; 200]);
                            txn.set(format!("index/{writer}/{}", round % 1000).as_bytes(), &[1; 16]);
                            Ok(())
                        })
                        .await;
                    wrote?;
                    commits.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), StoreError>(())
            });
        }
        while let Some(outcome) = writers.join_next().await {
            outcome??;
        }
        let count = commits.load(Ordering::Relaxed);
        question.value(name, usize::try_from(count)?, count as f64 / duration.as_secs_f64());
        store.close().await;
    }
    question.note("SQLite, WAL, synchronous=FULL: every counted commit was on disk before it was acknowledged.");
    Ok(question)
}
