//! A flood: devices that send far too much and come back whenever they are ended, and a neighbour who just writes.
//!
//! The server has its own limits for frames, as it is shipped: each flooder has a burst, is then slowed down to fifty frames
//! a second, and is ended after eighty seconds of that, which is longer than this lasts. Two people write to each other on schedule, within those
//! limits; times run from the moment at which a message was due. The baseline is the same two on the same server without a
//! flood. The flooders have a thread of their own, so the neighbour does not wait for them in the generator.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use fil_protocol::{ClientFrame, Command, ConversationId, RawCommand, Stream};
use fil_server::clock::now_ms;
use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::house::{House, message_id};
use crate::programs::Program;
use crate::talk::{self, Pace, Plan, Talk};
use crate::{Baseline, Failure, Figure, Scenario, Stage, text};

/// The scenario.
pub const SCENARIO: Scenario = Scenario {
    name: "flood",
    about: "devices that send far too much: what a neighbour's messages take meanwhile",
    run,
};

/// The limits of frames as they are shipped (`server/src/config.rs`).
const LIMITS: &[&str] = &["limits.frames_per_second=50", "limits.frames_burst=400"];
/// How often each of the two neighbours writes: with the acknowledgements of verdicts two thirds of the limit.
const EVERY: Duration = Duration::from_millis(60);
/// The first flooder; those before it are the neighbours.
const FIRST_FLOODER: usize = 2;

/// What there is too much of.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Frames that are answered at once.
    Pings,
    /// Questions that read from the database.
    Pulls,
    /// Messages, which the node writes.
    Messages,
}

impl Kind {
    const ALL: [(&str, Self); 3] = [("pings", Self::Pings), ("pulls", Self::Pulls), ("messages", Self::Messages)];

    /// The frame with this number of its connection, which is this one of its device's.
    fn frame(self, device: u32, no: u64, all: u64, conversation: ConversationId) -> ClientFrame {
        match self {
            Self::Pings => ClientFrame::Ping,
            Self::Pulls => ClientFrame::Pull {
                request: no,
                stream: Stream::Conversation(conversation),
                after: None,
                items_max: None,
            },
            Self::Messages => {
                let (message, text) = (message_id(device, all), text::of(all, text::BYTES));
                let command = Command::SendMessage { conversation, message, text, composed_at_ms: now_ms() };
                ClientFrame::Command { no, command: RawCommand::Known(command) }
            }
        }
    }
}

fn run(stage: &Stage) -> Result<(), Failure> {
    let flooders = stage.sized(2, 8, 16);
    let mut house = House::with(stage, FIRST_FLOODER + flooders)?;
    let people: Vec<usize> = (FIRST_FLOODER..FIRST_FLOODER + flooders).collect();
    let mut seeding = house.seed()?;
    let direct = seeding.directs(&[(0, 1)])?.remove(0);
    let group = seeding.group(&people)?;
    drop(seeding);
    let plan = Plan {
        pace: Pace::Scheduled(EVERY),
        acknowledge_every: 4,
        warm_up: Duration::from_millis(stage.sized(50, 500, 2_000)),
        measured: Duration::from_millis(stage.sized(400, 5_000, 20_000)),
        text_bytes: text::BYTES,
    };
    let fil = Program::fil_with(&house.data(), 0, LIMITS)?;
    let speak = || talk::run(&fil, &talk::seats(&fil, &house, 0, direct, &[0, 1], 2), plan);
    let mut calm = speak()?;
    for (name, kind) in Kind::ALL {
        let tokens: Vec<String> = people.iter().map(|person| house.token(*person)).collect();
        let flood = Flood {
            address: fil.address,
            kind,
            group,
            over: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            ends: AtomicU64::new(0),
        };
        let during = thread::scope(|scope| {
            let flooding = scope.spawn(|| flood.run(&tokens));
            let during = speak();
            flood.over.store(true, Relaxed);
            flooding.join().map_err(|_| "the flood panicked")??;
            during
        })?;
        flood.print(stage, name, &mut calm, during)?;
    }
    Ok(())
}

struct Flood {
    address: SocketAddr,
    kind: Kind,
    group: ConversationId,
    /// The neighbours are done.
    over: AtomicBool,
    /// Frames that sockets took.
    frames: AtomicU64,
    /// Connections that the server ended: with the limits as they are shipped none, in the time of a run.
    ends: AtomicU64,
}

impl Flood {
    /// All flooders on this thread, until it is over.
    fn run(&self, tokens: &[String]) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let flooders = tokens.iter().enumerate().map(|(device, token)| self.drown(device as u32 + 100, token));
        runtime.block_on(join_all(flooders)).into_iter().collect()
    }

    /// One device: it connects, sends until it is ended, and connects again at once.
    async fn drown(&self, device: u32, token: &str) -> Result<(), Failure> {
        let mut all = 0;
        while !self.over.load(Relaxed) {
            let mut request = format!("ws://{}/api/v1/socket", self.address).into_client_request()?;
            request.headers_mut().append("authorization", format!("Bearer {token}").parse()?);
            // A server that does not even shake hands with a flooder is in its right.
            let Ok((socket, _)) = connect_async(request).await else { continue };
            let (mut sink, mut source) = socket.split();
            let writing = async {
                let mut frame = talk::hello(None, 0, 0);
                let mut no = 0;
                while sink.send(Message::text(frame)).await.is_ok() && !self.over.load(Relaxed) {
                    self.frames.fetch_add(1, Relaxed);
                    (no, all) = (no + 1, all + 1);
                    frame = self.kind.frame(device, no, all, self.group).encode();
                    tokio::task::yield_now().await;
                }
            };
            let reading = async { while let Some(Ok(_)) = source.next().await {} };
            tokio::select! {
                () = reading => { self.ends.fetch_add(1, Relaxed); }
                // The server has ended it, which the other half sees, or it is over.
                () = writing => { self.ends.fetch_add(u64::from(!self.over.load(Relaxed)), Relaxed); }
            }
            // The next connection must not be refused for the place of this one.
            let _ = timeout(Duration::from_secs(1), sink.close()).await;
        }
        Ok(())
    }

    fn print(&self, stage: &Stage, name: &str, calm: &mut Talk, mut during: Talk) -> Result<(), Failure> {
        let (frames, ends) = (self.frames.load(Relaxed), self.ends.load(Relaxed));
        if frames == 0 {
            return Err(format!("nobody flooded with {name}").into());
        }
        for percent in [50.0, 99.0] {
            let baseline = Baseline::new("calm", calm.acknowledgement.at_ms(percent)?);
            let value = during.acknowledgement.at_ms(percent)?;
            let figure = Figure::cost(format!("flood.{name}.acknowledgement_p{percent}_ms"), value, "ms", baseline);
            let figure = figure.note("messages", during.acknowledged).note("flooding_frames", frames);
            stage.print(&figure.note("flooders_ended", ends).note("late_p50_ms", during.late.at_ms(50.0)?));
        }
        Ok(())
    }
}
