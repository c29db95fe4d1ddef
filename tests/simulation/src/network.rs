//! The network: frames under way between devices and the server.

use std::collections::BTreeMap;

use fil_protocol::ErrorCode;
use fil_server::node::ConnectionId;

use crate::fault::{Fault, Faults};
use crate::random::Random;

/// Who is to receive something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The device at the other end.
    Device,
    /// The server.
    Server,
}

/// What arrives.
#[derive(Clone, Debug, Hash)]
pub enum Arrival {
    /// The connection is there.
    Opened,
    /// A frame, as text.
    Frame(String),
    /// The connection is gone.
    Closed,
    /// The server answered the attempt with this, instead of opening the connection.
    Refused(ErrorCode),
}

/// One arrival.
#[derive(Clone, Debug, Hash)]
pub struct Delivery {
    /// On which connection.
    pub connection: ConnectionId,
    /// Where.
    pub to: Side,
    /// What.
    pub arrival: Arrival,
}

/// A connection as the network knows it.
#[derive(Clone, Debug)]
struct Line {
    device: usize,
    /// Nothing passes any more, and nobody has been told.
    dead: bool,
    /// Frames of a direction arrive in order unless a fault has it otherwise.
    last_to_server_ms: u64,
    last_to_device_ms: u64,
}

/// Everything under way.
#[derive(Default)]
pub struct Network {
    lines: BTreeMap<ConnectionId, Line>,
    under_way: BTreeMap<(u64, u64), Delivery>,
    last_connection: u64,
    order: u64,
    /// How often each fault of frames has struck.
    pub struck: BTreeMap<Fault, u64>,
}

impl Network {
    /// A device connects: both sides learn of it after a while.
    pub fn open(&mut self, now_ms: u64, device: usize, random: &mut Random) -> ConnectionId {
        self.last_connection += 1;
        let connection = ConnectionId(self.last_connection);
        let at_ms = now_ms + random.between(1, 40);
        let line = Line { device, dead: false, last_to_server_ms: at_ms, last_to_device_ms: at_ms };
        self.lines.insert(connection, line);
        self.put(at_ms, Delivery { connection, to: Side::Server, arrival: Arrival::Opened });
        // The device hears of it only if the server does not refuse.
        self.put(at_ms + 1, Delivery { connection, to: Side::Device, arrival: Arrival::Opened });
        connection
    }

    /// Sends a frame. On a connection that is gone the sender is told so, as a real peer would answer with a reset.
    pub fn send(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        to: Side,
        text: String,
        faults: &Faults,
        random: &mut Random,
    ) {
        let Some(line) = self.lines.get_mut(&connection) else {
            let other = if to == Side::Server { Side::Device } else { Side::Server };
            self.put(now_ms + 1, Delivery { connection, to: other, arrival: Arrival::Closed });
            return;
        };
        if line.dead {
            return;
        }
        // A frame that is lost while its connection lives is more than TCP does to anybody. Pushes are lost to show that
        // heartbeats find them; one that is lost itself is found by nothing but the next change or connection.
        let heartbeat = text.starts_with(r#"{"type":"heartbeat""#);
        if random.permille(faults.get(Fault::Drop)) && !heartbeat {
            self.strike(Fault::Drop);
            return;
        }
        let usual_ms = random.between(1, 20);
        let delay_ms = usual_ms + random.below(faults.get(Fault::Delay) + 1) * random.below(2);
        let last = if to == Side::Server { &mut line.last_to_server_ms } else { &mut line.last_to_device_ms };
        // On a slow line a frame waits for those before it, and takes its time itself.
        let carried_ms = (text.len() as u64 * 1_000).checked_div(faults.get(Fault::SlowLine)).unwrap_or(0);
        let mut at_ms = (now_ms + delay_ms).max(*last + carried_ms);
        let (delayed, slowed) = (delay_ms > usual_ms, carried_ms > 0 && at_ms > now_ms + delay_ms);
        if random.permille(faults.get(Fault::Reorder)) {
            at_ms += random.between(1, 500);
            self.strike(Fault::Reorder);
        } else {
            *last = at_ms;
        }
        if delayed {
            self.strike(Fault::Delay);
        }
        if slowed {
            self.strike(Fault::SlowLine);
        }
        let garbage = random.permille(faults.get(Fault::Garbage)) && !heartbeat;
        let text = if garbage { garble(&text, random) } else { text };
        let delivery = Delivery { connection, to, arrival: Arrival::Frame(text) };
        if garbage {
            self.strike(Fault::Garbage);
        }
        if random.permille(faults.get(Fault::Duplicate)) {
            self.strike(Fault::Duplicate);
            self.put(at_ms + random.between(0, 300), delivery.clone());
        }
        self.put(at_ms, delivery);
    }

    /// A connection is closed: what is under way is lost, and those `told` learn of it after a while.
    pub fn close(&mut self, now_ms: u64, connection: ConnectionId, told: &[Side], random: &mut Random) {
        let Some(line) = self.lines.remove(&connection) else { return };
        self.under_way.retain(|_, delivery| delivery.connection != connection);
        if line.dead {
            return;
        }
        for to in told {
            let at_ms = now_ms + random.between(1, 60);
            self.put(at_ms, Delivery { connection, to: *to, arrival: Arrival::Closed });
        }
    }

    /// The connection breaks under both: what is under way is lost, and those `told` learn of it after a while.
    pub fn sever(&mut self, now_ms: u64, connection: ConnectionId, told: &[Side], random: &mut Random) {
        self.deaden(connection);
        for to in told {
            let at_ms = now_ms + random.between(1, 60);
            self.put(at_ms, Delivery { connection, to: *to, arrival: Arrival::Closed });
        }
    }

    /// The server refuses an attempt: the device hears why instead of having a connection.
    pub fn refuse(&mut self, now_ms: u64, connection: ConnectionId, code: ErrorCode, random: &mut Random) {
        self.lines.remove(&connection);
        self.under_way.retain(|_, delivery| delivery.connection != connection);
        let at_ms = now_ms + random.between(1, 20);
        self.put(at_ms, Delivery { connection, to: Side::Device, arrival: Arrival::Refused(code) });
    }

    /// The server closes after what it has already sent has arrived, as a socket does.
    pub fn close_gracefully(&mut self, connection: ConnectionId) {
        let Some(line) = self.lines.get(&connection) else { return };
        let at_ms = line.last_to_device_ms;
        self.put(at_ms, Delivery { connection, to: Side::Device, arrival: Arrival::Closed });
    }

    /// The connection goes dead, and nobody is told.
    pub fn deaden(&mut self, connection: ConnectionId) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.dead = true;
            self.under_way.retain(|_, delivery| delivery.connection != connection);
        }
    }

    /// The faults are over: dead connections answer with a reset again, and slow lines are fast.
    pub fn heal(&mut self, now_ms: u64) {
        self.lines.retain(|_, line| !line.dead);
        for line in self.lines.values_mut() {
            (line.last_to_server_ms, line.last_to_device_ms) = (now_ms, now_ms);
        }
        for ((_, order), delivery) in self.under_way.split_off(&(now_ms + 1, 0)) {
            self.under_way.insert((now_ms + 1, order), delivery);
        }
    }

    /// The connections there are.
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.lines.keys().copied().collect()
    }

    /// Whose connection it is.
    pub fn device(&self, connection: ConnectionId) -> Option<usize> {
        self.lines.get(&connection).map(|line| line.device)
    }

    /// When something arrives next.
    pub fn next_ms(&self) -> Option<u64> {
        self.under_way.keys().next().map(|(at_ms, _)| *at_ms)
    }

    /// What has arrived by now, in order.
    pub fn arrived(&mut self, now_ms: u64) -> Vec<Delivery> {
        let later = self.under_way.split_off(&(now_ms + 1, 0));
        let arrived = std::mem::replace(&mut self.under_way, later);
        arrived.into_values().collect()
    }

    /// Notes that a fault has struck.
    pub fn strike(&mut self, fault: Fault) {
        *self.struck.entry(fault).or_default() += 1;
    }

    fn put(&mut self, at_ms: u64, delivery: Delivery) {
        self.order += 1;
        self.under_way.insert((at_ms, self.order), delivery);
    }
}

/// Something that is no frame: cut off, not JSON, nested without end, of a shape nobody knows.
fn garble(text: &str, random: &mut Random) -> String {
    match random.below(5) {
        0 => text.chars().take(usize::try_from(random.below(text.len() as u64)).unwrap_or(0)).collect(),
        1 => format!("{text}}}"),
        2 => "[".repeat(10_000),
        3 => r#"{"type":"hello","horizon":-1}"#.to_owned(),
        _ => "\u{0}\u{202e}".to_owned(),
    }
}
