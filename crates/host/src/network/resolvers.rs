//! The resolvers that the machine itself asks.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Where the machine says which they are (resolv.conf(5)).
const FILE: &str = "/etc/resolv.conf";
/// Most bytes of it that are read.
const FILE_MAX_BYTES: u64 = 64 * 1024;
/// As many as the C library asks.
const RESOLVERS_MAX: usize = 3;
/// How often the file is looked at, at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const PORT: u16 = 53;

/// Fixed ones, or the machine's as they are at the moment.
#[derive(Debug)]
pub(super) struct Resolvers {
    fixed: Vec<SocketAddr>,
    machines: Mutex<Machines>,
}

#[derive(Debug, Default)]
struct Machines {
    looked: Option<Instant>,
    changed: Option<SystemTime>,
    found: Vec<SocketAddr>,
}

impl Resolvers {
    /// These, or those of the machine if there are none.
    pub(super) fn fixed(fixed: Vec<SocketAddr>) -> Self {
        Self { fixed, machines: Mutex::default() }
    }

    /// Whom to ask now, in this order.
    pub(super) fn now(&self) -> Vec<SocketAddr> {
        if !self.fixed.is_empty() {
            return self.fixed.clone();
        }
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        if machines.looked.is_none_or(|looked| looked.elapsed() >= LOOK_INTERVAL) {
            machines.looked = Some(Instant::now());
            let changed = std::fs::metadata(FILE).and_then(|metadata| metadata.modified()).ok();
            if changed.is_none() || changed != machines.changed {
                machines.changed = changed;
                machines.found = parse(&read().unwrap_or_default());
            }
        }
        machines.found.clone()
    }
}

fn read() -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(FILE)?.take(FILE_MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()?.parse::<IpAddr>().ok()
    };
    text.lines().filter_map(address).take(RESOLVERS_MAX).map(|address| (address, PORT).into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_are_asked() {
        let text = "# nameserver 9.9.9.9\nsearch a b\nnameserver 127.0.0.53\n nameserver ::1 # own\nnameserver nonsense\n\
                    nameserver 192.0.2.1\nnameserver 192.0.2.2\n";
        let found: Vec<String> = parse(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(found, ["127.0.0.53:53", "[::1]:53", "192.0.2.1:53"]);
        assert!(parse("").is_empty());
    }
}
