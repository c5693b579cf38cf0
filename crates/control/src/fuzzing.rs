//! What fuzzers call: each function takes any bytes and asserts what must hold of one parser of the control plane.
//!
//! Behind the feature `fuzzing`, which only crate `fuzzing` asks for.

use std::sync::LazyLock;

use coditect_api::grant::{AccessLevel, Audience, Grant};
use coditect_model::ambient::{Entropy, Timestamp};

use crate::app::grant::{check_path, percent_encode};
pub use crate::http::fuzzing::{body, cookies, query};
use crate::keyring::{self, Keyring};
use crate::records;

/// An origin of signing keys that every run shares, so that a kept token stays a good one.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0x5a);
    }
}

/// Past every token's beginning, before its end.
const NOW_MS: i64 = 1_700_000_100_000;

struct Signed {
    keyring: Keyring,
    tokens: Vec<(Audience, String)>,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let keyring = Keyring::new("http://coditect.localhost:8080");
    keyring.load(&[keyring::generate(&Fixed, Timestamp(0))]);
    let tokens = [Audience::Control, Audience::Workspace, Audience::App, Audience::Ticket].map(|aud| {
        let grant = Grant {
            iss: keyring.issuer().to_owned(),
            aud,
            sub: "usr_1".to_owned(),
            tenant: "ten_1".to_owned(),
            login: "login_1".to_owned(),
            workspace: "ws_1".to_owned(),
            access: AccessLevel::Read,
            port: Some(3000),
            generation: 1,
            jti: "tick_1".to_owned(),
            iat: NOW_MS / 1000 - 10,
            exp: NOW_MS / 1000 + 10,
        };
        (aud, keyring.sign(&grant).expect("there is a signing key"))
    });
    Signed { keyring, tokens: tokens.to_vec() }
});

/// Tokens that are good, one of each audience: what a corpus begins with.
pub fn good_tokens() -> Vec<String> {
    SIGNED.tokens.iter().map(|(_, token)| token.clone()).collect()
}

/// Nothing but a token we signed is believed, and that for its own audience only.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for audience in [Audience::Control, Audience::Workspace, Audience::App, Audience::Ticket] {
        let verified = SIGNED.keyring.verify::<Grant>(text, audience, Timestamp(NOW_MS));
        let known = SIGNED.tokens.iter().any(|(aud, token)| *aud == audience && token == text);
        assert_eq!(verified.is_ok(), known, "{text:?} for {audience:?}");
        if known {
            let later = Timestamp(NOW_MS + 60_000);
            assert!(SIGNED.keyring.verify::<Grant>(text, audience, later).is_err(), "it has expired");
        }
    }
}

/// A path that a ticket leads to stays on the workspace's origin, also after it was put into an address.
pub fn ticket_path(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let encoded = percent_encode(path);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)));
    if check_path(path).is_err() {
        return;
    }
    let address = format!("http://3000--label.coditect.localhost:8080/.coditect/enter?ticket=t&path={encoded}");
    let uri: http::Uri = address.parse().expect("only unreserved characters were added");
    assert_eq!(uri.authority().map(http::uri::Authority::as_str), Some("3000--label.coditect.localhost:8080"));
    assert!(encoded.starts_with('/') && !encoded.starts_with("//"));
}

/// A stored value is read as what was written, or refused: never as something else.
pub fn record(data: &[u8]) {
    fn rewritten<R: records::Record>(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let written = records::encode(&records::decode::<R>(data).ok()?);
        let again = records::decode::<R>(&written).map(|record| records::encode(&record)).unwrap_or_default();
        Some((written, again))
    }
    fn of<R: records::Record>(data: &[u8]) {
        if let Some((written, again)) = rewritten::<R>(data) {
            assert_eq!(again, written, "{} changes when it is read", R::NOUN);
        }
    }
    of::<records::user::UserRecord>(data);
    of::<records::workspace::WorkspaceRecord>(data);
    of::<records::session::SessionRecord>(data);
    of::<records::session::LayoutRecord>(data);
    of::<records::login::LoginRecord>(data);
    of::<records::invitation::InvitationRecord>(data);
    of::<records::signing_key::SigningKeyRecord>(data);
}
