//! The machine's clock and randomness, and the agent's log: the only places that touch them.

use std::io::Write as _;

use coditect_model::ambient::{Clock, Entropy, Timestamp};

/// The machine's wall clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the agent's one implementation of Clock")]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The kernel's random numbers.
#[derive(Clone, Copy, Debug)]
pub struct KernelEntropy;

impl Entropy for KernelEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut filled = 0;
        while filled < buffer.len() {
            let taken = rustix::rand::getrandom(&mut buffer[filled..], rustix::rand::GetRandomFlags::empty());
            match taken {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("the kernel gives no random numbers ({error}); nothing can be named safely"),
            }
        }
    }
}

/// Writes one line to standard error, which the sandbox keeps. Never terminal bytes or file contents.
pub fn log(line: &str) {
    // A log that cannot be written must not stop the agent.
    let _ = writeln!(std::io::stderr(), "{line}");
}
