//! Frames of a client that is signed in, and bytes that are no frames (rows 13, 22, 24 and 60 of the failure catalogue;
//! S16 of the security list).

use fil_protocol::limits::{FRAME_BYTES_MAX, MEMBERS_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX};
use fil_protocol::{ClientFrame, ServerFrame};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::tungstenite::Message;

use crate::stage::{Findings, Next, Socket, Stage, code, dump, hello};

/// What is sent on a socket.
enum Sent {
    /// One text message.
    Text(String),
    /// One binary message.
    Binary(usize),
    /// Bytes below the frames.
    Raw(Vec<u8>),
}

/// When it is sent.
#[derive(Clone, Copy, PartialEq)]
enum When {
    BeforeHello,
    AfterHello,
}

/// A case: its name, when what is sent, and everything that comes back, in order.
struct Case {
    name: String,
    when: When,
    sent: Sent,
    expected: &'static str,
}

const MALFORMED: &str = "malformed 4400";
const UNSUPPORTED: &str = "unsupported 4400";
const OUT_OF_ORDER: &str = "out_of_order 4400";
/// The server ends the connection without a word: the client said goodbye, or what looked like it.
const GOODBYE: &str = "nothing";

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("frames", cases().len())
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut text = |name: &str, text: String, expected: &'static str| {
        cases.push(Case { name: name.to_owned(), when: When::AfterHello, sent: Sent::Text(text), expected });
    };
    for (name, what) in [
        ("nothing", ""),
        ("blank", " \n\t "),
        ("a word", "hello"),
        ("a list", "[]"),
        ("an empty object", "{}"),
        ("null", "null"),
        ("a number", "7"),
        ("a string", "\"ping\""),
        ("half an object", "{\"type\":\"ping\""),
        ("two objects", "{\"type\":\"ping\"}{\"type\":\"ping\"}"),
        ("something behind it", "{\"type\":\"ping\"}x"),
        ("a comma at the end", "{\"type\":\"ping\",}"),
        ("single quotes", "{'type':'ping'}"),
        ("a comment", "/* */{\"type\":\"ping\"}"),
        ("a byte order mark", "\u{feff}{\"type\":\"ping\"}"),
        ("NUL behind it", "{\"type\":\"ping\"}\0"),
        ("a type that is a number", "{\"type\":7}"),
        ("a type that is null", "{\"type\":null}"),
        ("a type that is a list", "{\"type\":[\"ping\"]}"),
        ("two types", "{\"type\":\"ping\",\"type\":\"hello\"}"),
        ("a lone surrogate", "{\"type\":\"renew\",\"token\":\"\\ud800\"}"),
        ("a broken escape", "{\"type\":\"renew\",\"token\":\"\\u12\"}"),
        ("a raw line break in a string", "{\"type\":\"renew\",\"token\":\"a\nb\"}"),
        ("a field of two values", "{\"type\":\"acknowledge\",\"no\":0,\"no\":1}"),
    ] {
        text(name, what.to_owned(), MALFORMED);
    }
    for (name, what) in [
        ("an unknown type", "teleport"),
        ("the type in capitals", "PING"),
        ("an empty type", ""),
        ("a type with NUL", "ping\\u0000"),
        ("a type that turns round", "\\u202egnip"),
        ("a frame of the server", "welcome"),
        ("a verdict from a client", "verdict"),
    ] {
        text(name, format!("{{\"type\":\"{what}\"}}"), UNSUPPORTED);
    }
    // Every frame with a field missing, and with each number out of its bounds.
    for whole in honest() {
        for key in whole.as_object().expect("frames are objects").keys().filter(|key| *key != "type") {
            let mut without = whole.clone();
            without.as_object_mut().expect("frames are objects").remove(key);
            // A pull without a cursor and a first hello without a history are honest.
            if !(key == "after" || key == "epoch") {
                let name = format!("{} without {key}", whole["type"]);
                text(&name, without.to_string(), MALFORMED);
            }
            let mut wrong = whole.clone();
            wrong[key] = json!([["canary"]]);
            text(
                &format!("{} with a list for {key}", whole["type"]),
                wrong.to_string(),
                match key.as_str() {
                    // A command that does not decode is one of a newer client: it has its number and its verdict.
                    "command" => "rejected unsupported",
                    _ => MALFORMED,
                },
            );
        }
    }
    for number in
        ["-1", "1.5", "1.0", "1e3", "9007199254740992", "18446744073709551615", "1e400", "\"1\"", "true", "-0.0"]
    {
        text(&format!("no {number}"), format!("{{\"type\":\"acknowledge\",\"no\":{number}}}"), MALFORMED);
        let pull = format!("{{\"type\":\"pull\",\"request\":{number},\"stream\":\"account\",\"after\":null}}");
        text(&format!("request {number}"), pull, MALFORMED);
    }
    for (name, stream) in [
        ("an unknown stream", json!("everything")),
        ("a stream of no id", json!({ "conversation": "7" })),
        ("a stream of a path", json!({ "conversation": "../../etc/passwd" })),
        ("two streams", json!({ "conversation": "01890000-0000-7000-8000-000000000000", "account": null })),
        ("a stream that is null", Value::Null),
    ] {
        let pull = json!({ "type": "pull", "request": 1, "stream": stream, "after": null });
        text(name, pull.to_string(), MALFORMED);
    }
    for (depth, expected) in [(100, "rejected unsupported"), (200, MALFORMED), (100_000, MALFORMED)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let frame = format!("{{\"type\":\"command\",\"no\":1,\"command\":{deep}}}");
        text(&format!("a command nested {depth} times"), frame, expected);
    }
    let renewal = |token: &str| json!({ "type": "renew", "token": token }).to_string();
    text("a renewal with no token", renewal("canary"), "unauthorised 4401");
    text("a renewal with nothing", renewal(""), "unauthorised 4401");
    text("a renewal with 200 KiB", renewal(&"a".repeat(200 * 1024)), "unauthorised 4401");
    text("hello twice", ClientFrame::Hello(hello()).encode(), MALFORMED);
    text("a frame of 256 KiB", "a".repeat(FRAME_BYTES_MAX), MALFORMED);
    text("a frame of 256 KiB and a byte", "a".repeat(FRAME_BYTES_MAX + 1), "too_large 4400");
    text("a frame of 2 MiB", "a".repeat(2 * 1024 * 1024), "too_large 4400");

    let mut command = |name: &str, no: u64, command: Value, expected: &'static str| {
        let text = json!({ "type": "command", "no": no, "command": command }).to_string();
        cases.push(Case { name: name.to_owned(), when: When::AfterHello, sent: Sent::Text(text), expected });
    };
    let message = |text: &str| {
        json!({ "type": "send_message", "conversation": "GROUP", "message": "01890000-0000-7000-8000-00000000000a",
                "text": text, "composed_at_ms": 1_700_000_000_000_u64 })
    };
    command("number 0", 0, message("x"), "silence");
    command("a number too far", 2, message("x"), OUT_OF_ORDER);
    command("the highest number", (1 << 53) - 1, message("x"), OUT_OF_ORDER);
    command("an unknown command", 1, json!({ "type": "launch" }), "rejected unsupported");
    command("a command that is null", 1, Value::Null, "rejected unsupported");
    command("a command of nothing", 1, json!({}), "rejected unsupported");
    command("a blank text", 1, message(" \n "), "rejected invalid");
    command("a text with NUL", 1, message("a\0b"), "rejected invalid");
    command("a text too long", 1, message(&"é".repeat(TEXT_BYTES_MAX / 2 + 1)), "rejected too_large");
    let mut odd = message("x");
    odd["composed_at_ms"] = json!(-1);
    command("a time before all", 1, odd.clone(), "rejected unsupported");
    odd["composed_at_ms"] = json!(1e300);
    command("a time after all", 1, odd.clone(), "rejected unsupported");
    odd["composed_at_ms"] = json!(1);
    odd["message"] = json!("{01890000-0000-7000-8000-00000000000a");
    command("an id that is none", 1, odd, "rejected unsupported");
    let title = |title: &str| json!({ "type": "set_title", "conversation": "GROUP", "title": title });
    command("a blank title", 1, title(" "), "rejected invalid");
    command("a title on two lines", 1, title("a\nb"), "rejected invalid");
    command("a title on two lines of another kind", 1, title("a\u{2028}b"), "rejected invalid");
    command("a title that turns the rest round", 1, title("facture\u{202e}fdp.exe"), "rejected invalid");
    command("a title with an isolate left open", 1, title("a\u{2067}b"), "rejected invalid");
    command("a title with an escape", 1, title("a\u{1b}[31mb"), "rejected invalid");
    command("a title too long", 1, title(&"é".repeat(TITLE_BYTES_MAX / 2 + 1)), "rejected too_large");
    let group = |id: &str, members: Vec<Value>| json!({ "type": "create_conversation", "conversation": id, "kind": "group", "title": "x", "members": members });
    let new = "01890000-0000-7000-8000-00000000000b";
    let crowd = (0..MEMBERS_MAX).map(|n| json!(format!("01890000-0000-7000-8000-{n:012}"))).collect();
    command("a crowd", 1, group(new, crowd), "rejected too_large");
    command(
        "a group of one who does not exist, twice",
        1,
        group(new, vec![json!(new), json!(new)]),
        "rejected not_found",
    );
    command(
        "a group whose id is of version 5",
        1,
        group("01890000-0000-5000-8000-00000000000b", vec![]),
        "rejected invalid",
    );
    command("a group whose id is nil", 1, group("00000000-0000-0000-0000-000000000000", vec![]), "rejected invalid");
    let direct =
        json!({ "type": "create_conversation", "conversation": new, "kind": "direct", "title": null, "members": [] });
    command("a direct conversation with nobody", 1, direct, "rejected invalid");

    let mut early = |name: &str, text: String, expected: &'static str| {
        cases.push(Case { name: format!("first: {name}"), when: When::BeforeHello, sent: Sent::Text(text), expected });
    };
    for whole in honest() {
        early(
            &whole["type"].to_string(),
            whole.to_string(),
            match whole["type"].as_str() {
                Some("renew") => "unauthorised 4401",
                _ => MALFORMED,
            },
        );
    }
    for (name, current, lowest, expected) in
        [("a client of before", 0, 0, "client_too_old 4426"), ("a client of tomorrow", 9, 7, "client_too_new 4426")]
    {
        early(name, hello_with("protocol", json!({ "current": current, "lowest": lowest })), expected);
    }
    for (name, key, value) in [
        ("a version that is negative", "protocol", json!({ "current": -1, "lowest": 1 })),
        ("a version of 2^16", "protocol", json!({ "current": 65_536, "lowest": 1 })),
        ("a horizon of 2^53", "horizon", json!(1_u64 << 53)),
        ("a history that is no id", "epoch", json!("yesterday")),
        ("a generation that is null", "generation", Value::Null),
        ("a name that is no text", "client", json!(7)),
    ] {
        early(name, hello_with(key, value), MALFORMED);
    }
    for (name, key, value) in [
        ("a name of 200 KiB", "client", json!("\u{202e}\n".repeat(50 * 1024))),
        ("a horizon that is not reached", "horizon", json!((1_u64 << 53) - 1)),
        ("verdicts that were never given", "acknowledged", json!((1_u64 << 53) - 1)),
        ("a revision that is not reached", "account_rev", json!((1_u64 << 53) - 1)),
        ("a history of somebody else", "epoch", json!("01890000-0000-7000-8000-000000000000")),
    ] {
        early(name, hello_with(key, value), "welcome");
    }

    for bytes in [0, 10, FRAME_BYTES_MAX] {
        let name = format!("a binary message of {bytes} bytes");
        cases.push(Case { name, when: When::AfterHello, sent: Sent::Binary(bytes), expected: UNSUPPORTED });
    }
    for (name, bytes, expected) in below_the_frames() {
        cases.push(Case { name: name.to_owned(), when: When::AfterHello, sent: Sent::Raw(bytes), expected });
    }
    cases
}

/// One of every frame but hello, as an honest client sends it. A new frame does not compile without its line.
fn honest() -> Vec<Value> {
    let id = "01890000-0000-7000-8000-000000000000";
    let frames = vec![
        json!({ "type": "command", "no": 1, "command": { "type": "launch" } }),
        json!({ "type": "acknowledge", "no": 0 }),
        json!({ "type": "pull", "request": 1, "stream": "account", "after": 0 }),
        json!({ "type": "read", "conversation": id, "seq": 1 }),
        json!({ "type": "renew", "token": "canary" }),
        json!({ "type": "ping" }),
    ];
    for frame in &frames {
        match ClientFrame::decode(&frame.to_string()).expect("honest frames decode") {
            ClientFrame::Hello(_) => unreachable!("hello has its own cases"),
            ClientFrame::Command { .. }
            | ClientFrame::Acknowledge { .. }
            | ClientFrame::Pull { .. }
            | ClientFrame::Read { .. }
            | ClientFrame::Renew { .. }
            | ClientFrame::Ping => {}
        }
    }
    frames
}

fn hello_with(key: &str, value: Value) -> String {
    let mut frame: Value = serde_json::from_str(&ClientFrame::Hello(hello()).encode()).expect("our own frame");
    frame[key] = value;
    frame.to_string()
}

/// Bytes of the WebSocket protocol (RFC 6455) that no client may send. The mask is zero, so that they can be read here.
fn below_the_frames() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    const MASK: [u8; 4] = [0; 4];
    let frame = |head: &[u8], body: &[u8]| [head, &MASK, body].concat();
    let ping = br#"{"type":"ping"}"#;
    let length = 0x80 | u8::try_from(ping.len()).expect("it is short");
    let huge = |bytes: u64| [&[0x81, 0xff][..], &bytes.to_be_bytes(), &MASK].concat();
    vec![
        ("no mask", [&[0x81, length & 0x7f][..], ping].concat(), MALFORMED),
        ("a compressed frame that nobody agreed on", frame(&[0xc1, length], ping), MALFORMED),
        ("the second reserved bit", frame(&[0xa1, length], ping), MALFORMED),
        ("the third reserved bit", frame(&[0x91, length], ping), MALFORMED),
        ("a reserved kind of data", frame(&[0x83, length], ping), MALFORMED),
        ("a reserved kind of control", frame(&[0x8b, 0x80], b""), MALFORMED),
        ("a ping in pieces", frame(&[0x09, 0x80], b""), MALFORMED),
        ("a ping of 126 bytes", frame(&[0x89, 0xfe, 0, 126], &[b'a'; 126]), MALFORMED),
        ("a continuation of nothing", frame(&[0x80, 0x80], b""), MALFORMED),
        ("a message inside another", [frame(&[0x01, 0x81], b"{"), frame(&[0x81, length], ping)].concat(), MALFORMED),
        ("a message of 1 GiB, announced", huge(1 << 30), "too_large 4400"),
        ("a message of 2^62 bytes, announced", huge(1 << 62), "too_large 4400"),
        ("a message of 2^63 bytes, announced", huge(1 << 63), "too_large 4400"),
        ("invalid UTF-8", frame(&[0x81, 0x82], &[0xff, 0xfe]), MALFORMED),
        ("an overlong form", frame(&[0x81, 0x82], &[0xc0, 0xaf]), MALFORMED),
        ("a surrogate in UTF-8", frame(&[0x81, 0x83], &[0xed, 0xa0, 0x80]), MALFORMED),
        ("half a character at the end", frame(&[0x81, 0x81], &[0xc3]), MALFORMED),
        (
            "pieces that grow beyond the limit",
            (0..3)
                .flat_map(|piece: u8| {
                    let head = [u8::from(piece == 0), 0xff];
                    [&head[..], &(100_u64 * 1024).to_be_bytes(), &MASK, &[b'a'; 100 * 1024]].concat()
                })
                .collect(),
            "too_large 4400",
        ),
        ("goodbye with half a code", frame(&[0x88, 0x81], &[3]), MALFORMED),
        ("goodbye with a code that nobody may send", frame(&[0x88, 0x82], &1005_u16.to_be_bytes()), GOODBYE),
        ("goodbye with a reason that is no text", frame(&[0x88, 0x83], &[3, 0xe8, 0xff]), MALFORMED),
        ("goodbye", frame(&[0x88, 0x82], &1000_u16.to_be_bytes()), GOODBYE),
    ]
}

/// Every case against one server: what comes back is what was expected, the database has not changed beyond the verdict
/// that a rejection is documented to store, and the neighbour is answered.
#[tokio::test]
async fn every_hostile_frame_gets_its_typed_answer_and_changes_nothing() {
    let stage = Stage::new().await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let mut findings = Findings::default();
    for Case { name, when, sent, expected } in cases() {
        let mut socket = match when {
            When::BeforeHello => stage.silent(&stage.ada).await,
            When::AfterHello => stage.socket_of(&stage.ada).await,
        };
        neighbour.ping().await;
        // A rejected command begins the generation and stores its verdict; nothing else may change.
        let before = dump(&stage.database(), &["device"]);
        match sent {
            Sent::Text(text) => {
                let text = text.replace("GROUP", &stage.group.to_string());
                socket.send_raw(Message::Text(text.into())).await;
            }
            Sent::Binary(bytes) => socket.send_raw(Message::Binary(vec![0xff; bytes].into())).await,
            Sent::Raw(bytes) => write_below(&mut socket, &bytes).await,
        }
        let heard = hear(&mut socket).await;
        let heard = if expected == GOODBYE { heard.split(' ').next().unwrap_or_default().to_owned() } else { heard };
        findings.check(heard, expected, &name);
        assert_eq!(dump(&stage.database(), &["device"]), before, "{name} changed something");
        stage.check_neighbour(&mut neighbour).await;
    }
    findings.end();
}

/// Everything that comes back, up to the answer to a ping or to the end.
async fn hear(socket: &mut Socket) -> String {
    socket.send(&ClientFrame::Ping).await;
    let mut heard = Vec::new();
    loop {
        match socket.next().await {
            Next::Frame(ServerFrame::Pong) => break,
            Next::Frame(ServerFrame::Verdict(verdict)) => {
                let value = serde_json::to_value(&verdict).unwrap();
                let code = value["code"].as_str().map(|code| format!(" {code}"));
                heard.push(value["outcome"].as_str().unwrap().to_owned() + &code.unwrap_or_default());
            }
            Next::Frame(ServerFrame::Error { request: Some(_), error }) => {
                heard.push(format!("error {}", code(&error)));
            }
            Next::Frame(ServerFrame::Error { request: None, error }) => {
                assert!(error.detail.len() <= 1_024 && !error.detail.contains("canary"), "{}", error.detail);
                heard.push(code(&error));
            }
            Next::Frame(ServerFrame::Welcome(_)) => heard.push("welcome".to_owned()),
            Next::Frame(_) => {}
            Next::Closed(code) => {
                if heard.is_empty() {
                    heard.push("nothing".to_owned());
                }
                heard.push(code.to_string());
                break;
            }
        }
    }
    if heard.is_empty() { "silence".to_owned() } else { heard.join(" ") }
}

/// Writes bytes below the WebSocket. The server may have closed already, which the test sees when it reads.
async fn write_below(socket: &mut Socket, bytes: &[u8]) {
    let MaybeTlsStream::Plain(stream) = socket.stream.get_mut() else { panic!("the stage has no TLS") };
    let _ = stream.write_all(bytes).await;
}
