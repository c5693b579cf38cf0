//! The system's clock and randomness: the only place that reads either.

use coditect_model::ambient::{Clock, Entropy, Timestamp};

/// The wall clock of the machine.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the Clock that everything else takes")]
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The kernel's random bytes.
#[derive(Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the Entropy that everything else takes")]
        getrandom::fill(buffer).expect("getrandom(2) on an initialised kernel pool cannot fail for ordinary buffers");
    }
}
