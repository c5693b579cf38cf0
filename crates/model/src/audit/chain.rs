//! The hash chain: each entry's hash covers the one before, a signed head says where the chain ends and where it was
//! cut, and a verifier that finds what was altered, removed, moved, put in or taken off either end.
//!
//! **Invariants**: a hash covers the log's name and the place in it, so that an entry cannot serve in another log or at
//! another place.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{Canonical, Entry, Log};
use crate::ambient::Timestamp;

/// Problems that are listed; more are only counted.
pub const PROBLEMS_MAX: usize = 20;

/// Bytes that are written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// SHA-256.
pub type Hash = Hex<32>;

/// What the first entry of a chain follows.
pub const ORIGIN: Hash = Hex([0; 32]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not the expected number of hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {0} hexadecimal digits")]
pub struct HexError(usize);

impl<const N: usize> FromStr for Hex<N> {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits = text.as_bytes();
        let mut bytes = [0; N];
        if digits.len() != 2 * N {
            return Err(HexError(2 * N));
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| match c {
                b'0'..=b'9' => Ok(c - b'0'),
                b'a'..=b'f' => Ok(c - b'a' + 10),
                _ => Err(HexError(2 * N)),
            };
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An entry at its place in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its place, from 1 on.
    pub seq: u64,
    /// When it took it. Never earlier than the entry's own time, nor than the one before.
    pub chained_at: Timestamp,
    /// Hash of the entry before.
    pub prev: Hash,
    /// Hash of all of this.
    pub hash: Hash,
    /// What happened.
    pub entry: Entry,
}

impl Link {
    fn computed(&self, log: Log) -> Hash {
        let mut bytes = Canonical::new("coditect audit entry 1");
        bytes.text(&log.to_string());
        bytes.fixed(&self.seq.to_be_bytes());
        bytes.fixed(&self.chained_at.0.to_be_bytes());
        bytes.fixed(&self.prev.0);
        self.entry.canonical(&mut bytes);
        Hex(Sha256::digest(&bytes.0).into())
    }
}

/// A place in a chain: a number and the hash of the entry there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Number of the entry; 0 is before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

/// Before the first entry.
pub const START: Place = Place { seq: 0, hash: ORIGIN };

/// Where a chain ends and where what is kept of it begins, signed by the installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Which log.
    pub log: Log,
    /// The last entry.
    pub last: Place,
    /// The last entry that the retention removed; [`START`] when none was.
    pub cut: Place,
    /// When the last entry took its place.
    pub at: Timestamp,
    /// Ed25519, by the installation's audit key, over all of this.
    pub signature: Hex<64>,
}

impl Head {
    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Canonical::new("coditect audit head 1");
        bytes.text(&self.log.to_string());
        for place in [self.last, self.cut] {
            bytes.fixed(&place.seq.to_be_bytes());
            bytes.fixed(&place.hash.0);
        }
        bytes.fixed(&self.at.0.to_be_bytes());
        bytes.0
    }

    /// A head with its signature.
    #[must_use]
    pub fn sign(log: Log, last: Place, cut: Place, at: Timestamp, seed: &[u8; 32]) -> Self {
        let mut head = Self { log, last, cut, at, signature: Hex([0; 64]) };
        head.signature = Hex(SigningKey::from_bytes(seed).sign(&head.signed_bytes()).to_bytes());
        head
    }

    /// Whether this public key's owner signed it.
    #[must_use]
    pub fn is_signed_by(&self, public: &Hex<32>) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&public.0) else { return false };
        key.verify_strict(&self.signed_bytes(), &Signature::from_bytes(&self.signature.0)).is_ok()
    }

    /// Entries that the chain holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.last.seq.saturating_sub(self.cut.seq)
    }
}

/// The public half of an audit key.
#[must_use]
pub fn public_key(seed: &[u8; 32]) -> Hex<32> {
    Hex(SigningKey::from_bytes(seed).verifying_key().to_bytes())
}

/// Puts an entry behind `last`. `now` is pushed forward where the clock went back.
#[must_use]
pub fn link(log: Log, last: Place, last_at: Timestamp, now: Timestamp, entry: Entry) -> Link {
    let chained_at = now.max(last_at).max(entry.at);
    let mut link = Link { seq: last.seq + 1, chained_at, prev: last.hash, hash: ORIGIN, entry };
    link.hash = link.computed(log);
    link
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The head was not signed with this key.
    #[error(
        "the head is not signed with the installation's audit key: it was forged, or belongs to another installation"
    )]
    Signature,
    /// Not there.
    #[error("entries {from} to {to} are missing")]
    Missing {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// There twice, or not where it belongs.
    #[error("entry {seq} stands behind entry {after}: entries were moved or put in")]
    Order {
        /// Its number.
        seq: u64,
        /// The number before.
        after: u64,
    },
    /// Its hash is not its own.
    #[error("entry {seq} was altered")]
    Altered {
        /// Its number.
        seq: u64,
    },
    /// It names another entry before it than the one that is there.
    #[error("entry {seq} does not continue the entry before it: one of the two was replaced")]
    Detached {
        /// Its number.
        seq: u64,
    },
    /// The head knows less than there is.
    #[error("there are entries behind {head}, which the signed head says is the last")]
    Beyond {
        /// What the head says.
        head: u64,
    },
    /// The last entry is not the one that was signed.
    #[error("entry {seq} is not the one that the signed head names as the last")]
    Replaced {
        /// Its number.
        seq: u64,
    },
    /// A place that was written down elsewhere holds another entry.
    #[error("entry {seq} is not the one that was noted down: the chain was rewritten")]
    Anchor {
        /// Its number.
        seq: u64,
    },
}

/// Goes along a chain, entry by entry.
#[derive(Debug)]
pub struct Verifier {
    head: Head,
    last: Place,
    checked: u64,
    anchor: Option<Place>,
    problems: Vec<Problem>,
    problem_count: u64,
}

/// What a verification came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Entries looked at.
    pub checked: u64,
    /// The last of them.
    pub last: Place,
    /// What is wrong, at most [`PROBLEMS_MAX`] of it.
    pub problems: Vec<Problem>,
    /// How much is wrong.
    pub problem_count: u64,
}

impl Verifier {
    /// Begins with the head, which says where the chain begins.
    #[must_use]
    pub fn new(head: Head, public: &Hex<32>) -> Self {
        let mut new = Self { last: head.cut, head, checked: 0, anchor: None, problems: Vec::new(), problem_count: 0 };
        if !new.head.is_signed_by(public) {
            new.problem(Problem::Signature);
        }
        new
    }

    /// Also checks that a place noted down elsewhere, in the server's log for example, is as it was then.
    #[must_use]
    pub fn with_anchor(mut self, anchor: Option<Place>) -> Self {
        self.anchor = anchor;
        self
    }

    fn problem(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Looks at the next entry.
    pub fn take(&mut self, link: &Link) {
        self.checked += 1;
        let expected = self.last.seq.saturating_add(1);
        if link.seq < expected {
            return self.problem(Problem::Order { seq: link.seq, after: self.last.seq });
        }
        if link.seq > expected {
            self.problem(Problem::Missing { from: expected, to: link.seq - 1 });
        }
        if link.computed(self.head.log) != link.hash {
            self.problem(Problem::Altered { seq: link.seq });
        } else if link.seq == expected && link.prev != self.last.hash {
            self.problem(Problem::Detached { seq: link.seq });
        }
        if self.anchor.is_some_and(|anchor| anchor.seq == link.seq && anchor.hash != link.hash) {
            self.problem(Problem::Anchor { seq: link.seq });
        }
        self.last = Place { seq: link.seq, hash: link.hash };
    }

    /// Compares the end with the head.
    #[must_use]
    pub fn finish(mut self) -> Verdict {
        let head = self.head.last;
        if self.last.seq < head.seq {
            self.problem(Problem::Missing { from: self.last.seq + 1, to: head.seq });
        } else if self.last.seq > head.seq {
            self.problem(Problem::Beyond { head: head.seq });
        } else if self.last.hash != head.hash {
            self.problem(Problem::Replaced { seq: head.seq });
        }
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.seq > self.last.seq) {
            self.problem(Problem::Missing { from: self.last.seq + 1, to: anchor.seq });
        }
        Verdict { checked: self.checked, last: self.last, problems: self.problems, problem_count: self.problem_count }
    }
}

#[cfg(test)]
mod tests;
