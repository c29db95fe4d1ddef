//! `docs/PROTOCOL.md` is true: every example in it decodes, says nothing that the types do not know, and no frame,
//! command, event, item or error code is missing from it.

use std::collections::BTreeSet;
use std::path::Path;

use fil_protocol::{ClientFrame, Command, ErrorCode, Event, Item, ProtocolError, RawCommand, ServerFrame, http};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The fenced examples: what stands behind the opening fence, and the text.
fn examples() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(path).expect("the document stands beside the code");
    let mut examples = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```json ") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            examples.push((kind.to_owned(), text.join("\n")));
        }
    }
    examples
}

/// Decodes, encodes again, and compares: a field that the type does not know would be lost.
fn check<T: Serialize + DeserializeOwned>(kind: &str, text: &str) -> T {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{kind}: {error}\n{text}"));
    let decoded: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{kind}: {error}\n{text}"));
    let written = serde_json::to_value(&decoded).expect("wire types always encode");
    for (key, value) in value.as_object().expect("examples are objects") {
        assert_eq!(written.get(key), Some(value), "{kind}: `{key}` is not read as it stands\n{text}");
    }
    decoded
}

/// One JSON object per line, or one object over several lines.
fn objects(text: &str) -> Vec<&str> {
    if text.starts_with("{\n") { vec![text] } else { text.lines().collect() }
}

fn word_of(value: &impl Serialize, key: &str) -> String {
    let value = serde_json::to_value(value).expect("wire types always encode");
    value[key].as_str().expect("the tag is a string").to_owned()
}

#[test]
fn every_example_of_the_document_is_what_the_types_say() {
    for (kind, text) in examples() {
        for text in objects(&text) {
            match kind.as_str() {
                "client" => {
                    let frame: ClientFrame = check(&kind, text);
                    assert!(!matches!(frame, ClientFrame::Command { command: RawCommand::Unknown(_), .. }), "{text}");
                }
                "server" => drop(check::<ServerFrame>(&kind, text)),
                "command" => drop(check::<Command>(&kind, text)),
                "event" => assert!(check::<Event>(&kind, text).known().is_some(), "unknown event: {text}"),
                "item" => drop(check::<Item>(&kind, text)),
                "error" => assert_ne!(check::<ProtocolError>(&kind, text).code, ErrorCode::Unknown, "{text}"),
                "http SignIn" => drop(check::<http::SignIn>(&kind, text)),
                "http AcceptInvite" => drop(check::<http::AcceptInvite>(&kind, text)),
                "http Refresh" => drop(check::<http::Refresh>(&kind, text)),
                "http Session" => drop(check::<http::Session>(&kind, text)),
                "http Device" => drop(check::<http::Device>(&kind, text)),
                "http Conversation" => drop(check::<http::Conversation>(&kind, text)),
                "http NewConversation" => drop(check::<http::NewConversation>(&kind, text)),
                "http NewMessage" => drop(check::<http::NewMessage>(&kind, text)),
                "http Applied" => drop(check::<http::Applied>(&kind, text)),
                "http HistoryPage" => drop(check::<http::HistoryPage>(&kind, text)),
                "http SearchPage" => drop(check::<http::SearchPage>(&kind, text)),
                "http AccountPage" => drop(check::<http::AccountPage>(&kind, text)),
                "http MemberPage" => drop(check::<http::MemberPage>(&kind, text)),
                other => panic!("an example of an unknown kind: {other}"),
            }
        }
    }
}

/// The snapshot of the wire names everything that exists; the document must have an example of each.
#[test]
fn nothing_that_crosses_the_wire_is_missing_from_the_document() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/wire__every_wire_type_is_written_as_agreed.snap");
    let snapshot = std::fs::read_to_string(path).expect("the snapshot is committed");
    let mut wanted = BTreeSet::new();
    for line in snapshot.lines().filter(|line| line.starts_with("{\"type\"")) {
        if let Ok(ClientFrame::Command { command, .. }) = ClientFrame::decode(line) {
            wanted.insert(format!("command {}", word_of(&command, "type")));
        } else if let Ok(frame) = ClientFrame::decode(line) {
            wanted.insert(format!("client {}", word_of(&frame, "type")));
        } else if let Ok(ServerFrame::Event { event, .. }) = ServerFrame::decode(line) {
            wanted.insert(format!("event {}", word_of(&event, "type")));
        } else if let Ok(frame) = ServerFrame::decode(line) {
            wanted.insert(format!("server {}", word_of(&frame, "type")));
        }
    }
    assert!(wanted.len() > 20, "the snapshot was not read: {wanted:?}");
    let mut shown = BTreeSet::new();
    for (kind, text) in examples() {
        for text in objects(&text).into_iter().filter(|text| text.contains("\"type\"")) {
            let value: Value = serde_json::from_str(text).expect("checked by the other test");
            shown.insert(format!("{kind} {}", value["type"].as_str().unwrap_or_default()));
        }
    }
    let missing: Vec<_> = wanted.difference(&shown).collect();
    assert!(missing.is_empty(), "not in docs/PROTOCOL.md: {missing:?}");
}

/// Every code stands in the table of errors, and the table has no other.
#[test]
fn the_table_of_errors_has_every_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/PROTOCOL.md");
    let document = std::fs::read_to_string(path).expect("the document stands beside the code");
    let (_, errors) = document.split_once("## 8. Errors").expect("the document has a section of errors");
    let named: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .take_while(|word| !word.is_empty())
        .collect();
    for code in &named {
        let read: ErrorCode = serde_json::from_value(Value::from(*code)).expect("codes are strings");
        assert_ne!(read, ErrorCode::Unknown, "no such code: {code}");
    }
    let all = [
        ErrorCode::Malformed,
        ErrorCode::Invalid,
        ErrorCode::TooLarge,
        ErrorCode::NotFound,
        ErrorCode::Forbidden,
        ErrorCode::Conflict,
        ErrorCode::Unsupported,
        ErrorCode::ClientTooOld,
        ErrorCode::ClientTooNew,
        ErrorCode::Unauthorised,
        ErrorCode::TokenExpired,
        ErrorCode::DeviceRevoked,
        ErrorCode::AccountDisabled,
        ErrorCode::OutOfOrder,
        ErrorCode::RateLimited,
        ErrorCode::Unavailable,
        ErrorCode::TooSlow,
        ErrorCode::Internal,
    ];
    for code in all {
        let word = serde_json::to_value(code).expect("codes encode");
        assert!(named.contains(&word.as_str().expect("codes are strings")), "{word} is not in the table");
    }
}
