//! The machine's clock and randomness: the only place of this crate that touches them.

use coditect_model::ambient::{Entropy, Timestamp, random_bytes};

/// The kernel's random numbers.
struct KernelEntropy;

impl Entropy for KernelEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut filled = 0;
        while filled < buffer.len() {
            match rustix::rand::getrandom(&mut buffer[filled..], rustix::rand::GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("the kernel gives no random numbers ({error}); nothing can be named safely"),
            }
        }
    }
}

/// A name for a sandbox that none has had and that says nothing about whose it is.
pub(crate) fn sandbox_name() -> String {
    format!("s-{:016x}", u64::from_be_bytes(random_bytes(&KernelEntropy)))
}

/// The present moment.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the host's one look at the clock")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
