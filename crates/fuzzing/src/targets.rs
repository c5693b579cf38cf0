//! Targets whose parsers are public.

use coditect_api::agent::{EventsRequest, Exec};
use coditect_api::terminal::{ClientFrame, CreateTerminal, UpdateTerminal};
use coditect_model::id::{LoginId, SessionId, TenantId, TerminalId, TicketId, UserId, WorkspaceId};
use coditect_model::name::{EMAIL_MAX_BYTES, Email, NAME_MAX_CHARS, UserName, WorkspaceName};
use coditect_sandbox::agent_config::AgentConfig;
use coditect_sandbox::record::SandboxRecord;
use coditect_store::tuple::{self, Item, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is read is written and read again as the same.
fn round_trip<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(data) {
        let text = serde_json::to_vec(&value).expect("what was read from JSON can be written as JSON");
        assert_eq!(serde_json::from_slice::<T>(&text).expect("what was written can be read"), value);
    }
}

/// The text frames and bodies an agent takes.
pub(super) fn agent_frames(data: &[u8]) {
    round_trip::<ClientFrame>(data);
    round_trip::<CreateTerminal>(data);
    round_trip::<UpdateTerminal>(data);
    round_trip::<Exec>(data);
    round_trip::<EventsRequest>(data);
}

/// What a sandbox's record and its agent's argument say.
pub(super) fn sandbox_record(data: &[u8]) {
    round_trip::<SandboxRecord>(data);
    round_trip::<AgentConfig>(data);
}

/// A key is not a tuple, or exactly what its values are packed to.
pub(super) fn store_tuple(data: &[u8]) {
    let Ok(values) = tuple::unpack(data) else { return };
    let items: Vec<Item<'_>> = values.iter().map(Value::item).collect();
    assert_eq!(tuple::pack(&items), data, "{values:?} has two encodings");
}

/// Two lists of values made from the bytes sort like their keys, and nothing of them is lost.
pub(super) fn store_tuple_order(data: &[u8]) {
    let (left, right) = data.split_at(data.len() / 2);
    let (left, right) = (values(left), values(right));
    let (left_key, right_key) = (pack(&left), pack(&right));
    assert_eq!(left.cmp(&right), left_key.cmp(&right_key), "{left:?} {right:?}");
    assert_eq!(tuple::unpack(&left_key).expect("a packed key"), left);
}

fn pack(values: &[Value]) -> Vec<u8> {
    tuple::pack(&values.iter().map(Value::item).collect::<Vec<_>>())
}

/// A list of values: a byte for the kind, a byte for the length, the value.
fn values(mut data: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while let Some((&[kind, length], rest)) = data.split_first_chunk() {
        let (body, rest) = rest.split_at(usize::from(length % 24).min(rest.len()));
        data = rest;
        let padded = |width: usize| {
            let mut bytes = [0; 16];
            let taken = body.len().min(width);
            bytes[..taken].copy_from_slice(&body[..taken]);
            bytes
        };
        values.push(match kind % 4 {
            0 => Value::Bytes(body.to_vec()),
            1 => Value::Text(String::from_utf8_lossy(body).into_owned()),
            2 => Value::Int(i64::from_le_bytes(padded(8)[..8].try_into().expect("eight of sixteen bytes"))),
            _ => Value::Id(padded(16)),
        });
    }
    values
}

/// Names are refused, or bounded, visible and the same when they are read again; an id has one spelling.
pub(super) fn model_names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for parse in [
        |text: &str| UserName::parse(text).map(String::from),
        |text: &str| WorkspaceName::parse(text).map(String::from),
    ] {
        if let Ok(name) = parse(text) {
            assert!((1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control));
            assert_eq!(parse(&name).as_deref(), Ok(name.as_str()), "{name:?}");
        }
    }
    if let Ok(email) = Email::parse(text) {
        assert!(email.as_str().len() <= EMAIL_MAX_BYTES && !email.as_str().chars().any(char::is_control));
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email));
    }
    macro_rules! ids {
        ($($id:ident)*) => {$(
            if let Ok(id) = text.parse::<$id>() {
                assert_eq!(id.to_string(), text);
            }
        )*};
    }
    ids!(LoginId SessionId TenantId TerminalId TicketId UserId WorkspaceId);
    if let Ok(id) = WorkspaceId::from_label(text) {
        assert_eq!(id.label(), text);
    }
}
