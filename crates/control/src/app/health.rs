//! Whether the store answers.

use crate::control::Control;
use crate::error::AppError;
use crate::records::health;

impl Control {
    /// One read and one durable write.
    pub(crate) async fn probe_store(&self) -> Result<(), AppError> {
        let now = self.clock.now();
        self.store.transact("probe", |txn| async move { health::probe(&txn, now).await }).await
    }

    /// One read.
    pub(crate) async fn read_store(&self) -> Result<(), AppError> {
        self.store.transact("read probe", |txn| async move { health::read(&txn).await }).await
    }
}
