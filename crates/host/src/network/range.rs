//! Subnets: parsing them, and choosing one that nobody on this machine uses.
//!
//! **Not here**: looking at the machine's routes (`link`), handing addresses out (`pool`).

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Consecutive IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: Ipv4Addr,
    prefix: u8,
}

impl Subnet {
    /// The subnet of this prefix length that `address` is in.
    #[must_use]
    pub fn around(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { first: Ipv4Addr::from_bits(address.to_bits() & mask(prefix)), prefix }
    }

    /// Its lowest address.
    #[must_use]
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// Bits that all its addresses share.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// How many addresses it has.
    #[must_use]
    pub fn size(self) -> u64 {
        1 << (32 - self.prefix)
    }

    /// Whether an address is in it.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.first.to_bits()
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// The address with this number; `None` behind its end.
    #[must_use]
    pub fn nth(self, number: u32) -> Option<Ipv4Addr> {
        (u64::from(number) < self.size()).then(|| Ipv4Addr::from_bits(self.first.to_bits() + number))
    }

    /// The number that [`Self::nth`] gives this address for.
    #[must_use]
    pub fn number(self, address: Ipv4Addr) -> Option<u32> {
        self.contains(address).then(|| address.to_bits() - self.first.to_bits())
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let wrong = || "needs the form 10.1.0.0/16".to_owned();
        let address: Ipv4Addr = address.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().ok().filter(|&prefix| prefix <= 32).ok_or_else(wrong)?;
        let subnet = Self::around(address, prefix);
        if subnet.first == address {
            Ok(subnet)
        } else {
            Err(format!("has bits behind its prefix: {subnet} is meant?"))
        }
    }
}

/// A number that is the same for the same name in every version of this program (FNV-1a), unlike the standard library's.
#[must_use]
pub(super) fn stable_hash(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A part of `pool` with `prefix` bits that overlaps nothing in `taken`: the one that `name` leads to, or the next free
/// one. `None` when all are taken.
#[must_use]
pub(super) fn choose(pool: Subnet, prefix: u8, name: &str, taken: &[Subnet]) -> Option<Subnet> {
    if prefix <= pool.prefix {
        return (!taken.iter().any(|other| other.overlaps(pool))).then_some(pool);
    }
    let parts = 1u64 << (prefix - pool.prefix);
    let part = |number: u64| {
        let offset = u32::try_from((number % parts) << (32 - prefix)).unwrap_or(0);
        Subnet { first: Ipv4Addr::from_bits(pool.first.to_bits() + offset), prefix }
    };
    let start = stable_hash(name) % parts;
    (start..start + parts).map(part).find(|part| !taken.iter().any(|other| other.overlaps(*part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_are_parsed_strictly() {
        assert_eq!(subnet("10.1.0.0/16").to_string(), "10.1.0.0/16");
        assert_eq!(subnet("192.0.2.7").to_string(), "192.0.2.7/32");
        assert_eq!(subnet("0.0.0.0/0").size(), 1 << 32);
        for wrong in ["10.1.0.1/16", "10.1.0.0/33", "10.1/16", "", "fe80::/10", "10.0.0.0/-1"] {
            assert!(wrong.parse::<Subnet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_and_addresses_go_both_ways() {
        let range = subnet("100.96.4.0/22");
        assert_eq!(range.nth(1023), Some(Ipv4Addr::new(100, 96, 7, 255)));
        assert_eq!(range.nth(1024), None);
        assert_eq!(range.number(Ipv4Addr::new(100, 96, 5, 0)), Some(256));
        assert_eq!(range.number(Ipv4Addr::new(100, 96, 8, 0)), None);
    }

    #[test]
    fn every_name_finds_a_part_that_nobody_uses() {
        let pool = subnet("100.96.0.0/20");
        let mut taken = vec![subnet("100.96.4.7/32")];
        for name in ["a", "b", "c"] {
            let part = choose(pool, 22, name, &taken).unwrap();
            assert!(pool.contains(part.first()) && part.prefix() == 22);
            assert!(!taken.iter().any(|other| other.overlaps(part)), "{name}: {part}");
            taken.push(part);
        }
        assert_eq!(choose(pool, 22, "d", &taken), None);
        assert_eq!(choose(subnet("100.96.8.0/22"), 22, "e", &[]), Some(subnet("100.96.8.0/22")));
        assert_eq!(choose(pool, 22, "a", &[subnet("0.0.0.0/0")]), None);
    }

    #[test]
    fn a_name_leads_to_the_same_number_for_ever() {
        // Of the authors' own test vectors.
        assert_eq!(stable_hash("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(stable_hash("foobar"), 0x8594_4171_f739_67e8);
    }
}
