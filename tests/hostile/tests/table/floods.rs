//! Floods: frames, pings, pulls, sign-ins, connections and messages that are far too many, beside a neighbour who notices
//! nothing (rows 28, 47 and 48 of the failure catalogue; S12, S14 and S18 of the security list).
//!
//! What is asserted is logical: the flooder is slowed down or ended while the neighbour's messages are acknowledged. How
//! long the neighbour waits is measured and printed beside the same figure without a flood.

use std::time::{Duration, Instant};

use fil_protocol::{ClientFrame, Command, MessageId, Stream};
use fil_server::auth::keys::random;
use fil_server::clock::now_ms;
use tokio_tungstenite::tungstenite::Message;

use crate::stage::{Ask, Next, Socket, Stage, code};

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flood {
    /// Frames that are answered at once.
    Pings,
    /// Pings of the WebSocket protocol, below the frames.
    ControlPings,
    /// Pongs that nobody asked for.
    ControlPongs,
    /// Questions that read from the database.
    Pulls,
    /// Read positions.
    Reads,
    /// Messages, as fast as the socket takes them, of the largest size.
    Messages,
    /// Commands that are rejected.
    Rejections,
    /// Frames of the largest size.
    LargeFrames,
}

const FLOODS: [Flood; 8] = [
    Flood::Pings,
    Flood::ControlPings,
    Flood::ControlPongs,
    Flood::Pulls,
    Flood::Reads,
    Flood::Messages,
    Flood::Rejections,
    Flood::LargeFrames,
];

/// Floods of requests: sign-ins, requests, connections.
const REQUESTS: usize = 3;

/// The door's name and the number of its cases.
pub(crate) fn count() -> (&'static str, usize) {
    ("floods", FLOODS.len() + REQUESTS)
}

/// Frames that one flood has at most: many times what the limit below lets through.
const FRAMES: u64 = 4_000;
/// Messages that the neighbour sends meanwhile.
const NEIGHBOURLY: usize = 20;

/// S18: whoever sends too much is ended with the documented code, and may come back when it says; the neighbour's messages
/// are all acknowledged before the flood is over.
#[tokio::test]
async fn every_flood_is_ended_and_the_neighbour_is_served_meanwhile() {
    for flood in FLOODS {
        let stage = Stage::with(|config| {
            config.limits.frames_burst = 20;
            config.limits.frames_per_second = 400;
        })
        .await;
        let mut neighbour = stage.socket_of(&stage.ben).await;
        let calm = speak(&stage, &mut neighbour).await;
        let flooder = stage.socket_of(&stage.cleo).await;
        let group = stage.secret.0;
        let flooding = tokio::spawn(drown(flood, flooder, group));
        let during = speak(&stage, &mut neighbour).await;
        let end = flooding.await.unwrap();
        assert_eq!(end, "rate_limited 4429", "{flood:?}");
        let ratio = during.as_secs_f64() / calm.as_secs_f64();
        println!("{flood:?}: a neighbour's message {during:?}, {calm:?} without the flood, {ratio:.1} times");
        // A device that came back begins where its bucket stands, and its neighbours are as before.
        neighbour.ping().await;
    }
}

/// The neighbour writes; the median of how long an acknowledgement takes.
async fn speak(stage: &Stage, neighbour: &mut Socket) -> Duration {
    let mut took = Vec::new();
    for _ in 0..NEIGHBOURLY {
        let message = MessageId::from_parts(now_ms(), &random().unwrap());
        let text = "good evening".to_owned();
        let command = Command::SendMessage { conversation: stage.group, message, text, composed_at_ms: now_ms() };
        let began = Instant::now();
        assert_eq!(neighbour.run(command).await, "applied");
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took[took.len() / 2]
}

async fn drown(flood: Flood, mut socket: Socket, group: fil_protocol::ConversationId) -> String {
    use futures_util::{SinkExt, StreamExt};
    let large = "x".repeat(16 * 1024);
    let frame = |no: u64| -> Message {
        let command = |text: &str| {
            let message = MessageId::from_parts(now_ms(), &random().unwrap());
            let command =
                Command::SendMessage { conversation: group, message, text: text.to_owned(), composed_at_ms: 1 };
            ClientFrame::Command { no, command: fil_protocol::RawCommand::Known(command) }
        };
        let frame = match flood {
            Flood::Pings => ClientFrame::Ping,
            Flood::ControlPings => return Message::Ping(vec![7; 125].into()),
            Flood::ControlPongs => return Message::Pong(vec![7; 125].into()),
            Flood::Pulls => ClientFrame::Pull { request: no, stream: Stream::Conversation(group), after: None },
            Flood::Reads => ClientFrame::Read { conversation: group, seq: fil_protocol::Seq(no) },
            Flood::Messages => command(&large),
            Flood::Rejections => command(""),
            Flood::LargeFrames => {
                let text = format!("{{\"type\":\"ping\",\"x\":\"{}\"}}", "a".repeat(250 * 1024));
                return Message::Text(text.into());
            }
        };
        Message::Text(frame.encode().into())
    };
    let (mut sink, mut source) = (&mut socket.stream).split();
    let writing = async {
        for no in 1..=FRAMES {
            if sink.send(frame(no)).await.is_err() {
                return;
            }
        }
    };
    // Both ways at once: a flooder that does not read is another case, with a limit of its own (rows 9 and 48).
    let reading = async {
        let mut last = String::from("nothing");
        while let Some(Ok(message)) = source.next().await {
            match message {
                Message::Text(text) => {
                    if let Ok(fil_protocol::ServerFrame::Error { request: None, error }) =
                        fil_protocol::ServerFrame::decode(&text)
                    {
                        assert!(error.retry_after_ms.is_some(), "{error:?}");
                        last = code(&error);
                    }
                }
                Message::Close(Some(close)) => return format!("{last} {}", u16::from(close.code)),
                _ => {}
            }
        }
        format!("{last} without a close")
    };
    let (end, ()) = tokio::join!(reading, writing);
    end
}

/// S12 and S14: five hundred sign-ins at once are refused with a time to come back, hold no more memory than one hash at
/// a time, and nobody else waits for them.
#[tokio::test]
async fn a_flood_of_sign_ins_is_refused_and_holds_no_memory() {
    let stage = Stage::with(|config| {
        config.limits.sign_in_burst = 20;
        config.limits.sign_in_per_minute = 1;
    })
    .await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let before = crate::bodies::resident_kib();
    let body = r#"{"organisation":"demo","handle":"cleo","password":"wrong password","device_name":"x"}"#;
    let asks = (0..200).map(|_| async { stage.ask(&Ask::post("/api/v1/sessions", body)).await });
    let answers = tokio::join!(futures_util::future::join_all(asks), neighbour.ping()).0;
    let (mut wrong, mut limited) = (0, 0);
    for answer in answers {
        match answer.refusal().as_str() {
            "401 unauthorised" => wrong += 1,
            "429 rate_limited" => {
                assert!(answer.headers.contains_key("retry-after"));
                limited += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(wrong <= 20 && limited >= 180, "{wrong} were looked at, {limited} were limited");
    let grown = crate::bodies::resident_kib().saturating_sub(before);
    // One hash takes 19 MiB here; two hundred at once would take 3.7 GiB.
    assert!(grown < 256 * 1024, "the memory grew by {grown} KiB");
    stage.check_neighbour(&mut neighbour).await;
}

/// S14: an account that asks too much over HTTP is refused alone.
#[tokio::test]
async fn a_flood_of_requests_is_refused_for_its_account_alone() {
    let stage = Stage::with(|config| {
        config.limits.requests_burst = 10;
        config.limits.requests_per_second = 1;
    })
    .await;
    let ask = Ask::get("/api/v1/search?query=vault").bearer(&stage.cleo.access_token);
    let mut limited = 0;
    for _ in 0..200 {
        let answer = stage.ask(&ask).await;
        if answer.status != 200 {
            assert_eq!(answer.refusal(), "429 rate_limited");
            assert!(answer.headers.contains_key("retry-after"));
            limited += 1;
        }
    }
    assert!(limited >= 150, "{limited}");
    assert_eq!(stage.get(&stage.ben, "/api/v1/me").await.status, 200);
}

/// S15: a thousand connections from one address take its places and nobody's else; once they are gone there is room.
#[tokio::test]
async fn a_flood_of_connections_takes_only_the_places_of_its_address() {
    let stage = Stage::with(|config| config.limits.connections_per_address_max = 24).await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(tokio::net::TcpStream::connect(stage.running.address()).await.unwrap());
    }
    // Those beyond the limit are closed at once, without a word; the neighbour's socket is as it was.
    let mut closed = 0;
    for stream in &mut held {
        let mut byte = [0; 1];
        let reading = tokio::io::AsyncReadExt::read(stream, &mut byte);
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(Duration::from_millis(2), reading).await {
            closed += 1;
        }
    }
    assert!(closed >= 176, "{closed} were closed");
    neighbour.ping().await;
    drop(held);
    // The places come back: this connects anew, and is answered, once the server has noticed.
    let answered = async {
        loop {
            let mut socket = match tokio::net::TcpStream::connect(stage.running.address()).await {
                Ok(socket) => socket,
                Err(_) => continue,
            };
            let head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let mut answer = Vec::new();
            if tokio::io::AsyncWriteExt::write_all(&mut socket, head).await.is_ok()
                && tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut answer).await.is_ok()
                && answer.starts_with(b"HTTP/1.1 200")
            {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), answered).await.expect("the places come back");
    while let Next::Frame(_) = neighbour.next().await {
        // Only what came before the goodbye.
        neighbour.send_raw(Message::Close(None)).await;
    }
}
