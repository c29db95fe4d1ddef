//! Requests of a screen to a profile that is signed in and offline: ids of nothing, texts that break rules, numbers at the
//! end of their types (rows 23, 29 and 60 of the failure catalogue). The screen shows what other people wrote, so what it
//! asks is not more trustworthy than they are.

use fil_client::bridge::types::{FailureKind, Request};
use fil_client::bridge::{Bridge, Options, TokenChoice};
use fil_hostile::panics::Watch;
use serde_json::{Value, json};

use crate::stage::Findings;

const BEN: &str = "0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b";
/// A conversation and a message that do not exist.
const NONE: &str = "01890000-0000-7000-8000-000000000000";

/// Requests with `ID` for an id, which is no id in one case each, and unknown in another.
fn with_ids() -> Vec<Value> {
    vec![
        json!({ "type": "conversation", "conversation": "ID" }),
        json!({ "type": "timeline", "conversation": "ID", "range": { "type": "opening", "limit": 20 } }),
        json!({ "type": "open_direct", "account": "ID" }),
        json!({ "type": "create_group", "title": "x", "members": ["ID"] }),
        json!({ "type": "send", "conversation": "ID", "text": "x" }),
        json!({ "type": "edit", "conversation": "ID", "message": NONE, "text": "x" }),
        json!({ "type": "edit", "conversation": NONE, "message": "ID", "text": "x" }),
        json!({ "type": "delete", "conversation": "ID", "message": NONE }),
        json!({ "type": "delete", "conversation": NONE, "message": "ID" }),
        json!({ "type": "retry", "conversation": "ID", "message": NONE }),
        json!({ "type": "retry", "conversation": NONE, "message": "ID" }),
        json!({ "type": "discard", "conversation": "ID", "message": NONE }),
        json!({ "type": "discard", "conversation": NONE, "message": "ID" }),
        json!({ "type": "mark_read", "conversation": "ID", "seq": 1 }),
        json!({ "type": "save_draft", "conversation": "ID", "text": "x" }),
        json!({ "type": "show", "conversation": "ID" }),
        json!({ "type": "search", "query": "x", "conversation": "ID" }),
    ]
}

/// What is no id, and is refused as such by every request.
const NO_IDS: [&str; 4] = ["", "7", "../../etc/passwd", "01890000-0000-7000-8000-00000000000\u{202e}"];

/// Requests whose content breaks a rule; `C` is the conversation that exists.
fn broken() -> Vec<(Value, FailureKind)> {
    use FailureKind::{Invalid, NotFound};
    let send = |text: &str| json!({ "type": "send", "conversation": "C", "text": text });
    let group =
        |title: &str, members: Vec<String>| json!({ "type": "create_group", "title": title, "members": members });
    let crowd = (0..1_000).map(|n| format!("01890000-0000-7000-8000-{n:012}")).collect();
    vec![
        (send(""), Invalid),
        (send(" \n\u{3000}"), Invalid),
        (send("a\0b"), Invalid),
        (send(&"a".repeat(16 * 1024 + 1)), Invalid),
        (send(&"a".repeat(4 << 20)), Invalid),
        (json!({ "type": "send", "conversation": NONE, "text": "x" }), NotFound),
        (json!({ "type": "edit", "conversation": "C", "message": NONE, "text": "x" }), NotFound),
        (json!({ "type": "delete", "conversation": "C", "message": NONE }), NotFound),
        (json!({ "type": "retry", "conversation": "C", "message": NONE }), NotFound),
        (json!({ "type": "discard", "conversation": "C", "message": NONE }), NotFound),
        (group("", vec![]), Invalid),
        (group("a\nb", vec![]), Invalid),
        (group("fdp\u{202e}exe.", vec![]), Invalid),
        (group(&"a".repeat(257), vec![]), Invalid),
        (group("x", crowd), Invalid),
        (json!({ "type": "open_direct", "account": "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a" }), Invalid),
        (json!({ "type": "save_draft", "conversation": "C", "text": "a".repeat(1 << 20) }), Invalid),
        (json!({ "type": "people", "query": "a".repeat(257) }), Invalid),
        (json!({ "type": "search", "query": "a".repeat(257), "conversation": null }), Invalid),
        (json!({ "type": "mark_read", "conversation": "C", "seq": u64::MAX }), Invalid),
        (
            json!({ "type": "timeline", "conversation": "C", "range": { "type": "before", "seq": u64::MAX, "limit": 1 } }),
            Invalid,
        ),
    ]
}

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("bridge", with_ids().len() * NO_IDS.len() + broken().len())
}

/// Each request has its typed failure, and none of them leaves anything in the outbox.
#[tokio::test]
async fn every_hostile_request_of_a_screen_is_refused_and_queues_nothing() {
    let _panics = Watch::begin();
    let folder = tempfile::tempdir().unwrap();
    fil_hostile::doors::sign_in(folder.path());
    let options = Options { tokens: TokenChoice::PrivateFile, ..Options::new(folder.path(), "hostile") };
    let bridge = Bridge::open(options).unwrap();
    let ask = async |request: &Value| -> String {
        let request: Request = serde_json::from_value(request.clone()).unwrap();
        match bridge.request(request).await {
            Ok(response) => serde_json::to_string(&response).unwrap(),
            Err(failure) => {
                assert!(failure.detail.len() <= 1_024, "{} bytes", failure.detail.len());
                format!("{:?}", failure.kind)
            }
        }
    };
    let opened = ask(&json!({ "type": "open_direct", "account": BEN })).await;
    let opened: Value = serde_json::from_str(&opened).unwrap();
    let conversation = opened["conversation"].as_str().unwrap().to_owned();
    let before = ask(&json!({ "type": "status" })).await;
    let mut findings = Findings::default();
    for request in with_ids() {
        for id in NO_IDS {
            let request: Value =
                serde_json::from_str(&request.to_string().replace("\"ID\"", &json!(id).to_string())).unwrap();
            findings.check(ask(&request).await, "Invalid", &request);
        }
    }
    for (request, expected) in broken() {
        let text = request.to_string().replace("\"C\"", &format!("\"{conversation}\""));
        let short: String = text.chars().take(120).collect();
        findings.check(ask(&serde_json::from_str(&text).unwrap()).await, format!("{expected:?}"), short);
    }
    let after = ask(&json!({ "type": "status" })).await;
    let waiting = |status: &str| serde_json::from_str::<Value>(status).unwrap()["status"]["waiting"].clone();
    assert_eq!(waiting(&after), waiting(&before));
    findings.end();
}
