//! The machine's clock and randomness, and the agent's log: the only places that touch them.

use std::io::Write as _;
use std::os::fd::AsFd;

use coditect_model::ambient::{Clock, Entropy, Timestamp};
use rustix::fs::{FileType, OFlags};

/// Size at which the log starts over, in bytes.
const LOG_MAX_BYTES: i64 = 64 * 1024;

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
    let stderr = std::io::stderr();
    // A log that cannot be written must not stop the agent.
    let _ = start_over_when_full(&stderr);
    let _ = writeln!(&stderr, "{line}");
}

/// The log lies outside the sandbox, on a disk that no limit of the sandbox bounds, and what goes wrong in a workspace
/// may go wrong ten times a second for months.
fn start_over_when_full(log: impl AsFd) -> rustix::io::Result<()> {
    let stat = rustix::fs::fstat(&log)?;
    let file = FileType::from_raw_mode(stat.st_mode).is_file();
    if file && stat.st_size >= LOG_MAX_BYTES && rustix::fs::fcntl_getfl(&log)?.contains(OFlags::APPEND) {
        rustix::fs::ftruncate(&log, 0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_starts_over_when_it_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = std::fs::File::options().create(true).append(true).open(&path).unwrap();
        for number in 0..3000 {
            start_over_when_full(&log).unwrap();
            writeln!(log, "{number:099}").unwrap();
            assert!(log.metadata().unwrap().len() <= LOG_MAX_BYTES.unsigned_abs() + 100);
        }
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("2999\n"), "the newest lines are kept");
    }
}
