//! What runs beside the requests. Each task takes no input but nudges, is idempotent, and ends when told to.

pub(crate) mod audit;
pub(crate) mod housekeeping;
pub(crate) mod reconcile;
