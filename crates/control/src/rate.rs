//! How often one address may ask: a generic cell rate algorithm over a bounded map.
//!
//! **Invariants**: memory is bounded ([`ENTRIES_MAX`]); when the map is full of addresses that are all still being
//! limited, a new address is refused rather than an old one forgiven.
//! **Not here**: the lock-out of one account, which is stored (`records::lockout`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;

use coditect_model::ambient::Timestamp;

/// Addresses remembered at once.
const ENTRIES_MAX: usize = 50_000;

/// One limit, kept per address.
pub(crate) struct Limiter {
    every_ms: i64,
    tolerance_ms: i64,
    /// Theoretical arrival time of the next request in milliseconds, per address.
    next: Mutex<HashMap<IpAddr, i64>>,
}

impl Limiter {
    pub(crate) fn new(burst: u32, every_ms: i64) -> Self {
        let tolerance_ms = i64::from(burst.max(1) - 1).saturating_mul(every_ms);
        Self { every_ms, tolerance_ms, next: Mutex::new(HashMap::new()) }
    }

    /// Counts one request; the seconds to wait when it is one too many.
    pub(crate) fn check(&self, address: IpAddr, now: Timestamp) -> Result<(), i64> {
        let key = group(address);
        let mut next = self.next.lock().expect("no code panics while it holds this lock");
        let at = next.get(&key).copied().unwrap_or(now.0).max(now.0);
        let early_ms = at - now.0 - self.tolerance_ms;
        if early_ms > 0 {
            return Err(early_ms.div_euclid(1000) + 1);
        }
        if next.len() >= ENTRIES_MAX && !next.contains_key(&key) {
            next.retain(|_, at| *at > now.0);
            if next.len() >= ENTRIES_MAX {
                return Err(self.every_ms.div_euclid(1000) + 1);
            }
        }
        next.insert(key, at.saturating_add(self.every_ms));
        Ok(())
    }
}

/// Whoever holds one IPv6 address holds the 2^64 beside it.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || {
                let s = v6.segments();
                IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
            },
            IpAddr::V4,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_per_period() {
        let limiter = Limiter::new(3, 1000);
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..3 {
            limiter.check(a, Timestamp(0)).unwrap();
        }
        assert_eq!(limiter.check(a, Timestamp(0)), Err(2));
        limiter.check("192.0.2.2".parse().unwrap(), Timestamp(0)).unwrap();
        limiter.check(a, Timestamp(1000)).unwrap();
        assert!(limiter.check(a, Timestamp(1000)).is_err());
    }

    #[test]
    fn one_network_is_one_client() {
        let limiter = Limiter::new(1, 1000);
        limiter.check("2001:db8::1".parse().unwrap(), Timestamp(0)).unwrap();
        assert!(limiter.check("2001:db8::ffff".parse().unwrap(), Timestamp(0)).is_err());
        limiter.check("::ffff:192.0.2.1".parse().unwrap(), Timestamp(0)).unwrap();
        assert!(limiter.check("192.0.2.1".parse().unwrap(), Timestamp(0)).is_err());
    }

    #[test]
    fn a_flood_of_addresses_does_not_grow_the_map() {
        let limiter = Limiter::new(2, 1000);
        for n in 0..u32::try_from(ENTRIES_MAX).unwrap() + 10 {
            let _ = limiter.check(IpAddr::V4(n.into()), Timestamp(0));
        }
        assert!(limiter.next.lock().unwrap().len() <= ENTRIES_MAX);
        limiter.check("192.0.2.200".parse().unwrap(), Timestamp(2000)).unwrap();
    }
}
