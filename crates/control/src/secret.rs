//! Secrets that are handed out once and stored as hashes: refresh tokens, invitation codes, the set-up token.
//!
//! They carry 256 random bits (the made password: 100), so a plain SHA-256 is enough to store them; passwords people choose go
//! through Argon2id (`password`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coditect_model::ambient::{Entropy, random_bytes};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A SHA-256 hash.
pub(crate) type Hash = [u8; 32];

/// The hash of a secret as it is stored.
pub(crate) fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

/// Whether `secret` is the one with this hash, in time that does not depend on where they differ.
pub(crate) fn matches(secret: &[u8], stored: &Hash) -> bool {
    hash(secret).ct_eq(stored).into()
}

/// A fresh secret: `prefix` and 256 bits in URL-safe base 64.
pub(crate) fn token(entropy: &dyn Entropy, prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>(entropy)))
}

/// A password for an account made for somebody else: four groups of five from an alphabet without look-alikes.
pub(crate) fn password(entropy: &dyn Entropy) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789A";
    let bytes = random_bytes::<20>(entropy);
    let mut text = String::with_capacity(23);
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 && index % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte & 31)]));
    }
    text
}

/// Bytes as URL-safe base 64 without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The opposite of [`encode`]; one spelling per value.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
