//! The loop: time passes, frames arrive, people act, misfortunes strike, and the oracles look.

use std::collections::BTreeMap;

use fil_client::session::Effect;
use fil_engine::Input;
use fil_protocol::{ClientFrame, RawCommand, ServerFrame};
use fil_server::node::{ConnectionId, Input as ServerInput, Output};
use tempfile::TempDir;

use crate::device::Device;
use crate::network::{Arrival, Network, Side};
use crate::oracle::Oracle;
use crate::person::People;
use crate::plan::{Faults, Plan};
use crate::random::Random;
use crate::server::{Server, cast};
use crate::{Figures, Violation, convergence};

/// How long everybody has to settle after the last fault, in simulated milliseconds.
const SETTLE_MS_MAX: u64 = 60_000;

/// Something that is due at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Act(usize),
    ConnectFails(usize),
    Restart(usize),
    RestartServer,
    Break,
    HalfOpen,
    Partition,
    LoseReply,
    CrashClient,
    CrashServer,
    Compare,
}

/// A run under way.
struct World {
    plan: Plan,
    faults: Faults,
    random: Random,
    now_ms: u64,
    network: Network,
    server: Server,
    devices: Vec<Device>,
    people: People,
    oracle: Oracle,
    due: BTreeMap<(u64, u64), Due>,
    order: u64,
    figures: Figures,
    /// The next outputs of the server are lost with all connections.
    lose_reply: bool,
    /// This device's process ends after its next commit, before its frames leave.
    crash_after_commit: Option<usize>,
    _folder: TempDir,
}

/// Runs a plan to its end.
pub fn run(plan: Plan) -> Result<Figures, Box<Violation>> {
    let seed = plan.seed;
    let broken = |at_ms, what| Box::new(Violation { seed, at_ms, what });
    let mut world = World::create(plan).map_err(|what| broken(0, what))?;
    let ended = world.live();
    ended.map_err(|what| broken(world.now_ms, what))?;
    let events = world.oracle.events();
    let faults = world.figures.faults + world.network.struck;
    Ok(Figures { simulated_ms: world.now_ms, commands: world.people.commands, events, faults, ..world.figures })
}

impl World {
    fn create(plan: Plan) -> Result<Self, String> {
        let folder = folder().map_err(|error| error.to_string())?;
        let mut random = Random::new(plan.seed);
        let cast = cast();
        let server = Server::create(folder.path(), &cast).map_err(|error| error.to_string())?;
        let mut devices = Vec::new();
        for (actor, profile) in &cast {
            let skew_ms = if random.permille(300) { random.between(0, 1_000_000_000) as i64 - 500_000_000 } else { 0 };
            let seed = random.any();
            let device = Device::create(folder.path(), *actor, profile.clone(), skew_ms, seed);
            devices.push(device.map_err(|error| error.to_string())?);
        }
        let oracle = Oracle::new(cast.iter().map(|(actor, _)| *actor).collect());
        let mut world = Self {
            faults: plan.faults,
            plan,
            random,
            now_ms: 0,
            network: Network::default(),
            server,
            devices,
            people: People::default(),
            oracle,
            due: BTreeMap::new(),
            order: 0,
            figures: Figures::default(),
            lose_reply: false,
            crash_after_commit: None,
            _folder: folder,
        };
        for device in 0..world.devices.len() {
            world.later(world.plan.pause_ms, Due::Act(device));
        }
        let faults = world.faults;
        for (every_ms, due) in [
            (faults.break_every_ms, Due::Break),
            (faults.half_open_every_ms, Due::HalfOpen),
            (faults.partition_every_ms, Due::Partition),
            (faults.reply_lost_every_ms, Due::LoseReply),
            (faults.client_crash_every_ms, Due::CrashClient),
            (faults.server_crash_every_ms, Due::CrashServer),
        ] {
            if every_ms > 0 {
                world.later(every_ms, due);
            }
        }
        Ok(world)
    }

    /// People act and faults strike; then all stops, and everybody has to settle.
    fn live(&mut self) -> Result<(), String> {
        while self.now_ms < self.plan.active_ms {
            self.turn()?;
        }
        self.calm()?;
        let calm_ms = self.now_ms;
        let mut difference;
        loop {
            difference = self.difference();
            if difference.is_none() {
                break;
            }
            if self.now_ms > calm_ms + SETTLE_MS_MAX {
                break;
            }
            self.put(self.now_ms + 250, Due::Compare);
            self.turn()?;
        }
        if let Some(difference) = difference {
            return Err(format!("not settled after {SETTLE_MS_MAX} ms: {difference}"));
        }
        self.figures.settled_in_ms = self.now_ms - calm_ms;
        convergence::account_for(&mut self.devices, &self.people, &self.oracle)
    }

    /// The faults stop: everything that was cut or switched off is there again.
    fn calm(&mut self) -> Result<(), String> {
        self.faults = Faults::default();
        self.lose_reply = false;
        self.crash_after_commit = None;
        self.due.retain(|_, due| matches!(due, Due::ConnectFails(_)));
        self.network.heal(self.now_ms);
        if !self.server.is_up() {
            self.restart_server()?;
        }
        for index in 0..self.devices.len() {
            self.devices[index].cut_off_until_ms = 0;
            if self.devices[index].session().is_none() {
                self.devices[index].start(self.now_ms).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// The first difference between a device and the server, if any.
    fn difference(&mut self) -> Option<String> {
        for (index, device) in self.devices.iter_mut().enumerate() {
            if !device.is_settled() {
                return Some(format!("device {index} has not caught up"));
            }
        }
        for (index, device) in self.devices.iter_mut().enumerate() {
            if let Err(difference) = convergence::compare(device, &mut *self.server.reads) {
                return Some(format!("device {index}: {difference}"));
            }
        }
        None
    }

    /// Time passes until something happens, and that happens.
    fn turn(&mut self) -> Result<(), String> {
        let due_ms = self.due.keys().next().map(|(at_ms, _)| *at_ms);
        let server_ms = if self.server.has_work() { Some(self.now_ms + 2) } else { self.server.deadline() };
        let devices_ms = self.devices.iter().filter_map(Device::deadline).min();
        let next_ms = [due_ms, server_ms, devices_ms, self.network.next_ms()].into_iter().flatten().min();
        self.now_ms = next_ms.unwrap_or(self.now_ms + 1_000).max(self.now_ms + 1);

        for delivery in self.network.arrived(self.now_ms) {
            match delivery.to {
                Side::Server => self.arrive_at_server(delivery.connection, delivery.arrival)?,
                Side::Device => self.arrive_at_device(delivery.connection, delivery.arrival)?,
            }
        }
        let later = self.due.split_off(&(self.now_ms + 1, 0));
        for due in std::mem::replace(&mut self.due, later).into_values() {
            self.happen(due)?;
        }
        for index in 0..self.devices.len() {
            if self.devices[index].deadline().is_some_and(|at_ms| at_ms <= self.now_ms) {
                self.step(index, Input::Tick)?;
            }
        }
        if self.server.has_work() || self.server.deadline().is_some_and(|at_ms| at_ms <= self.now_ms) {
            self.step_server()?;
        }
        Ok(())
    }

    fn arrive_at_server(&mut self, connection: ConnectionId, arrival: Arrival) -> Result<(), String> {
        let Some(device) = self.network.device(connection) else { return Ok(()) };
        if !self.server.is_up() {
            self.network.close(self.now_ms, connection, &[Side::Device], &mut self.random);
            return Ok(());
        }
        match arrival {
            Arrival::Opened => self.server.connected(connection, self.devices[device].actor),
            Arrival::Closed => self.server.put(ServerInput::Disconnected { connection }),
            Arrival::Frame(text) => {
                let frame = ClientFrame::decode(&text).map_err(|error| format!("{error}: {text}"))?;
                self.server.put(ServerInput::Frame { connection, frame });
            }
        }
        Ok(())
    }

    fn arrive_at_device(&mut self, connection: ConnectionId, arrival: Arrival) -> Result<(), String> {
        let owner = self.devices.iter().position(|device| device.connection == Some(connection));
        let Some(index) = owner else { return Ok(()) };
        match arrival {
            Arrival::Opened => self.step(index, Input::Connected),
            Arrival::Closed => {
                self.devices[index].connection = None;
                self.network.close(self.now_ms, connection, &[], &mut self.random);
                self.server.put(ServerInput::Disconnected { connection });
                self.step(index, Input::Disconnected { error: None })
            }
            Arrival::Frame(text) => {
                let frame = ServerFrame::decode(&text).map_err(|error| format!("{error}: {text}"))?;
                self.step(index, Input::Frame(frame))
            }
        }
    }

    /// A device's session takes an input, and what follows is carried out.
    fn step(&mut self, index: usize, input: Input) -> Result<(), String> {
        let effects =
            self.devices[index].step(self.now_ms, input).map_err(|error| format!("a client's store: {error}"))?;
        if self.crash_after_commit == Some(index) && !effects.is_empty() {
            self.crash_after_commit = None;
            self.crash(index);
            return Ok(());
        }
        for effect in effects {
            match effect {
                Effect::Connect => self.connect(index),
                Effect::Close => self.hang_up(index),
                Effect::Send(frame) => self.send(index, &frame),
                Effect::Tell(_) => {}
            }
        }
        Ok(())
    }

    fn connect(&mut self, index: usize) {
        self.hang_up(index);
        let reachable = self.server.is_up() && self.devices[index].cut_off_until_ms <= self.now_ms;
        if reachable {
            self.devices[index].connection = Some(self.network.open(self.now_ms, index, &mut self.random));
        } else {
            self.put(self.now_ms + 50, Due::ConnectFails(index));
        }
    }

    fn hang_up(&mut self, index: usize) {
        if let Some(connection) = self.devices[index].connection.take() {
            self.network.close(self.now_ms, connection, &[], &mut self.random);
            self.server.put(ServerInput::Disconnected { connection });
        }
    }

    fn send(&mut self, index: usize, frame: &ClientFrame) {
        if let ClientFrame::Command { no, command: RawCommand::Known(command) } = frame {
            self.oracle.asked(index, *no, command.conversation());
        }
        if let Some(connection) = self.devices[index].connection {
            let text = frame.encode();
            self.network.send(self.now_ms, connection, Side::Server, text, &self.faults, &mut self.random);
        }
    }

    fn step_server(&mut self) -> Result<(), String> {
        let outputs = self.server.step(self.now_ms);
        self.oracle.look(&mut *self.server.reads, &self.people)?;
        for output in &outputs {
            if let Output::Send { connection, frame } = output
                && let Some(device) = self.network.device(*connection)
            {
                let frame = ServerFrame::decode(frame).map_err(|error| format!("{error}: {frame}"))?;
                self.oracle.frame(device, &frame)?;
            }
        }
        if self.lose_reply && !outputs.is_empty() {
            self.lose_reply = false;
            self.break_all();
            return Ok(());
        }
        for output in outputs {
            match output {
                Output::Send { connection, frame } => {
                    let (text, to) = (frame.to_string(), Side::Device);
                    self.server.written(connection, text.len());
                    self.network.send(self.now_ms, connection, to, text, &self.faults, &mut self.random);
                }
                Output::Close { connection, .. } => self.network.close_gracefully(connection),
                Output::Answered { .. } => {}
            }
        }
        Ok(())
    }

    fn happen(&mut self, due: Due) -> Result<(), String> {
        match due {
            Due::Act(index) => {
                self.later(self.plan.pause_ms, due);
                let cast = cast();
                let device = &mut self.devices[index];
                let wish = self.people.act(index, device, &cast, self.now_ms, &mut self.random);
                if let Some(input) = wish.map_err(|what| format!("device {index}: {what}"))? {
                    self.step(index, input)?;
                }
                return Ok(());
            }
            Due::ConnectFails(index) => return self.step(index, Input::Disconnected { error: None }),
            Due::Restart(index) => {
                if self.devices[index].session().is_none() {
                    self.devices[index].start(self.now_ms).map_err(|error| error.to_string())?;
                }
                return Ok(());
            }
            Due::RestartServer => return if self.server.is_up() { Ok(()) } else { self.restart_server() },
            Due::Compare => return Ok(()),
            Due::Break => {
                self.later(self.faults.break_every_ms, due);
                if let Some(connection) = self.random.pick(&self.network.connections()).copied() {
                    let told = [Side::Server, Side::Device];
                    self.break_one(connection, &told);
                }
            }
            Due::HalfOpen => {
                self.later(self.faults.half_open_every_ms, due);
                if let Some(connection) = self.random.pick(&self.network.connections()).copied() {
                    self.network.deaden(connection);
                }
            }
            Due::Partition => {
                self.later(self.faults.partition_every_ms, due);
                let index = self.random.below(self.devices.len() as u64) as usize;
                self.devices[index].cut_off_until_ms = self.now_ms + self.random.between(1_000, 20_000);
                if let Some(connection) = self.devices[index].connection {
                    self.network.deaden(connection);
                }
            }
            Due::LoseReply => {
                self.later(self.faults.reply_lost_every_ms, due);
                self.lose_reply = true;
            }
            Due::CrashClient => {
                self.later(self.faults.client_crash_every_ms, due);
                let index = self.random.below(self.devices.len() as u64) as usize;
                if self.random.permille(500) {
                    self.crash(index);
                } else {
                    self.crash_after_commit = Some(index);
                }
            }
            Due::CrashServer => {
                self.later(self.faults.server_crash_every_ms, due);
                self.server.crash();
                self.break_all();
                let again_ms = self.now_ms + self.random.between(100, 8_000);
                self.put(again_ms, Due::RestartServer);
            }
        }
        self.figures.faults += 1;
        Ok(())
    }

    fn crash(&mut self, index: usize) {
        if let Some(connection) = self.devices[index].connection {
            self.break_one(connection, &[Side::Server]);
        }
        self.devices[index].crash();
        let again_ms = self.now_ms + self.random.between(50, 5_000);
        self.put(again_ms, Due::Restart(index));
    }

    fn restart_server(&mut self) -> Result<(), String> {
        self.server.start().map_err(|error| error.to_string())?;
        self.oracle.look_whole(&mut *self.server.reads)
    }

    fn break_all(&mut self) {
        for connection in self.network.connections() {
            self.break_one(connection, &[Side::Server, Side::Device]);
        }
    }

    /// Both ends are told after a while, those named.
    fn break_one(&mut self, connection: ConnectionId, told: &[Side]) {
        self.network.sever(self.now_ms, connection, told, &mut self.random);
    }

    fn later(&mut self, every_ms: u64, due: Due) {
        let at_ms = self.now_ms + self.random.between(every_ms / 2, every_ms * 3 / 2).max(1);
        self.put(at_ms, due);
    }

    fn put(&mut self, at_ms: u64, due: Due) {
        self.order += 1;
        self.due.insert((at_ms, self.order), due);
    }
}

/// A folder in memory where the system has one: a crashed process loses nothing that it wrote, so the disk would only
/// cost time.
fn folder() -> std::io::Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}
