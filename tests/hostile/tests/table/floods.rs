//! Floods: frames, pings, pulls, sign-ins, connections and messages that are far too many, beside a neighbour who notices
//! nothing (rows 28, 47 and 48 of the failure catalogue; S12, S14 and S18 of the security list).
//!
//! What is asserted is an order of events: the flood goes on, is ended and comes back, and the neighbour's messages are
//! acknowledged meanwhile. How long he waits, beside the same without a flood, is measured by `cargo xtask bench --only
//! flood`, and what memory a flood costs by `tests/hostile/tests/memory.rs`.

use std::time::Duration;

use fil_protocol::{ClientFrame, Command, ConversationId, MessageId, RawCommand, Seq, ServerFrame, Stream};
use fil_server::auth::keys::random;
use fil_server::clock::now_ms;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::stage::{Ask, Next, Socket, Stage, code, hello};

/// Longer than anything here takes; what is waited for comes, or the test fails.
const PATIENCE: Duration = Duration::from_secs(90);

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

/// Messages that the neighbour sends meanwhile.
const NEIGHBOURLY: usize = 16;

/// How far a flood has come. It goes on until the neighbour is done, so it is what the neighbour's messages are compared
/// with, and not a clock.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Frames that the socket took.
    frames: u64,
    /// How its connections ended, each as the last error and the close code.
    ends: Vec<String>,
}

/// S18: whoever sends too much is slowed down, then ended with the documented code, and comes back at once, again and
/// again. Between any two messages of the neighbour the flood has gone on, it was ended before his last, and every one of
/// them is acknowledged.
#[tokio::test]
async fn every_flood_is_ended_and_the_neighbour_is_served_while_it_goes_on() {
    for flood in FLOODS {
        // So slow that every machine sends faster; ten times the burst is what a socket may send too fast.
        let (burst, per_second) = if flood == Flood::LargeFrames { (3, 20) } else { (3, 60) };
        let stage = Stage::with(|config| {
            config.limits.frames_burst = burst;
            config.limits.frames_per_second = per_second;
        })
        .await;
        let mut neighbour = stage.socket_of(&stage.ben).await;
        let (progress, mut seen) = watch::channel(Progress::default());
        let flooding = async {
            while progress.receiver_count() > 0 {
                let flooder = stage.silent(&stage.cleo).await;
                let end = drown(flood, flooder, stage.secret.0, &progress).await;
                progress.send_modify(|progress| progress.ends.push(end));
            }
        };
        let speaking = async {
            for number in 0..NEIGHBOURLY {
                if number + 1 == NEIGHBOURLY {
                    seen.wait_for(|progress| !progress.ends.is_empty()).await.unwrap();
                }
                let before = seen.borrow_and_update().frames;
                assert_eq!(speak(&stage, &mut neighbour).await, "applied", "{flood:?}");
                seen.wait_for(|progress| progress.frames > before).await.unwrap();
            }
            let progress = seen.borrow_and_update().clone();
            drop(seen);
            progress
        };
        let speaking = tokio::time::timeout(PATIENCE, speaking);
        let (progress, ()) = tokio::join!(speaking, flooding);
        let progress = progress.expect("the neighbour is served");
        assert!(progress.ends.iter().all(|end| end == "rate_limited 4429"), "{flood:?}: {progress:?}");
        println!("{flood:?}: {} frames on {} connections", progress.frames, progress.ends.len() + 1);
        stage.check_neighbour(&mut neighbour).await;
    }
}

/// The neighbour writes, and waits for the verdict.
async fn speak(stage: &Stage, neighbour: &mut Socket) -> String {
    let message = MessageId::from_parts(now_ms(), &random().unwrap());
    let (text, composed_at_ms) = ("good evening".to_owned(), now_ms());
    neighbour.run(Command::SendMessage { conversation: stage.group, message, text, composed_at_ms }).await
}

/// Says hello and floods until the server ends it, or nobody watches any more. How it ended.
async fn drown(flood: Flood, mut socket: Socket, group: ConversationId, progress: &watch::Sender<Progress>) -> String {
    let large = "x".repeat(16 * 1024);
    let frame = |no: u64| -> Message {
        let command = |text: &str| {
            let message = MessageId::from_parts(now_ms(), &random().unwrap());
            let command =
                Command::SendMessage { conversation: group, message, text: text.to_owned(), composed_at_ms: 1 };
            ClientFrame::Command { no, command: RawCommand::Known(command) }
        };
        let frame = match flood {
            Flood::Pings => ClientFrame::Ping,
            Flood::ControlPings => return Message::Ping(vec![7; 125].into()),
            Flood::ControlPongs => return Message::Pong(vec![7; 125].into()),
            Flood::Pulls => {
                ClientFrame::Pull { request: no, stream: Stream::Conversation(group), after: None, items_max: None }
            }
            Flood::Reads => ClientFrame::Read { conversation: group, seq: Seq(no) },
            Flood::Messages => command(&large),
            Flood::Rejections => command(""),
            Flood::LargeFrames => {
                let text = format!("{{\"type\":\"ping\",\"x\":\"{}\"}}", "a".repeat(250 * 1024));
                return Message::Text(text.into());
            }
        };
        Message::Text(frame.encode().into())
    };
    socket.send(&ClientFrame::Hello(hello())).await;
    let (mut sink, mut source) = (&mut socket.stream).split();
    // Sixty times the limit: what goes beyond that only fills the buffers of the operating system, and takes the processor
    // from everybody who tests beside this.
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let writing = async {
        let mut no = 0;
        loop {
            no += 1;
            if no % 4 == 0 {
                pace.tick().await;
            }
            if sink.send(frame(no)).await.is_err() {
                // The server has ended it, which is what is being read.
                return std::future::pending().await;
            }
            progress.send_modify(|progress| progress.frames += 1);
        }
    };
    // Both ways at once: a flooder that does not read is another case, with a limit of its own (rows 9 and 48).
    let reading = async {
        let mut last = String::from("nothing");
        while let Some(Ok(message)) = source.next().await {
            match message {
                Message::Text(text) => {
                    if let Ok(ServerFrame::Error { request: None, error }) = ServerFrame::decode(&text) {
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
    tokio::select! {
        end = reading => end,
        () = writing => "never".to_owned(),
        () = progress.closed() => "the neighbour is done".to_owned(),
    }
}

/// Sign-ins of one flood.
const SIGN_INS: usize = 200;

/// S12 and S14: two hundred sign-ins at once are refused with a time to come back, but for the burst, and nobody else
/// waits for them.
#[tokio::test]
async fn a_flood_of_sign_ins_is_refused_but_for_the_burst() {
    let stage = Stage::with(|config| {
        config.limits.sign_in_burst = 20;
        config.limits.sign_in_per_minute = 1;
    })
    .await;
    let mut neighbour = stage.socket_of(&stage.ben).await;
    let body = r#"{"organisation":"demo","handle":"cleo","password":"wrong password","device_name":"x"}"#;
    let asks = (0..SIGN_INS).map(|_| async { stage.ask(&Ask::post("/api/v1/sessions", body)).await });
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

/// S15: two hundred connections from one address take its places and nobody's else; once they are gone there is room.
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
