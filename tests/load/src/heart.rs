//! The server's heart without sockets: the real node on a real database, in the current thread.
//!
//! What a message costs in processor time and allocations is exact here: one thread, nothing else in it, and time that is
//! spent waiting for the disk is not processor time. What the sockets cost is in the figures of the whole process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fil_protocol::{ClientFrame, Command, ConversationId, ErrorCode, RawCommand};
use fil_server::clock::now_ms;
use fil_server::data::DataFolder;
use fil_server::edge::prepare;
use fil_server::node::{Backlog, ConnectionId, Input, Node, Output};
use fil_server::store::{ReadStore, Store};
use rustix::time::{ClockId, clock_gettime};

use crate::house::{House, message_id};
use crate::{Failure, allocations, talk, text};

/// A node in this thread, with devices that take everything at once.
pub struct Heart {
    node: Node,
    reads: Box<dyn ReadStore>,
    devices: HashMap<ConnectionId, Device>,
    /// Connections so far; numbers are never used again.
    connected: u64,
}

struct Device {
    backlog: Arc<Backlog>,
    last_no: u64,
}

/// What something cost, in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Processor time of this thread.
    pub cpu: Duration,
    /// How often memory was asked for.
    pub allocations: u64,
    /// How much was asked for.
    pub allocated_bytes: u64,
}

impl Cost {
    /// Measures what some work costs this thread.
    pub fn of<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<(T, Self), Failure> {
        let (cpu, (count, bytes)) = (thread_cpu(), allocations::so_far());
        let value = work()?;
        let (count_after, bytes_after) = allocations::so_far();
        let cost = Self {
            cpu: thread_cpu().saturating_sub(cpu),
            allocations: count_after - count,
            allocated_bytes: bytes_after - bytes,
        };
        Ok((value, cost))
    }

    /// Microseconds of each of so many.
    pub fn micros_each(&self, count: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count.max(1) as f64
    }
}

impl Heart {
    /// A node on a house's database.
    pub fn open(house: &House) -> Result<Self, Failure> {
        let store = prepare(&DataFolder::new(house.data()))?;
        let reads = store.open_reads()?;
        Ok(Self { node: Node::new(Box::new(store))?, reads, devices: HashMap::new(), connected: 0 })
    }

    /// A door for reads on the same database.
    pub fn reads(&mut self) -> &mut dyn ReadStore {
        self.reads.as_mut()
    }

    /// Connects somebody's device, with this hello; its welcome has been handed out when this returns.
    pub fn connect(&mut self, house: &House, person: usize, hello: &str) -> Result<ConnectionId, Failure> {
        self.connected += 1;
        let connection = ConnectionId(self.connected);
        let backlog = Arc::new(Backlog::default());
        self.devices.insert(connection, Device { backlog: Arc::clone(&backlog), last_no: 0 });
        let actor = house.person(person);
        let frame = ClientFrame::decode(hello)?;
        let inputs = vec![Input::Connected { connection, actor, backlog }, Input::Frame { connection, frame }];
        let outputs = self.step(inputs)?;
        if outputs == 0 { Err("nobody was welcomed".into()) } else { Ok(connection) }
    }

    /// Connects people as devices that know nothing yet.
    pub fn connect_all(&mut self, house: &House, people: &[usize]) -> Result<Vec<ConnectionId>, Failure> {
        people.iter().map(|person| self.connect(house, *person, &talk::hello(None, 0, 0))).collect()
    }

    /// The next message of a device, as the text of its frame.
    pub fn message(&mut self, connection: ConnectionId, conversation: ConversationId) -> Result<String, Failure> {
        let device = self.devices.get_mut(&connection).ok_or("an unknown device")?;
        device.last_no += 1;
        let no = device.last_no;
        let command = Command::SendMessage {
            conversation,
            message: message_id(connection.0 as u32, no),
            text: text::stamped(no, connection.0 as u32, text::BYTES),
            composed_at_ms: now_ms(),
        };
        Ok(ClientFrame::Command { no, command: RawCommand::Known(command) }.encode())
    }

    /// The device has stored all verdicts so far.
    pub fn acknowledge(&self, connection: ConnectionId) -> Result<String, Failure> {
        let device = self.devices.get(&connection).ok_or("an unknown device")?;
        Ok(ClientFrame::Acknowledge { no: device.last_no }.encode())
    }

    /// Hands these frames to the node as one batch, from their texts on, and gives how many frames came out.
    pub fn batch(&mut self, frames: &[(ConnectionId, String)]) -> Result<usize, Failure> {
        let mut inputs = Vec::with_capacity(frames.len());
        for (connection, frame) in frames {
            inputs.push(Input::Frame { connection: *connection, frame: ClientFrame::decode(frame)? });
        }
        self.step(inputs)
    }

    fn step(&mut self, inputs: Vec<Input>) -> Result<usize, Failure> {
        let mut frames = 0;
        for output in self.node.step(now_ms(), inputs) {
            match output {
                Output::Send { connection, frame } => {
                    frames += 1;
                    if let Some(device) = self.devices.get(&connection) {
                        device.backlog.subtract(frame.len());
                    }
                }
                // An older connection of a device that connected again.
                Output::Close { connection, reason: ErrorCode::Unavailable, .. } => {
                    self.devices.remove(&connection);
                }
                Output::Close { reason, .. } => return Err(format!("the node closed a connection: {reason:?}").into()),
                Output::Answered { .. } => {}
            }
        }
        Ok(frames)
    }
}

/// Processor time of the current thread.
fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
