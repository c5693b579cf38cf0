//! Typed identifiers: 128 random bits, written as a prefix and 26 base-32 digits (`ws_01h3…`).
//!
//! The digits are Crockford's alphabet in lower case, so that the part behind the prefix (the *label*) is also a
//! valid DNS label: it is what names a workspace's origin. Parsing is strict: one spelling per identifier, or two
//! keys could mean the same thing.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use crate::ambient::{Entropy, random_bytes};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Digits of the text form: 26 x 5 bits hold 128, the first digit carries only three.
const DIGITS: usize = 26;

/// What an identifier names. Implemented by the marker types of this module only.
pub trait Kind: 'static {
    /// Text before the underscore.
    const PREFIX: &'static str;
    /// The word people use for it, for error messages.
    const NOUN: &'static str;
}

/// An identifier of one kind of thing.
pub struct Id<K: Kind> {
    bits: u128,
    kind: PhantomData<fn() -> K>,
}

/// Why a text is not an identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {noun} id: expected `{prefix}_` and {DIGITS} characters of 0-9 a-z without i, l, o and u")]
pub struct ParseIdError {
    noun: &'static str,
    prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// A fresh identifier. Made before a store transaction's retry loop, never inside it.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::from_bytes(random_bytes(entropy))
    }

    /// The identifier with these bits, most significant byte first.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { bits: u128::from_be_bytes(bytes), kind: PhantomData }
    }

    /// The 16 bytes of this identifier, most significant first: its form in store keys.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.bits.to_be_bytes()
    }

    /// The 26 digits without the prefix: a DNS label.
    #[must_use]
    pub fn label(self) -> String {
        let mut text = String::with_capacity(DIGITS);
        for position in (0..DIGITS).rev() {
            let digit = (self.bits >> (5 * position)) & 31;
            text.push(char::from(ALPHABET[usize::try_from(digit).expect("five bits fit any usize")]));
        }
        text
    }

    /// Reads the 26 digits without the prefix.
    ///
    /// # Errors
    /// Anything but exactly 26 lower-case digits of the alphabet that encode 128 bits.
    pub fn from_label(label: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError { noun: K::NOUN, prefix: K::PREFIX };
        if label.len() != DIGITS {
            return Err(error);
        }
        let mut bits: u128 = 0;
        for (index, byte) in label.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&letter| letter == byte).ok_or_else(|| error.clone())?;
            if index == 0 && digit > 7 {
                return Err(error);
            }
            bits = (bits << 5) | digit as u128;
        }
        Ok(Self { bits, kind: PhantomData })
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bits.cmp(&other.bits)
    }
}
impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.label())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K: Kind> FromStr for Id<K> {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let label = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_'));
        Self::from_label(label.ok_or(ParseIdError { noun: K::NOUN, prefix: K::PREFIX })?)
    }
}
impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $marker:ident, $id:ident, $prefix:literal, $noun:literal;)*) => {$(
        /// Marker of the identifier of the same name.
        pub struct $marker;
        impl Kind for $marker {
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;
        }
        $(#[$doc])*
        pub type $id = Id<$marker>;
    )*};
}

kinds! {
    /// A tenant: the isolation and billing boundary.
    Tenant, TenantId, "ten", "tenant";
    /// A user of exactly one tenant.
    User, UserId, "usr", "user";
    /// A workspace, running or not.
    Workspace, WorkspaceId, "ws", "workspace";
    /// A signed-in user's ongoing use of one workspace.
    Session, SessionId, "ses", "session";
    /// One authentication: the family of refresh tokens that descend from one password entry.
    Login, LoginId, "login", "login";
    /// A machine or pod that runs workspaces.
    Host, HostId, "host", "host";
    /// A terminal of a workspace.
    Terminal, TerminalId, "term", "terminal";
    /// An invitation into a tenant.
    Invitation, InvitationId, "inv", "invitation";
    /// A token-signing key.
    SigningKey, SigningKeyId, "key", "signing key";
    /// A one-time ticket that signs a browser in on a workspace origin.
    Ticket, TicketId, "tick", "ticket";
    /// One HTTP request, named in logs and error bodies.
    Request, RequestId, "req", "request";
    /// An entry of the audit log.
    Audit, AuditId, "aud", "audit entry";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips(bytes: [u8; 16]) {
            let id = WorkspaceId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<WorkspaceId>().unwrap(), id);
            prop_assert_eq!(WorkspaceId::from_label(&id.label()).unwrap(), id);
        }

        #[test]
        fn arbitrary_text_never_panics_and_has_one_spelling(text in ".{0,40}") {
            if let Ok(id) = text.parse::<UserId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn other_kinds_upper_case_and_overflow_are_refused() {
        let id = WorkspaceId::from_bytes([7; 16]).to_string();
        assert!(id.parse::<UserId>().is_err());
        assert!(id.to_uppercase().parse::<WorkspaceId>().is_err());
        assert!(format!("ws_8{}", "0".repeat(25)).parse::<WorkspaceId>().is_err());
        assert!("ws_".parse::<WorkspaceId>().is_err());
    }
}
