//! Bodies of requests: every route that takes one, with every wrong shape, and the values that each route must refuse
//! (rows 24 and 60 of the failure catalogue; S16 and S17 of the security list).

use fil_protocol::limits::BODY_BYTES_MAX;
use serde_json::{Value, json};

use crate::bomb::bombs;
use crate::route::{ROUTES, Route};
use crate::stage::{Ask, Findings, Stage, dump};

/// What is wrong with a body that is right otherwise.
type Spoil = (&'static str, fn(&Value) -> Vec<u8>, &'static str);

const MALFORMED: &str = "400 malformed";

/// Shapes that no route takes.
const SHAPES: &[Spoil] = &[
    ("nothing", |_| vec![], MALFORMED),
    ("blank", |_| b" \n".to_vec(), MALFORMED),
    ("half", |body| first_half(body), MALFORMED),
    ("null", |_| b"null".to_vec(), MALFORMED),
    ("a list of it", |body| format!("[{body}]").into_bytes(), MALFORMED),
    ("a string of it", |body| Value::String(body.to_string()).to_string().into_bytes(), MALFORMED),
    ("twice", |body| format!("{body}{body}").into_bytes(), MALFORMED),
    ("something behind it", |body| format!("{body}\0").into_bytes(), MALFORMED),
    ("a byte order mark", |body| format!("\u{feff}{body}").into_bytes(), MALFORMED),
    ("UTF-16", |body| body.to_string().encode_utf16().flat_map(u16::to_le_bytes).collect(), MALFORMED),
    ("a form", |_| b"handle=ada&password=canary-secret".to_vec(), MALFORMED),
    ("100,000 lists", |_| [vec![b'['; 100_000], vec![b']'; 100_000]].concat(), MALFORMED),
    ("20,000 objects", |_| format!("{}1{}", "{\"a\":".repeat(20_000), "}".repeat(20_000)).into_bytes(), MALFORMED),
    ("an unknown field", |body| with(body, "canary", &json!(1)), MALFORMED),
    ("an unknown field with a long name", |body| with(body, &"canary".repeat(30_000), &json!(1)), MALFORMED),
    ("a field of an object's prototype", |body| with(body, "__proto__", &json!({ "admin": true })), MALFORMED),
    ("its first field twice", first_twice, MALFORMED),
    ("a number for its first field", |body| with_first(body, &json!(7)), MALFORMED),
    ("null for its first field", |body| with_first(body, &Value::Null), ""),
    ("a list for its first field", |body| with_first(body, &json!(["canary-secret"])), MALFORMED),
    ("an object for its first field", |body| with_first(body, &json!({ "canary-secret": 1 })), MALFORMED),
    (
        "a number beyond all floats",
        |body| body.to_string().replacen(first_value(body), "1e400", 1).into_bytes(),
        MALFORMED,
    ),
    ("invalid UTF-8 in its first field", |body| replace_first(body, b"\"\xff\xfe\""), MALFORMED),
    ("a lone surrogate in its first field", |body| replace_first(body, b"\"\\ud800\""), MALFORMED),
    ("a raw line break in its first field", |body| replace_first(body, b"\"a\nb\""), MALFORMED),
    ("256 KiB and a byte", |body| format!("{body}{}", " ".repeat(BODY_BYTES_MAX)).into_bytes(), "413 too_large"),
];

/// Headers that no route takes, with a body that is right.
const HEADERS: &[(&str, &str, &str)] = &[
    ("content-type", "", "415 unsupported"),
    ("content-type", "text/plain", "415 unsupported"),
    ("content-type", "application/x-www-form-urlencoded", "415 unsupported"),
    ("content-type", "multipart/form-data; boundary=x", "415 unsupported"),
    ("content-type", "application/jsonp", "415 unsupported"),
    ("content-type", "text/html,application/json", "415 unsupported"),
    ("content-encoding", "gzip", "415 unsupported"),
    ("content-encoding", "deflate", "415 unsupported"),
    ("content-encoding", "br", "415 unsupported"),
    ("content-encoding", "zstd", "415 unsupported"),
    ("content-encoding", "identity, gzip", "415 unsupported"),
    ("content-encoding", "gzip, gzip, gzip", "415 unsupported"),
];

/// Values that single routes must refuse.
fn values() -> Vec<(&'static str, Value, &'static str)> {
    let sign_in = |key: &str, value: Value| {
        let mut body =
            json!({ "organisation": "demo", "handle": "ada", "password": "canary-secret", "device_name": "x" });
        body[key] = value;
        ("/api/v1/sessions", body)
    };
    let accept = |key: &str, value: Value| {
        let mut body = json!({ "invite": "canary-secret", "password": "canary-secret", "device_name": "x" });
        body[key] = value;
        ("/api/v1/invites/accept", body)
    };
    let mut cases = Vec::new();
    let mut add = |(path, body): (&'static str, Value), expected: &'static str| cases.push((path, body, expected));
    for name in [" ", "a\0b", "a\nb", "a\u{1b}[2J", "a\u{85}b", "a\u{2028}b", "fdp\u{202e}exe.", "a\u{2066}b"] {
        add(sign_in("device_name", json!(name)), "400 invalid");
        add(accept("device_name", json!(name)), "400 invalid");
    }
    add(sign_in("device_name", json!("a".repeat(129))), "400 too_large");
    for handle in
        ["", "ada\0", "ada' OR '1'='1", "../ada", "ada\u{202e}", "\u{430}da", "a".repeat(100_000).as_str(), "*"]
    {
        add(sign_in("handle", json!(handle)), "401 unauthorised");
        add(sign_in("organisation", json!(handle)), "401 unauthorised");
    }
    for password in ["", "\0", "wrong password", "a".repeat(200_000).as_str(), "correct horse battery\0"] {
        add(sign_in("password", json!(password)), "401 unauthorised");
    }
    for invite in ["", "\0", "../../keys/refresh.key", "' OR 1=1 --", "a".repeat(200_000).as_str()] {
        add(accept("invite", json!(invite)), "404 not_found");
    }
    add(accept("password", json!("short")), "400 invalid");
    add(accept("password", json!("a".repeat(1_025))), "400 too_large");
    for token in ["", "filr_", "filr_AAAA", "\0", "a".repeat(200_000).as_str(), "filr_' OR 1=1 --"] {
        add(("/api/v1/sessions/refresh", json!({ "refresh_token": token })), "401 unauthorised");
    }
    let begin = |body: Value| ("/api/v1/conversations", body);
    let id = "01890000-0000-7000-8000-000000000000";
    add(begin(json!({ "kind": "crowd", "members": [] })), MALFORMED);
    add(begin(json!({ "kind": "group", "members": ["ada"] })), MALFORMED);
    add(begin(json!({ "kind": "group", "members": ["../../etc/passwd"] })), MALFORMED);
    add(begin(json!({ "kind": "direct", "members": [] })), "400 invalid");
    add(begin(json!({ "kind": "direct", "members": [id, id] })), "400 invalid");
    add(begin(json!({ "kind": "direct", "title": "x", "members": ["BEN"] })), "400 invalid");
    add(begin(json!({ "kind": "direct", "members": ["ADA"] })), "403 forbidden");
    add(begin(json!({ "kind": "group", "members": vec![id; 1_000] })), "400 too_large");
    for title in ["", " ", "a\nb", "a\0b", "a\u{2029}b", "a\u{202d}b", "a\u{2069}b"] {
        add(begin(json!({ "kind": "group", "title": title, "members": [] })), "400 invalid");
    }
    add(begin(json!({ "kind": "group", "title": "é".repeat(129), "members": [] })), "400 too_large");
    for (text, expected) in [
        ("", "400 invalid"),
        (" \n\t\u{a0}\u{2003}", "400 invalid"),
        ("a\0b", "400 invalid"),
        ("a".repeat(16 * 1024 + 1).as_str(), "400 too_large"),
    ] {
        add(("/api/v1/conversations/{conversation}/messages", json!({ "text": text })), expected);
    }
    cases
}

/// Keys of requests that may be repeated.
const KEYS: &[(&[u8], &str)] = &[
    (b"", "400 invalid"),
    (b"two words", "400 invalid"),
    (b"\xff\xfe", "400 invalid"),
    (b"caf\xc3\xa9", "400 invalid"),
    (&[b'a'; 256], "400 invalid"),
    (&[b'a'; 4_096], "400 invalid"),
];

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    let routes = with_a_body().count();
    ("bodies", routes * (SHAPES.len() + HEADERS.len() + bombs().len()) + values().len() + 2 * KEYS.len())
}

fn with_a_body() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.body.is_some())
}

fn body_of(route: &Route) -> Value {
    serde_json::from_str(route.body.expect("only routes with a body are asked")).unwrap()
}

fn first_of(body: &Value) -> &str {
    let keys = body.as_object().expect("bodies are objects").keys();
    // Of several fields one that is text and must be there.
    keys.clone().find(|key| !["organisation", "members"].contains(&key.as_str())).expect("there is one")
}

fn with(body: &Value, key: &str, value: &Value) -> Vec<u8> {
    let mut body = body.clone();
    body[key] = value.clone();
    body.to_string().into_bytes()
}

fn with_first(body: &Value, value: &Value) -> Vec<u8> {
    with(body, first_of(body), value)
}

fn first_half(body: &Value) -> Vec<u8> {
    let text = body.to_string();
    text.as_bytes()[..text.len() / 2].to_vec()
}

fn first_twice(body: &Value) -> Vec<u8> {
    let key = first_of(body);
    format!("{{\"{key}\":{},{}", body[key], &body.to_string()[1..]).into_bytes()
}

fn first_value(body: &Value) -> &'static str {
    // Unique in the body, and never read as anything but itself.
    let value = body[first_of(body)].to_string();
    Box::leak(value.into_boxed_str())
}

fn replace_first(body: &Value, value: &[u8]) -> Vec<u8> {
    let (text, old) = (body.to_string(), format!("\"{}\":{}", first_of(body), first_value(body)));
    let at = text.find(&old).expect("the field is there");
    let key = format!("\"{}\":", first_of(body));
    [&text.as_bytes()[..at], key.as_bytes(), value, &text.as_bytes()[at + old.len()..]].concat()
}

fn ask(stage: &Stage, route: &Route, body: Vec<u8>) -> Ask {
    Ask::post(route.address(stage), body).bearer(&stage.ada.access_token)
}

/// Every shape at every route. What was typed as a secret is not repeated, and nothing is written.
#[tokio::test]
async fn every_wrong_shape_is_refused_by_every_route_with_a_body() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    for route in with_a_body() {
        let right = body_of(route);
        for (name, spoil, expected) in SHAPES {
            let answer = stage.ask(&ask(&stage, route, spoil(&right))).await;
            let expected = if expected.is_empty() { MALFORMED } else { expected };
            findings.check(answer.refusal(), expected, format!("{} with {name}", route.path));
            assert!(!answer.text.contains("canary-secret"), "{} with {name}: {}", route.path, answer.text);
        }
        for (header, value, expected) in HEADERS {
            let mut ask = ask(&stage, route, right.to_string().into_bytes());
            ask.headers.retain(|(name, _)| name != header);
            if !value.is_empty() {
                ask = ask.with(header, *value);
            }
            let case = format!("{} with {header}: {value}", route.path);
            findings.check(stage.ask(&ask).await.refusal(), expected, case);
        }
        stage.check_neighbour(&mut neighbour).await;
    }
    assert_eq!(dump(&stage.database(), &[]), before);
    findings.end();
}

/// Every value and every key that breaks a rule.
#[tokio::test]
async fn every_wrong_value_is_refused_by_its_route() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    let fill = |text: String| {
        text.replace("ADA", &stage.ada.profile.account.to_string())
            .replace("BEN", &stage.ben.profile.account.to_string())
    };
    for (path, body, expected) in values() {
        let path = path.replace("{conversation}", &stage.group.to_string());
        let body = fill(body.to_string());
        let answer = stage.ask(&Ask::post(&path, body.clone()).bearer(&stage.ada.access_token)).await;
        let short: String = body.chars().take(120).collect();
        findings.check(answer.refusal(), expected, format!("{path} {short}"));
        assert!(!answer.text.contains("canary-secret"), "{}", answer.text);
    }
    for (key, expected) in KEYS {
        for path in ["/api/v1/conversations", "/api/v1/conversations/{conversation}/messages"] {
            let route = with_a_body().find(|route| route.path == path).unwrap();
            let ask = ask(&stage, route, body_of(route).to_string().into_bytes()).with("idempotency-key", *key);
            findings.check(stage.ask(&ask).await.refusal(), expected, format!("{path} {key:?}"));
        }
    }
    stage.check_neighbour(&mut neighbour).await;
    assert_eq!(dump(&stage.database(), &[]), before);
    findings.end();
}

/// 1 GiB of zeros in about 1 MiB, and 64 MiB in a body that is small enough to be read: both are refused, before a byte is
/// unpacked (that is measured in `tests/hostile/tests/memory.rs`). The server has no decoder for bodies at all.
#[tokio::test]
async fn a_compression_bomb_is_refused_by_every_route() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    for route in with_a_body() {
        for bomb in bombs() {
            let ask = ask(&stage, route, bomb).with("content-encoding", "gzip");
            assert_eq!(stage.ask(&ask).await.refusal(), "415 unsupported", "{}", route.path);
        }
        stage.check_neighbour(&mut neighbour).await;
    }
}
