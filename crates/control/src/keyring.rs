//! Signs and verifies every token: Ed25519 JWTs with a key id, offline.
//!
//! **Invariants**: a token is believed only for the one audience it was made for, from the one issuer there is, before
//! its expiry by our own clock; a retired key verifies for as long as tokens it signed can live, and signs nothing.

use std::sync::{Arc, RwLock};

use coditect_api::grant::Audience;
use coditect_model::ambient::{Entropy, Timestamp, random_bytes};
use coditect_model::id::SigningKeyId;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::records::signing_key::SigningKeyRecord;
use crate::secret;

/// Longest token looked at, in bytes. Ours have about 600.
const TOKEN_MAX_BYTES: usize = 4096;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not ours, altered, or for another audience.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, but past its time.
    #[error("the token has expired")]
    Expired,
}

struct Key {
    id: SigningKeyId,
    created_at: Timestamp,
    retired: bool,
    public: [u8; 32],
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Key {
    fn from_record(record: &SigningKeyRecord) -> Option<Self> {
        let seed: [u8; 32] = secret::decode(&record.seed)?.try_into().ok()?;
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        // PKCS#8 version 1 of an Ed25519 private key (RFC 8410 section 7): a fixed prefix and the seed.
        let mut der =
            vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        der.extend_from_slice(&seed);
        Some(Self {
            id: record.id,
            created_at: record.created_at,
            retired: record.retired_at.is_some(),
            public,
            encoding: EncodingKey::from_ed_der(&der),
            decoding: DecodingKey::from_ed_der(&public),
        })
    }
}

/// A new key, to be stored.
pub(crate) fn generate(entropy: &dyn Entropy, now: Timestamp) -> SigningKeyRecord {
    SigningKeyRecord {
        id: SigningKeyId::random(entropy),
        seed: secret::encode(&random_bytes::<32>(entropy)),
        created_at: now,
        retired_at: None,
    }
}

/// The keys in use.
pub(crate) struct Keyring {
    issuer: String,
    /// The one that signs first, then the retired ones, newest first.
    keys: RwLock<Arc<Vec<Key>>>,
}

/// The claims that every token has.
#[derive(Deserialize)]
struct Common {
    iss: String,
    aud: Audience,
    exp: i64,
}

impl Keyring {
    pub(crate) fn new(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), keys: RwLock::new(Arc::new(Vec::new())) }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Replaces the keys by those of the store.
    pub(crate) fn load(&self, records: &[SigningKeyRecord]) {
        let mut keys: Vec<Key> = records.iter().filter_map(Key::from_record).collect();
        keys.sort_by_key(|key| (key.retired, std::cmp::Reverse((key.created_at, key.id))));
        *self.keys.write().expect("no code panics while it holds this lock") = Arc::new(keys);
    }

    fn snapshot(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.keys.read().expect("no code panics while it holds this lock"))
    }

    /// When the signing key was made.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.snapshot().first().map(|key| key.created_at)
    }

    /// Signs claims with the newest key.
    pub(crate) fn sign<T: Serialize>(&self, claims: &T) -> Result<String, String> {
        let keys = self.snapshot();
        let key = keys.first().ok_or("there is no signing key")?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.id.to_string());
        jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|error| error.to_string())
    }

    /// The claims of a token that was made for `audience` and is still good at `now`.
    pub(crate) fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        audience: Audience,
        now: Timestamp,
    ) -> Result<T, TokenError> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let id: SigningKeyId = header.kid.as_deref().and_then(|kid| kid.parse().ok()).ok_or(TokenError::Invalid)?;
        let keys = self.snapshot();
        let key = keys.iter().find(|key| key.id == id).ok_or(TokenError::Invalid)?;
        // Time, issuer and audience are checked below: the library would ask the system for the time.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, &key.decoding, &validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        let common = Common::deserialize(&claims).map_err(|_| TokenError::Invalid)?;
        if common.aud != audience || common.iss != self.issuer {
            return Err(TokenError::Invalid);
        }
        let claims = serde_json::from_value(claims).map_err(|_| TokenError::Invalid)?;
        if common.exp <= now.as_secs() { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037).
    pub(crate) fn jwks(&self) -> serde_json::Value {
        let keys: Vec<_> = self
            .snapshot()
            .iter()
            .map(|key| {
                serde_json::json!({
                    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                    "kid": key.id.to_string(), "x": secret::encode(&key.public),
                })
            })
            .collect();
        serde_json::json!({ "keys": keys })
    }
}
