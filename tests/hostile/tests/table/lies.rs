//! What a hostile server says, and what a person was talked into typing, each with what the person is told.

use fil_client::bridge::types::FailureKind;
use serde_json::{Value, json};

use crate::bomb::zeros;
use crate::liar::{answer, json_answer, session, welcome};

pub(crate) const BEN: &str = "0b0b0b0b-0b0b-0b0b-0b0b-0b0b0b0b0b0b";
pub(crate) const GROUP: &str = "018bcfe5-6800-7000-8000-0c0c0c0c0c0c";
pub(crate) const HIGHEST: u64 = (1 << 53) - 1;

/// What a sign-in is answered with, and what the person is told.
pub(crate) fn answers() -> Vec<(&'static str, Vec<u8>, FailureKind)> {
    use FailureKind::{Offline, RateLimited, UpdateNeeded, WrongCredentials};
    let typed = |code: &str, detail: &str| json!({ "code": code, "detail": detail }).to_string().into_bytes();
    let with = |key: &str, value: Value| {
        let mut session = session();
        session[key] = value;
        json_answer(&session)
    };
    let bomb = zeros(1 << 20).repeat(256);
    vec![
        ("nothing", vec![], Offline),
        ("no HTTP", b"SSH-2.0-OpenSSH_9\r\n".to_vec(), Offline),
        ("half a head", b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(), Offline),
        ("half a body", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"organ".to_vec(), Offline),
        ("a length of 16 EiB", b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n{}".to_vec(), Offline),
        ("two lengths", b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".to_vec(), Offline),
        (
            "a chunk that is none",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n".to_vec(),
            Offline,
        ),
        ("a head of 2 MiB", answer("200 OK", &format!("x: {}\r\n", "a".repeat(2 << 20)), b"{}"), Offline),
        ("a thousand headers", answer("200 OK", &"x: y\r\n".repeat(1_000), b"{}"), Offline),
        ("a body of 32 MiB", answer("200 OK", "", &vec![b' '; 32 << 20]), Offline),
        ("256 MiB of zeros, compressed", answer("200 OK", "content-encoding: gzip\r\n", &bomb), Offline),
        ("the same as a refusal", answer("400 no", "content-encoding: gzip\r\n", &bomb), Offline),
        ("gzip that is none", answer("200 OK", "content-encoding: gzip\r\n", b"{}"), Offline),
        ("a page", answer("200 OK", "content-type: text/html\r\n", b"<html>Welcome to the hotel"), Offline),
        ("a redirect", answer("302 Found", "location: http://127.0.0.1:1/steal\r\n", b""), Offline),
        ("a status of 999", answer("999 ?", "", b"{}"), Offline),
        ("null", answer("200 OK", "", b"null"), Offline),
        ("a list", answer("200 OK", "", b"[]"), Offline),
        ("100,000 lists", answer("200 OK", "", "[".repeat(100_000).as_bytes()), Offline),
        ("invalid UTF-8", answer("200 OK", "", b"{\"organisation\":\"\xff\"}"), Offline),
        ("an organisation that is none", with("organisation", json!("../../etc")), Offline),
        ("a device that is none", with("device", json!(7)), Offline),
        ("a device that is a path", with("device", json!("../../profile")), Offline),
        ("a profile that is none", with("profile", json!([])), Offline),
        ("a life that is negative", with("access_expires_in_ms", json!(-1)), Offline),
        ("a life in a float", with("access_expires_in_ms", json!(1e300)), Offline),
        ("no refresh token", with("refresh_token", Value::Null), Offline),
        ("a refusal of tomorrow", answer("400 no", "", &typed("of_tomorrow", "?")), Offline),
        (
            "a refusal that is long",
            answer("401 no", "", &typed("unauthorised", &"a".repeat(4 << 20))),
            WrongCredentials,
        ),
        (
            "a refusal that turns round",
            answer("429 no", "", &typed("rate_limited", "\u{202e}\0\u{1b}[2J")),
            RateLimited,
        ),
        ("a server of another time", answer("400 no", "", &typed("client_too_old", "?")), UpdateNeeded),
        ("a refusal that is a success", answer("200 OK", "", &typed("not_found", "?")), Offline),
    ]
}

/// What stands at an address instead of a server, and what the person is told.
pub(crate) fn servers() -> Vec<(&'static str, Vec<u8>, FailureKind)> {
    use FailureKind::{NotAServer, UpdateNeeded};
    let about = |name: Value, current: Value| {
        json_answer(&json!({ "name": name, "protocol": { "current": current, "lowest": 1 } }))
    };
    vec![
        ("another name", about(json!("other"), json!(1)), NotAServer),
        ("a name of 4 MiB", about(json!("f".repeat(4 << 20)), json!(1)), NotAServer),
        ("a name that is a list", about(json!(["fil"]), json!(1)), NotAServer),
        ("a version of 2^16", about(json!("fil"), json!(65_536)), NotAServer),
        ("a version that is negative", about(json!("fil"), json!(-1)), NotAServer),
        ("a version of before", about(json!("fil"), json!(0)), UpdateNeeded),
        ("a page", answer("404 no", "", b"<html>"), NotAServer),
        ("a redirect", answer("301 moved", "location: http://127.0.0.1:1/\r\n", b""), NotAServer),
    ]
}

/// Addresses and links that a person was talked into.
pub(crate) const ADDRESSES: &[(&str, FailureKind)] = &[
    ("", FailureKind::NotAServer),
    (" ", FailureKind::NotAServer),
    ("::::", FailureKind::NotAServer),
    ("https://", FailureKind::NotAServer),
    ("ftp://127.0.0.1", FailureKind::NotAServer),
    ("file:///etc/passwd", FailureKind::NotAServer),
    ("javascript:alert(1)//://", FailureKind::NotAServer),
    ("http://ada:secret@127.0.0.1:1", FailureKind::NotAServer),
    ("http://127.0.0.1:99999", FailureKind::NotAServer),
    ("http://a b", FailureKind::NotAServer),
    ("http://\0", FailureKind::NotAServer),
    ("data:text/html,x", FailureKind::NotAServer),
];

pub(crate) const LINKS: &[&str] = &[
    "",
    "x",
    "/invite#",
    "http://127.0.0.1:1/invite",
    "http://127.0.0.1:1/invite#",
    "http://127.0.0.1:1/invite#a/../b",
    "http://127.0.0.1:1/invite#a b",
    "http://127.0.0.1:1/invite#\u{202e}x",
];

/// Names of profiles that would leave their folder, on some system.
pub(crate) const PROFILES: &[&str] = &[
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a\\b",
    "/etc",
    "C:",
    "con",
    "nul",
    "aux.txt",
    "com1",
    "lpt9",
    "ada.",
    "Ada",
    "a\0b",
    "a\u{202e}b",
    "\u{e9}",
    "a b",
];

/// Lies of a server that is signed in to. Each is one connection; `[]` ends it without a word.
pub(crate) fn lies() -> Vec<(&'static str, Vec<Value>)> {
    let head = |seq: u64| json!({ "conversation": GROUP, "seq": seq });
    let with = |key: &str, value: Value| {
        let mut welcome = welcome();
        welcome[key] = value;
        welcome
    };
    let event = |seq: u64| {
        json!({ "type": "event", "conversation": GROUP, "event": { "seq": seq, "at_ms": HIGHEST, "author": BEN,
                "type": "message", "id": "0e0e0e0e-0e0e-0e0e-0e0e-0e0e0e0e0e0e", "text": "x", "sent": HIGHEST, "composed_at_ms": 0 } })
    };
    let account = |after: u64, rev: u64, full: bool, entries: Value| json!({ "type": "account", "after": after, "rev": rev, "full": full, "entries": entries });
    let member = json!([{ "type": "conversation", "conversation": GROUP, "kind": "group", "member": true, "read": { "seq": HIGHEST, "sent": HIGHEST } }]);
    let window = |from: u64, seq: u64, request: u64| {
        json!({ "type": "window", "request": request, "window": {
            "record": { "conversation": GROUP, "kind": "group", "title": "\u{202e}" }, "members": [], "items": [],
            "from": from, "as_of": { "seq": seq, "sent": HIGHEST }, "changed": [], "reset": true, "deleted": [HIGHEST, 0, 1, 1] } })
    };
    vec![
        ("not a word", vec![]),
        ("pong for hello", vec![json!({ "type": "pong" })]),
        ("a frame of tomorrow", vec![json!({ "type": "hologram" })]),
        ("a list", vec![json!([])]),
        ("a verdict for hello", vec![json!({ "type": "verdict", "no": HIGHEST, "outcome": "applied", "seq": 1 })]),
        ("events before welcome", vec![event(1), event(HIGHEST), account(0, HIGHEST, true, member.clone())]),
        ("a welcome without fields", vec![json!({ "type": "welcome" })]),
        ("a welcome twice", vec![welcome(), welcome()]),
        ("a version that nobody asked for", vec![with("protocol", json!(999))]),
        ("a time at the end of time", vec![with("server_time_ms", json!(HIGHEST))]),
        ("a horizon that goes back", vec![with("horizon", json!(HIGHEST)), with("horizon", json!(0))]),
        ("numbers beyond 2^53", vec![with("horizon", json!(u64::MAX))]),
        ("another account", vec![with("profile", json!({ "account": BEN, "handle": "ben", "name": "Ben" }))]),
        ("heads of nothing", vec![with("heads", json!([head(HIGHEST), head(0), head(HIGHEST)]))]),
        (
            "fifty thousand heads",
            vec![with(
                "heads",
                json!(
                    (0..50_000)
                        .map(|n| json!({
            "conversation": format!("01890000-0000-7000-8000-{n:012}"), "seq": 1 }))
                        .collect::<Vec<_>>()
                ),
            )],
        ),
        ("an epoch that changes", vec![with("epoch", json!(BEN)), with("epoch", json!(GROUP))]),
        ("events with a gap to the end", vec![welcome(), event(HIGHEST), event(HIGHEST - 1)]),
        ("one message twice", vec![welcome(), account(0, 1, true, member.clone()), event(1), event(2)]),
        ("one event twice", vec![welcome(), event(1), event(1)]),
        ("an event number 0", vec![welcome(), event(0)]),
        ("an account ahead", vec![welcome(), account(HIGHEST, HIGHEST, false, json!([]))]),
        ("an account backwards", vec![welcome(), account(9, 3, false, member.clone())]),
        (
            "an account of entries of tomorrow",
            vec![welcome(), account(0, 1, false, json!([{ "type": "theme", "x": [[[]]] }, 7, null]))],
        ),
        ("a window that nobody asked for", vec![welcome(), window(1, 9, 77)]),
        (
            "windows that end before they begin",
            (1..4).map(|request| window(HIGHEST, 3, request)).fold(vec![welcome()], |mut all, one| {
                all.push(one);
                all
            }),
        ),
        (
            "windows without end",
            (1..60).map(|request| window(1, HIGHEST, request)).fold(vec![welcome()], |mut all, one| {
                all.push(one);
                all
            }),
        ),
        (
            "answers without questions",
            vec![
                welcome(),
                json!({ "type": "events", "request": 1, "conversation": GROUP, "after": HIGHEST, "events": [] }),
                json!({ "type": "error", "request": HIGHEST, "code": "not_found", "detail": "?" }),
            ],
        ),
        (
            "heartbeats of heads",
            vec![
                welcome(),
                json!({ "type": "heartbeat", "server_time_ms": 0, "horizon": HIGHEST, "account_rev": HIGHEST, "heads": [head(HIGHEST)] }),
            ],
        ),
        ("a goodbye for ever", vec![welcome(), json!({ "type": "going_away", "retry_after_ms": HIGHEST })]),
        (
            "an error of tomorrow",
            vec![
                welcome(),
                json!({ "type": "error", "code": "of_tomorrow", "detail": "a".repeat(1 << 20), "retry_after_ms": HIGHEST }),
            ],
        ),
        (
            "an error for every command",
            vec![welcome(), json!({ "type": "error", "code": "out_of_order", "detail": "?" })],
        ),
        ("a text of 12 MiB", vec![Value::String("x".repeat(12 << 20))]),
        ("a text of 20 MiB", vec![Value::String("x".repeat(20 << 20))]),
    ]
}

/// Bytes below the frames: a header that announces what never comes.
pub(crate) const BELOW: &[(&str, &[u8])] = &[
    ("a text of 1 GiB, announced", &[0x81, 0x7f, 0, 0, 0, 0, 0x40, 0, 0, 0]),
    ("a text of 2^63 bytes, announced", &[0x81, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ("a mask that no server has", &[0x81, 0x82, 1, 2, 3, 4, 5, 6]),
    ("a compressed frame", &[0xc1, 0x02, b'{', b'}']),
    ("a reserved kind", &[0x83, 0x00]),
    ("invalid UTF-8", &[0x81, 0x02, 0xff, 0xfe]),
    ("a continuation of nothing", &[0x80, 0x00]),
    ("a ping of 126 bytes", &[0x89, 0x7e, 0, 126]),
];
