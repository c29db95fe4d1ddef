//! Devices that write and read: the traffic of the scenarios, against Fil or the relay.
//!
//! All devices of a run are tasks of one thread; when that thread's core is full, the figure is the generator's and not the
//! server's, so its share of a core is measured as well ([`Talk::generator_share`]).
//!
//! Two ways to write: *after the acknowledgement* (a closed loop, finds the saturation) and *on schedule* (an open loop:
//! a message's time runs from the moment at which it was due, so a server that stalls is charged for those who wait,
//! known as coordinated omission). The schedule is kept to the millisecond, which is the resolution of the timer; how late
//! the generator itself was is measured too ([`Talk::late`]).

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use fil_protocol::{ClientFrame, Command, ConversationId, Epoch, Generation, Hello, RawCommand, VersionRange};
use fil_server::clock::now_ms;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::Failure;
use crate::house::{House, message_id};
use crate::percentiles::Percentiles;
use crate::process::Process;
use crate::programs::Program;
use crate::text;
use crate::wire::Wire;

/// Handshakes under way at the same time.
const OPENING_MAX: usize = 128;
/// Time for the first traffic after everybody is connected.
const SETTLE: Duration = Duration::from_millis(200);
/// Silence after which a reader has everything.
const QUIET: Duration = Duration::from_millis(300);
/// How long anything may take before the run says that it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Commands that a device may have under way (`fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX`).
const IN_FLIGHT_MAX: usize = fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX;

/// One device of a run.
#[derive(Clone, Debug)]
pub struct Seat {
    /// What it connects to: the socket of Fil, or a room of the relay.
    pub path: String,
    /// Its access token.
    pub token: String,
    /// Where it writes.
    pub conversation: ConversationId,
    /// Whether it writes.
    pub writes: bool,
}

/// How those who write do it.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// As soon as an acknowledgement makes room: at most this many are under way.
    AfterAcknowledgement(usize),
    /// Each every so often, whatever comes back; the devices are spread over the time.
    Scheduled(Duration),
}

/// One run of traffic.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How devices write.
    pub pace: Pace,
    /// After how many verdicts a device tells the server that it has stored them. Fil's own client: one, when it writes
    /// one at a time.
    pub acknowledge_every: u64,
    /// Traffic before the measurement.
    pub warm_up: Duration,
    /// The measurement.
    pub measured: Duration,
    /// Length of a text.
    pub text_bytes: usize,
}

/// What a run measured.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    /// Seconds of the measurement.
    pub seconds: f64,
    /// Verdicts in the measurement.
    pub acknowledged: u64,
    /// Verdicts in all.
    pub acknowledged_in_all: u64,
    /// Messages that reached another device, in the measurement.
    pub delivered: u64,
    /// The same in all.
    pub delivered_in_all: u64,
    /// From being due to its verdict.
    pub acknowledgement: Percentiles,
    /// From being due to each other device.
    pub delivery: Percentiles,
    /// From being due to the last other device, for messages that reached all.
    pub last_delivery: Percentiles,
    /// From being due to being sent.
    pub late: Percentiles,
    /// Bytes that the devices received after the handshake.
    pub received_bytes: u64,
    /// Bytes that they sent after it.
    pub sent_bytes: u64,
    /// The server's processor time in the measurement.
    pub server_cpu: Duration,
    /// The generator's.
    pub generator_cpu: Duration,
}

impl Talk {
    /// Verdicts per second.
    pub fn acknowledged_per_s(&self) -> f64 {
        self.acknowledged as f64 / self.seconds
    }

    /// Deliveries per second.
    pub fn delivered_per_s(&self) -> f64 {
        self.delivered as f64 / self.seconds
    }

    /// The share of one core that the generator used: near 1 it is the generator that is measured.
    pub fn generator_share(&self) -> f64 {
        self.generator_cpu.as_secs_f64() / self.seconds
    }

    /// Processor time of the server per acknowledged message, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.acknowledged.max(1) as f64
    }
}

/// The seats of a house's people in one conversation, for Fil or for the relay; `writers` of them write.
pub fn seats(
    program: &Program,
    house: &House,
    room: usize,
    conversation: ConversationId,
    people: &[usize],
    writers: usize,
) -> Vec<Seat> {
    let path = if program.is_fil { "/api/v1/socket".to_owned() } else { format!("/room/{room}") };
    let seat = |(index, person): (usize, &usize)| Seat {
        path: path.clone(),
        token: house.token(*person),
        conversation,
        writes: index < writers,
    };
    people.iter().enumerate().map(seat).collect()
}

/// Connects everybody, lets them talk, and gives what was measured. Every message that was sent must be acknowledged and
/// none rejected; otherwise this fails.
pub fn run(program: &Program, seats: &[Seat], plan: Plan) -> Result<Talk, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, talk(program, seats, plan))
}

/// Opens a socket and says hello as a device that has nothing yet. The welcome has come when this returns.
pub async fn open(program: &Program, seat: &Seat) -> Result<Wire, Failure> {
    let mut wire = Wire::open(program.address, &seat.path, &seat.token).await?;
    wire.send(&hello(None, 0, 0)).await?;
    welcomed(&mut wire).await?;
    Ok(wire)
}

/// A hello in a new generation of numbers, from a device that has seen this much.
pub fn hello(epoch: Option<Epoch>, horizon: u64, account_rev: u64) -> String {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    let mut random = [0; 10];
    random[..4].copy_from_slice(&nanos.to_be_bytes());
    ClientFrame::Hello(Hello {
        protocol: VersionRange::OURS,
        client: "fil-load".to_owned(),
        generation: Generation::from_parts(now_ms(), &random),
        epoch,
        horizon,
        account_rev,
        acknowledged: 0,
        stamp: None,
    })
    .encode()
}

/// Waits for the welcome, and gives its length in bytes.
pub async fn welcomed(wire: &mut Wire) -> Result<usize, Failure> {
    let Some(frame) = timeout(PATIENCE, wire.next()).await?? else { return Err("closed before the welcome".into()) };
    let text = wire.text(&frame);
    if text.starts_with("{\"type\":\"welcome\"") {
        Ok(text.len())
    } else {
        Err(format!("instead of a welcome: {text}").into())
    }
}

async fn talk(program: &Program, seats: &[Seat], plan: Plan) -> Result<Talk, Failure> {
    let mut wires = Vec::with_capacity(seats.len());
    for chunk in seats.chunks(OPENING_MAX) {
        let opening = chunk.iter().map(|seat| open(program, seat));
        for wire in futures_util::future::join_all(opening).await {
            wires.push(wire?);
        }
    }
    let origin = Instant::now() + SETTLE;
    let measure_from = origin + plan.warm_up;
    let until = measure_from + plan.measured;
    let writers = seats.iter().filter(|seat| seat.writes).count();
    let last = Rc::new(RefCell::new(LastDeliveries::default()));
    let mut tasks = Vec::with_capacity(wires.len());
    let mut writer = 0;
    for (number, (wire, seat)) in wires.into_iter().zip(seats).enumerate() {
        let device = Device {
            received_before: wire.received_bytes,
            sent_before: wire.sent_bytes,
            wire,
            number: number as u32,
            conversation: seat.conversation,
            plan,
            origin,
            measure_from,
            until,
            next_due: seat.writes.then(|| origin + phase(plan.pace, writer, writers)),
            last_no: 0,
            under_way: VecDeque::new(),
            talk: Talk::default(),
            last: Rc::clone(&last),
        };
        writer += u32::from(seat.writes);
        tasks.push(tokio::task::spawn_local(device.converse()));
    }
    sleep_until(measure_from).await;
    let began = Instant::now();
    let (server, generator) = (program.process().cpu()?, Process::current().cpu()?);
    sleep_until(until).await;
    let mut talk = Talk {
        seconds: began.elapsed().as_secs_f64(),
        server_cpu: program.process().cpu()?.saturating_sub(server),
        generator_cpu: Process::current().cpu()?.saturating_sub(generator),
        ..Talk::default()
    };
    for task in tasks {
        let one = task.await??;
        talk.acknowledged += one.acknowledged;
        talk.acknowledged_in_all += one.acknowledged_in_all;
        talk.delivered += one.delivered;
        talk.delivered_in_all += one.delivered_in_all;
        talk.received_bytes += one.received_bytes;
        talk.sent_bytes += one.sent_bytes;
        talk.acknowledgement.merge(&one.acknowledgement);
        talk.delivery.merge(&one.delivery);
        talk.late.merge(&one.late);
    }
    talk.last_delivery = last.borrow().percentiles(origin, measure_from);
    Ok(talk)
}

fn phase(pace: Pace, writer: u32, writers: usize) -> Duration {
    match pace {
        Pace::AfterAcknowledgement(_) => Duration::ZERO,
        Pace::Scheduled(every) => every * writer / (writers.max(1) as u32),
    }
}

/// For every message the moment at which the newest of its receivers got it, and how many did.
#[derive(Debug, Default)]
struct LastDeliveries(HashMap<(u64, u32), (Instant, u32)>);

impl LastDeliveries {
    fn percentiles(&self, origin: Instant, from: Instant) -> Percentiles {
        let receivers = self.0.values().map(|(_, count)| *count).max().unwrap_or(0);
        let mut percentiles = Percentiles::default();
        for ((due_ns, _), (at, count)) in &self.0 {
            let due = origin + Duration::from_nanos(*due_ns);
            if due >= from && *count == receivers {
                percentiles.add(at.saturating_duration_since(due));
            }
        }
        percentiles
    }
}

struct Device {
    wire: Wire,
    received_before: u64,
    sent_before: u64,
    number: u32,
    conversation: ConversationId,
    plan: Plan,
    /// The moment that stamps count from.
    origin: Instant,
    measure_from: Instant,
    until: Instant,
    /// When the next message is due; none for a device that does not write.
    next_due: Option<Instant>,
    last_no: u64,
    /// When the messages without verdicts were due, oldest first.
    under_way: VecDeque<Instant>,
    talk: Talk,
    last: Rc<RefCell<LastDeliveries>>,
}

impl Device {
    async fn converse(mut self) -> Result<Talk, Failure> {
        sleep_until(self.origin).await;
        while Instant::now() < self.until {
            self.write_what_is_due();
            if self.wire.has_queued() {
                self.wire.flush().await?;
            }
            let wake = self.next_wake().unwrap_or(self.until).min(self.until);
            match timeout_at(wake, self.wire.next()).await {
                Ok(frame) => self.take(frame?)?,
                Err(_) => continue,
            }
            while let Some(frame) = self.wire.ready()? {
                self.take(Some(frame))?;
            }
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout(QUIET, self.wire.next()).await {
                Ok(frame) => self.take(frame?)?,
                Err(_) if self.under_way.is_empty() => break,
                Err(_) if Instant::now() > deadline => {
                    return Err(format!("{} messages were never acknowledged", self.under_way.len()).into());
                }
                Err(_) => {}
            }
        }
        self.talk.received_bytes = self.wire.received_bytes - self.received_before;
        self.talk.sent_bytes = self.wire.sent_bytes - self.sent_before;
        Ok(self.talk)
    }

    /// When a message is due that may be sent; none if an acknowledgement has to come first.
    fn next_wake(&self) -> Option<Instant> {
        match self.plan.pace {
            Pace::AfterAcknowledgement(_) => None,
            Pace::Scheduled(_) => self.next_due.filter(|_| self.under_way.len() < IN_FLIGHT_MAX),
        }
    }

    fn write_what_is_due(&mut self) {
        let Some(mut due) = self.next_due else { return };
        match self.plan.pace {
            Pace::AfterAcknowledgement(window) => {
                while self.under_way.len() < window.min(IN_FLIGHT_MAX) {
                    self.write(Instant::now());
                }
            }
            Pace::Scheduled(every) => {
                let now = Instant::now();
                while due <= now && self.under_way.len() < IN_FLIGHT_MAX {
                    self.write(due);
                    if due >= self.measure_from {
                        self.talk.late.add(now - due);
                    }
                    due += every;
                }
                self.next_due = Some(due);
            }
        }
    }

    fn write(&mut self, due: Instant) {
        self.last_no += 1;
        let due_ns = due.saturating_duration_since(self.origin).as_nanos() as u64;
        let command = Command::SendMessage {
            conversation: self.conversation,
            message: message_id(self.number, self.last_no),
            text: text::stamped(due_ns, self.number, self.plan.text_bytes),
            composed_at_ms: now_ms(),
        };
        let frame = ClientFrame::Command { no: self.last_no, command: RawCommand::Known(command) };
        self.wire.queue(&frame.encode());
        self.under_way.push_back(due);
    }

    fn take(&mut self, frame: Option<crate::wire::Text>) -> Result<(), Failure> {
        let frame = frame.ok_or("the server closed the connection")?;
        let text = self.wire.text(&frame);
        let now = Instant::now();
        if let Some(rest) = text.strip_prefix("{\"type\":\"verdict\",\"no\":") {
            if !rest.contains("\"applied\"") {
                return Err(format!("a message was rejected: {text}").into());
            }
            let no = self.last_no;
            return self.acknowledged(now, no);
        }
        let pushed = text.starts_with("{\"type\":\"event\"") || text.starts_with("{\"type\":\"command\"");
        if pushed && let Some((due_ns, author)) = text::stamp(text) {
            if author != self.number {
                self.delivered(now, due_ns, author);
            }
        } else if text.starts_with("{\"type\":\"error\"") {
            return Err(format!("the server said {text}").into());
        }
        Ok(())
    }

    fn acknowledged(&mut self, now: Instant, last_no: u64) -> Result<(), Failure> {
        let due = self.under_way.pop_front().ok_or("a verdict for nothing")?;
        self.talk.acknowledged_in_all += 1;
        if now >= self.measure_from && now < self.until {
            self.talk.acknowledged += 1;
        }
        if due >= self.measure_from {
            self.talk.acknowledgement.add(now - due);
        }
        let stored = last_no - self.under_way.len() as u64;
        if stored.is_multiple_of(self.plan.acknowledge_every) {
            self.wire.queue(&ClientFrame::Acknowledge { no: stored }.encode());
        }
        Ok(())
    }

    fn delivered(&mut self, now: Instant, due_ns: u64, author: u32) {
        let due = self.origin + Duration::from_nanos(due_ns);
        self.talk.delivered_in_all += 1;
        if now >= self.measure_from && now < self.until {
            self.talk.delivered += 1;
        }
        if due >= self.measure_from {
            self.talk.delivery.add(now.saturating_duration_since(due));
            let mut last = self.last.borrow_mut();
            let entry = last.0.entry((due_ns, author)).or_insert((now, 0));
            *entry = (now, entry.1 + 1);
        }
    }
}
