//! The machine's randomness: the only place of this crate that touches it.

use coditect_model::ambient::{Entropy, random_bytes};

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
