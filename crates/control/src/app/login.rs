//! Refresh tokens: how a login is made, goes on and ends.
//!
//! A refresh token is `cdr_` + login label + `_` + base 64 of 16 bytes that all tokens of the login share and 32 of its
//! own. It works once. Whoever presents a spent one proves that it was copied, so the whole login ends.
//!
//! One exception, because an answer can be lost on its way: the token spent *last* is taken again within
//! [`LOST_ANSWER_MS`] of its first use, and gets a sibling of the child nobody has used yet. As soon as one sibling is
//! used, the others are spent. A thief who is that fast is found out one refresh later.

use coditect_api::auth::TokenDelivery;
use coditect_model::ambient::{Entropy, Timestamp, random_bytes};
use coditect_model::id::LoginId;
use coditect_store::Txn;

use crate::config::ControlConfig;
use crate::error::AppError;
use crate::records::login::{self, LOGINS_MAX, LoginRecord};
use crate::records::user::UserPlace;
use crate::secret;

/// How long the token spent last is taken again.
const LOST_ANSWER_MS: i64 = 10_000;
/// Unused children of one token.
const SIBLINGS_MAX: usize = 4;

const PREFIX: &str = "cdr_";
const FAMILY_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// A refresh token taken apart.
pub(crate) struct RefreshToken {
    pub(crate) login: LoginId,
    family: [u8; FAMILY_BYTES],
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (label, body) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let bytes: [u8; FAMILY_BYTES + SECRET_BYTES] = secret::decode(body)?.try_into().ok()?;
        let (family, secret) = bytes.split_at(FAMILY_BYTES);
        Some(Self {
            login: LoginId::from_label(label).ok()?,
            family: family.try_into().ok()?,
            secret: secret.try_into().ok()?,
        })
    }

    pub(crate) fn text(&self) -> String {
        let body = secret::encode(&[&self.family[..], &self.secret[..]].concat());
        format!("{PREFIX}{}_{body}", self.login.label())
    }

    /// A fresh token of the same login.
    pub(crate) fn child(&self, entropy: &dyn Entropy) -> Self {
        Self { login: self.login, family: self.family, secret: random_bytes(entropy) }
    }

    fn family_hash(&self) -> String {
        secret::encode(&secret::hash(&self.family))
    }

    fn secret_hash(&self) -> String {
        secret::encode(&secret::hash(&self.secret))
    }
}

/// A login about to be stored, with its first refresh token.
pub(crate) fn new(
    config: &ControlConfig,
    entropy: &dyn Entropy,
    now: Timestamp,
    delivery: TokenDelivery,
) -> (LoginRecord, RefreshToken) {
    let token =
        RefreshToken { login: LoginId::random(entropy), family: random_bytes(entropy), secret: random_bytes(entropy) };
    let record = LoginRecord {
        id: token.login,
        family: token.family_hash(),
        current: vec![token.secret_hash()],
        previous: None,
        rotated_at: now,
        created_at: now,
        expires_at: now.plus_s(config.refresh_ttl_s.min(config.login_max_ttl_s)),
        delivery,
    };
    (record, token)
}

/// What presenting a refresh token comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// Taken; the child is the one to use next.
    Rotated,
    /// Spent before: end the login.
    Reused,
    /// Not a token of this login.
    Unknown,
    /// Past its time.
    Expired,
}

/// Decides about a presented token, and moves the login on when it is taken. Asking twice with the same child is the
/// same as asking once.
pub(crate) fn present(
    record: &mut LoginRecord,
    token: &RefreshToken,
    child: &RefreshToken,
    now: Timestamp,
    config: &ControlConfig,
) -> Presented {
    if record.family != token.family_hash() {
        return Presented::Unknown;
    }
    if record.expires_at <= now {
        return Presented::Expired;
    }
    let (presented, next) = (token.secret_hash(), child.secret_hash());
    let expires_at = now.plus_s(config.refresh_ttl_s).min(record.created_at.plus_s(config.login_max_ttl_s));
    if record.current.contains(&presented) {
        record.previous = Some(presented);
        record.current = vec![next];
        record.rotated_at = now;
        record.expires_at = expires_at;
        return Presented::Rotated;
    }
    if record.previous.as_ref() == Some(&presented) {
        if record.current.contains(&next) {
            return Presented::Rotated;
        }
        if now.since_ms(record.rotated_at) <= LOST_ANSWER_MS && record.current.len() < SIBLINGS_MAX {
            record.current.push(next);
            record.expires_at = expires_at;
            return Presented::Rotated;
        }
    }
    Presented::Reused
}

/// Stores a new login, and ends the user's logins that are over or too many. Answers which those are.
pub(crate) async fn insert(
    txn: &Txn,
    place: UserPlace,
    record: &LoginRecord,
    now: Timestamp,
    ended_until: Timestamp,
) -> Result<Vec<LoginId>, AppError> {
    let mut others = login::of_user(txn, place.tenant, place.user).await?;
    others.retain(|other| other.id != record.id);
    others.sort_by_key(|other| other.expires_at);
    let too_many = others.len().saturating_sub(LOGINS_MAX - 1);
    let mut ended = Vec::new();
    for (index, other) in others.iter().enumerate() {
        if index < too_many || other.expires_at <= now {
            login::end(txn, place, other.id, ended_until);
            ended.push(other.id);
        }
    }
    login::put(txn, place, record);
    Ok(ended)
}

/// Ends every login of a user but `keep`. Answers which.
pub(crate) async fn end_all(
    txn: &Txn,
    place: UserPlace,
    keep: Option<LoginId>,
    until: Timestamp,
) -> Result<Vec<LoginId>, AppError> {
    let mut ended = Vec::new();
    for record in login::of_user(txn, place.tenant, place.user).await? {
        if Some(record.id) != keep {
            login::end(txn, place, record.id, until);
            ended.push(record.id);
        }
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(std::sync::atomic::AtomicU8);
    impl Entropy for Counter {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn fixture() -> (ControlConfig, Counter, LoginRecord, RefreshToken) {
        let config = ControlConfig::new("http://a.localhost", "a.localhost");
        let entropy = Counter(std::sync::atomic::AtomicU8::new(1));
        let (record, token) = new(&config, &entropy, Timestamp(0), TokenDelivery::Body);
        (config, entropy, record, token)
    }

    #[test]
    fn text_round_trips_and_rubbish_is_refused() {
        let (_, _, _, token) = fixture();
        let again = RefreshToken::parse(&token.text()).unwrap();
        assert_eq!(again.text(), token.text());
        for text in ["", "cdr_", "cdr__", "cdr_x_y", &token.text()[1..], &format!("{}A", token.text())] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_works_once_and_a_spent_one_gives_the_theft_away() {
        let (config, entropy, mut record, first) = fixture();
        let second = first.child(&entropy);
        let third = second.child(&entropy);
        assert_eq!(present(&mut record, &first, &second, Timestamp(1), &config), Presented::Rotated);
        // The same decision again, as after a commit of unknown outcome.
        assert_eq!(present(&mut record, &first, &second, Timestamp(1), &config), Presented::Rotated);
        assert_eq!(present(&mut record, &second, &third, Timestamp(2), &config), Presented::Rotated);
        assert_eq!(present(&mut record, &first, &third.child(&entropy), Timestamp(3), &config), Presented::Reused);
    }

    #[test]
    fn a_lost_answer_is_forgiven_for_ten_seconds_and_one_sibling_survives() {
        let (config, entropy, mut record, first) = fixture();
        let (lost, found) = (first.child(&entropy), first.child(&entropy));
        assert_eq!(present(&mut record, &first, &lost, Timestamp(0), &config), Presented::Rotated);
        assert_eq!(present(&mut record, &first, &found, Timestamp(9_000), &config), Presented::Rotated);
        let next = found.child(&entropy);
        assert_eq!(present(&mut record, &found, &next, Timestamp(9_500), &config), Presented::Rotated);
        assert_eq!(present(&mut record, &lost, &next, Timestamp(9_600), &config), Presented::Reused);

        let (config, entropy, mut record, first) = fixture();
        let lost = first.child(&entropy);
        assert_eq!(present(&mut record, &first, &lost, Timestamp(0), &config), Presented::Rotated);
        let late = first.child(&entropy);
        assert_eq!(present(&mut record, &first, &late, Timestamp(10_001), &config), Presented::Reused);
    }

    #[test]
    fn a_made_up_token_is_unknown_and_an_old_login_ends_however_often_it_is_refreshed() {
        let (config, entropy, mut record, first) = fixture();
        let mut forged = first.child(&entropy);
        forged.family = [0; FAMILY_BYTES];
        assert_eq!(present(&mut record, &forged, &forged, Timestamp(0), &config), Presented::Unknown);
        let mut token = first;
        let mut now = Timestamp(0);
        for _ in 0..29 {
            now = now.plus_s(24 * 3600 - 1);
            let child = token.child(&entropy);
            assert_eq!(present(&mut record, &token, &child, now, &config), Presented::Rotated);
            token = child;
        }
        let after = Timestamp(0).plus_s(config.login_max_ttl_s);
        assert_eq!(present(&mut record, &token, &token.child(&entropy), after, &config), Presented::Expired);
    }
}
