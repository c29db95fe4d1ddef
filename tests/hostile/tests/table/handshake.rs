//! The front door below the protocol: heads of requests, upgrades, origins, addresses, and clients that take their time
//! (rows 46 and 48 of the failure catalogue; S1, S2, S4, S5 and S15 of the security list).

use std::time::Duration;

use fil_protocol::http::Session;
use fil_protocol::{ClientFrame, ServerFrame};
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;

use crate::stage::{Ask, Findings, Next, PASSWORD, Socket, Stage, bytes, code, dump, hello};

/// Bytes of a request, `TOKEN` standing for Ada's, and the status with the code of the error: below the routes a refusal
/// is a status alone.
const HEADS: &[(&str, &str, &str)] = &[
    ("no request", "\r\n\r\n", ""),
    ("a request of another protocol", "SSH-2.0-OpenSSH_9\r\n\r\n", "400"),
    ("TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\u{1}", "400"),
    ("HTTP/2 without being asked", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    ("no version", "GET /api/v1/server\r\n\r\n", "400"),
    ("version 9", "GET /api/v1/server HTTP/9.9\r\nhost: x\r\n\r\n", "400"),
    ("spaces in the path", "GET /api /v1 HTTP/1.1\r\nhost: x\r\n\r\n", "400"),
    ("NUL in the path", "GET /api/\0 HTTP/1.1\r\nhost: x\r\n\r\n", "400"),
    ("a line break in the path", "GET /api\r/v1 HTTP/1.1\r\nhost: x\r\n\r\n", "400"),
    ("a method with a colon", "G:T / HTTP/1.1\r\nhost: x\r\n\r\n", "400"),
    ("NUL in a header", "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n", "400"),
    ("a header without a name", "GET /api/v1/me HTTP/1.1\r\n: x\r\n\r\n", "400"),
    ("a space before the colon", "GET /api/v1/me HTTP/1.1\r\nhost : x\r\n\r\n", "400"),
    ("a folded header", "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\n\r\n", "400"),
    ("a length that is none", "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n", "400"),
    ("a negative length", "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", "400"),
    ("a length with a plus", "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\nx", "400"),
    (
        "two lengths",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "400",
    ),
    (
        "a length beyond all",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "400",
    ),
    (
        "a length of 16 EiB",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 18446744073709551613\r\n\r\n",
        "413 too_large",
    ),
    (
        "chunks and a length",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "400 malformed",
    ),
    (
        "a transfer that nobody knows",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: zip\r\n\r\n",
        "400",
    ),
    (
        "chunks last but not least",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n",
        "400",
    ),
    (
        "a chunk whose size is no number",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "400 malformed",
    ),
    (
        "a chunk of 16 EiB",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "400 malformed",
    ),
    (
        "a body that breaks off",
        "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"ha\r\n",
        "400 malformed",
    ),
    (
        "no upgrade",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer TOKEN\r\n\r\n",
        "400 malformed",
    ),
    (
        "an upgrade without a key",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nauthorization: Bearer TOKEN\r\n\r\n",
        "400 malformed",
    ),
    (
        "an upgrade of an old version",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer TOKEN\r\n\r\n",
        "400 malformed",
    ),
    (
        "an upgrade to something else",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer TOKEN\r\n\r\n",
        "400 malformed",
    ),
    (
        "an upgrade by POST",
        "POST /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer TOKEN\r\n\r\n",
        "405 unsupported",
    ),
    (
        "a token in the address",
        "GET /api/v1/socket?token=TOKEN&access_token=TOKEN HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "401 unauthorised",
    ),
    (
        "a token in a cookie",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncookie: token=TOKEN; access_token=TOKEN\r\n\r\n",
        "401 unauthorised",
    ),
    (
        "a token as a protocol",
        "GET /api/v1/socket HTTP/1.1\r\nhost: x\r\nconnection: close\r\nsec-websocket-protocol: bearer, TOKEN\r\n\r\n",
        "401 unauthorised",
    ),
    (
        "a token of another scheme",
        "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic TOKEN\r\n\r\n",
        "401 unauthorised",
    ),
    (
        "a token in bytes",
        "GET /api/v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \u{e9}\u{e9}\r\n\r\n",
        "401 unauthorised",
    ),
];

/// Web pages that may not open a socket.
const ORIGINS: &[&str] = &[
    "",
    "null",
    "file://",
    "http://localhost",
    "https://localhost",
    "tauri://localhost.thief.example",
    "tauri://localhost:1",
    "tauri://LOCALHOST",
    "tauri://localhost/",
    "https://tauri.localhost.thief.example",
    "https://thief.example#tauri://localhost",
    "https://thief.example, tauri://localhost",
    "chrome-extension://abcdefgh",
    "https://xn--tauri.localhost",
];

/// Addresses that a proxy did not write.
const FORWARDED: &[&[u8]] = &[
    b"nonsense",
    b"",
    b"127.0.0.1",
    b"::1",
    b"192.0.2.1, 192.0.2.2",
    b"192.0.2.1:80",
    b"\xff\xfe",
    b"999.999.999.999",
    &[b','; 4_000],
];

/// Connections that take their time, and where the limit stands that ends them.
#[derive(Clone, Copy, Debug)]
enum Dribble {
    /// Connected, and not a byte.
    Silence,
    /// The head of a request, and no end of it.
    Head,
    /// A head that never ends, byte by byte.
    HeadByteByByte,
    /// A body that was announced.
    Body,
    /// A body in chunks, byte by byte.
    BodyByteByByte,
    /// A socket without a hello.
    Hello,
    /// A hello that never ends, byte by byte.
    HelloByteByByte,
    /// A socket that only pings below the frames.
    Pings,
}

const DRIBBLES: [Dribble; 8] = [
    Dribble::Silence,
    Dribble::Head,
    Dribble::HeadByteByByte,
    Dribble::Body,
    Dribble::BodyByteByByte,
    Dribble::Hello,
    Dribble::HelloByteByByte,
    Dribble::Pings,
];

/// How many of a kind come at the same time.
const AT_ONCE: usize = 6;
/// The time from one byte to the next of those who send one at a time.
const PACE: Duration = Duration::from_millis(10);

/// Heads that are larger than any honest one.
const LARGE: usize = 3;

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("handshakes", HEADS.len() + ORIGINS.len() + FORWARDED.len() + DRIBBLES.len() + LARGE)
}

/// The status, and the code if there is an error object.
fn outcome(answer: &str) -> String {
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    match answer.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str(body).ok()) {
        Some(error) => format!("{status} {}", code(&error)),
        None => status,
    }
}

#[tokio::test]
async fn every_broken_head_is_refused_and_its_connection_closed() {
    let stage = Stage::with(|config| config.limits.header_timeout_ms = 300).await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = dump(&stage.database(), &[]);
    let mut findings = Findings::default();
    for (name, head, expected) in HEADS {
        let answer = stage.raw(head.replace("TOKEN", &stage.ada.access_token).as_bytes()).await;
        findings.check(outcome(&answer), expected, name);
        assert!(!answer.contains(&stage.ada.access_token), "{name} is answered with the token");
    }
    let token = &stage.ada.access_token;
    let many = "x: y\r\n".repeat(200);
    for (name, head) in [
        ("200 headers", format!("GET /api/v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{many}\r\n")),
        ("a header of 64 KiB", format!("GET /api/v1/me HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(65_536))),
        ("a path of 64 KiB", format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(65_536))),
    ] {
        findings.check(outcome(&stage.raw(head.as_bytes()).await), "431", name);
    }
    stage.check_neighbour(&mut neighbour).await;
    assert_eq!(dump(&stage.database(), &[]), before);
    findings.end();
}

#[tokio::test]
async fn every_foreign_page_and_every_forged_address_is_seen_through() {
    let stage = Stage::with(|config| {
        config.limits.sign_in_burst = 10;
        config.limits.sign_in_per_minute = 1;
    })
    .await;
    let bearer = format!("Bearer {}", stage.ada.access_token);
    let mut findings = Findings::default();
    for origin in ORIGINS {
        let opened = stage.open(&[("Authorization", &bearer), ("Origin", origin)]).await;
        let got = opened.map_or_else(|(status, error)| format!("{status} {}", code(&error)), |_| "open".to_owned());
        findings.check(got, "403 forbidden", origin);
    }
    findings.end();
    // S4: whatever address is claimed, the attempts are counted as the peer's. Some of ten are left after the stage's own.
    let mut statuses = Vec::new();
    for forwarded in FORWARDED.iter().cycle().take(2 * FORWARDED.len()) {
        let body = r#"{"organisation":"demo","handle":"zoe","password":"wrong password","device_name":"x"}"#;
        let ask = Ask::post("/api/v1/sessions", body).with("x-forwarded-for", *forwarded);
        statuses.push(stage.ask(&ask.with("x-real-ip", "192.0.2.9").with("forwarded", "for=192.0.2.9")).await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    assert!(statuses.contains(&401) && statuses.is_sorted(), "{statuses:?}");
}

/// S15: the limits are those of the configuration, small here; what is asserted is that the server ends it, with the
/// documented answer, not when.
#[tokio::test]
async fn every_client_that_takes_its_time_loses_its_place() {
    let stage = Stage::with(|config| {
        config.limits.header_timeout_ms = 200;
        config.limits.body_timeout_ms = 200;
        config.limits.hello_timeout_ms = 200;
        // Enough for the neighbour, the stage's own connections and one kind: a place that is not given back is seen.
        config.limits.connections_per_address_max = 16;
    })
    .await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let devices = devices(&stage).await;
    let mut findings = Findings::default();
    for dribble in DRIBBLES {
        let expected = match dribble {
            Dribble::Silence | Dribble::Head | Dribble::HeadByteByByte => "closed",
            Dribble::Body | Dribble::BodyByteByByte => "408 malformed",
            Dribble::Hello | Dribble::HelloByteByByte | Dribble::Pings => "malformed 4400",
        };
        for end in join_all(devices.iter().map(|device| end_of(&stage, device, dribble))).await {
            findings.check(end, expected, format!("{dribble:?}"));
        }
        stage.check_neighbour(&mut neighbour).await;
    }
    findings.end();
}

/// Devices of Ada's: a device has one socket at a time.
async fn devices(stage: &Stage) -> Vec<Session> {
    let who = json!({ "organisation": "demo", "handle": "ada", "password": PASSWORD, "device_name": "slow" });
    let mut devices = Vec::new();
    for _ in 0..AT_ONCE {
        let answer = stage.ask(&Ask::post("/api/v1/sessions", bytes(&who))).await;
        devices.push(serde_json::from_str(&answer.text).unwrap());
    }
    devices
}

async fn end_of(stage: &Stage, device: &Session, dribble: Dribble) -> String {
    let body = "POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let (start, drip) = match dribble {
        Dribble::Silence => (String::new(), ""),
        Dribble::Head => ("GET /healthz HTTP/1.1\r\nhost: x\r\nx-drip".to_owned(), ""),
        Dribble::HeadByteByByte => ("GET /healthz HTTP/1.1\r\nx-drip: ".to_owned(), "a"),
        Dribble::Body => (format!("{body}content-length: 99\r\n\r\n{{"), ""),
        Dribble::BodyByteByByte => (format!("{body}transfer-encoding: chunked\r\n\r\n"), "1\r\n \r\n"),
        Dribble::Hello | Dribble::HelloByteByByte | Dribble::Pings => {
            let mut socket = stage.silent(device).await;
            if let Dribble::HelloByteByByte = dribble {
                return drip_hello(socket).await;
            }
            if let Dribble::Pings = dribble {
                for _ in 0..100 {
                    socket.send_raw(tokio_tungstenite::tungstenite::Message::Ping(vec![1; 125].into())).await;
                }
            }
            return socket.end().await;
        }
    };
    let mut stream = TcpStream::connect(stage.running.address()).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let mut buffer = [0; 512];
    let mut pace = tokio::time::interval(PACE);
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(count) if count > 0 => answer.extend_from_slice(&buffer[..count]),
                _ => break,
            },
            _ = pace.tick(), if !drip.is_empty() => {
                // The server may be gone already, which the reading side sees.
                let _ = writer.write_all(drip.as_bytes()).await;
            }
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let got = outcome(&answer);
    if got.is_empty() || got == "408" { "closed".to_owned() } else { got }
}

/// Bytes of a hello that are sent one by one: in the eight seconds of that it has to be ended by the limit of the
/// configuration, which is forty times shorter, because after ten the node would end it by itself.
const DRIPPED: usize = 800;

/// A long text frame with a right hello at its beginning and blanks behind it. How it ended.
async fn drip_hello(mut socket: Socket) -> String {
    let text = ClientFrame::Hello(hello()).encode();
    let head = [&[0x81, 0xfe][..], &u16::MAX.to_be_bytes(), &[0; 4]].concat();
    let mut last = "nothing".to_owned();
    for byte in head.into_iter().chain(text.into_bytes()).chain([b' '; DRIPPED]).take(DRIPPED) {
        let MaybeTlsStream::Plain(stream) = socket.stream.get_mut() else { panic!("the stage has no TLS") };
        // The server may be gone already, which the reading side sees.
        let _ = stream.write_all(&[byte]).await;
        match tokio::time::timeout(PACE, socket.next()).await {
            Ok(Next::Frame(ServerFrame::Error { error, .. })) => last = code(&error),
            Ok(Next::Frame(_)) => {}
            Ok(Next::Closed(close)) => return format!("{last} {close}"),
            Err(_) => {}
        }
    }
    format!("{last}, and heard to the end")
}
