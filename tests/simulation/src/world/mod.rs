//! The loop: time passes, frames arrive, people act, misfortunes strike, and the oracles look.
//!
//! - here: the world, its agenda and its turn;
//! - `exchange`: what arrives at a device or at the server, and what they answer;
//! - `tokens`: getting and renewing access tokens;
//! - `misfortune`: the faults that strike again and again;
//! - `settling`: the end of all faults, and what must hold then.

mod exchange;
mod misfortune;
mod settling;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use fil_engine::Input;
use fil_protocol::AccountId;
use fil_protocol::limits::{ACCESS_TOKEN_MS, REFRESH_GRACE_MS};
use fil_server::node::ConnectionId;
use tempfile::TempDir;

use crate::cast::Cast;
use crate::device::{Databases, Device, Purpose};
use crate::dialect::Dialect;
use crate::fault::{Fault, Faults};
use crate::figures::Figures;
use crate::network::{Network, Side};
use crate::oracle::Oracle;
use crate::person::{People, Unseen};
use crate::plan::Plan;
use crate::random::Random;
use crate::server::{Refreshing, Server};
use crate::{Violation, reckoning, screens};

/// More than any run takes: whoever goes in circles is found.
const TURNS_MAX: u64 = 400_000;

/// How often the server notes how far it has come, in simulated milliseconds, as its edge does.
const NOTE_MS: u64 = 1_000;

/// Something that is due at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    /// A person does something.
    Act(usize),
    /// A fault strikes.
    Strike(Fault),
    /// An attempt to connect has failed.
    ConnectFails { index: usize, attempt: u64 },
    /// A refresh token arrives at the server.
    Refresh { index: usize, boot: u64, token: String },
    /// A refresh is answered by nobody.
    RefreshFails { index: usize, boot: u64 },
    /// The access token of a connection has lived most of its life.
    Renew { index: usize, connection: ConnectionId },
    /// The access token of a connection may have expired.
    Expire(ConnectionId),
    /// A device that is off begins again.
    Restart(usize),
    /// A device is updated to the server's version.
    Update(usize),
    /// A device wakes up.
    Wake(usize),
    /// The server, if it is down, begins again; then everybody comes at once, or nobody hurries.
    RestartServer { herd: bool },
    /// A device reads from its socket again.
    Resume(ConnectionId),
    /// An account is enabled again.
    Enable(AccountId),
    /// The disk of a device, or of the server, works again.
    Heal(Option<usize>),
    /// The server notes how far it has come.
    Note,
    /// The server's folder is put back to its snapshot, if there is one.
    PutFolderBack,
    /// Nothing: somebody wants to look.
    Look,
}

/// A device that does not read: what the server has written for it waits.
#[derive(Default)]
struct Stall {
    waiting: VecDeque<String>,
    bytes: u64,
    /// Bytes that were waiting when it stopped reading.
    before: usize,
    /// The server has closed the connection.
    closed: bool,
}

/// A refresh that the server has taken, until it is answered.
struct Exchange {
    index: usize,
    boot: u64,
    answer: Refreshing,
}

/// Chance, in streams of their own: leaving a fault out of a plan changes little of the rest.
struct Chance {
    people: Random,
    network: Random,
    fate: Random,
}

/// A run under way.
struct World {
    plan: Plan,
    faults: Faults,
    chance: Chance,
    now_ms: u64,
    active_until_ms: u64,
    /// When the faults stopped.
    calm_ms: u64,
    /// People do little before then: a device sleeps for hours.
    quiet_until_ms: u64,
    cast: Cast,
    network: Network,
    server: Server,
    devices: Vec<Device>,
    people: People,
    oracle: Oracle,
    due: BTreeMap<(u64, u64), Due>,
    order: u64,
    figures: Figures,
    turns: u64,
    /// Changes on screens so far.
    glances: u64,
    /// When the access token of each connection expires.
    expires: BTreeMap<ConnectionId, u64>,
    exchanges: Vec<Exchange>,
    stalls: BTreeMap<ConnectionId, Stall>,
    disabled: BTreeSet<AccountId>,
    /// When the backup was taken that would be restored next.
    backup_ms: Option<u64>,
    /// When the snapshot of the folder was taken that would be put back next.
    snapshot_ms: Option<u64>,
    /// The next outputs of the server are lost with all connections.
    lose_reply: bool,
    /// This device's process ends after its next commit, before its frames leave.
    crash_after_commit: Option<usize>,
    /// Disks that were made to fail (none: the server's), by which fault, and how much they had refused before.
    failing: BTreeMap<Option<usize>, (Fault, u64)>,
    /// One number for everything that has happened.
    happened: DefaultHasher,
    trace: Option<fn(&str)>,
    _folder: TempDir,
}

/// Runs a plan to its end.
pub fn run(plan: &Plan) -> Result<Figures, Box<Violation>> {
    run_traced(plan, None)
}

/// Runs a plan to its end, and tells what happens meanwhile, a line each.
pub fn run_traced(plan: &Plan, trace: Option<fn(&str)>) -> Result<Figures, Box<Violation>> {
    let broken = |at_ms, what| Box::new(Violation { plan: plan.clone(), at_ms, what });
    let mut world = World::create(plan.clone()).map_err(|what| broken(0, what))?;
    world.trace = trace;
    let ended = world.live();
    ended.map_err(|what| broken(world.now_ms, what))?;
    let mut figures = world.figures;
    for (fault, strikes) in &world.network.struck {
        *figures.strikes.entry(*fault).or_default() += strikes;
    }
    figures.simulated_ms = world.now_ms;
    figures.commands = world.people.commands;
    figures.events = world.oracle.events();
    if world.people.churns > 0 {
        figures.strikes.insert(Fault::MembershipChurn, world.people.churns);
    }
    figures.trace = world.happened.finish();
    Ok(figures)
}

impl World {
    fn create(plan: Plan) -> Result<Self, String> {
        let folder = folder().map_err(|error| error.to_string())?;
        let faults = plan.faults.clone();
        let mut chance = Chance {
            people: Random::new(plan.seed ^ 0x70),
            network: Random::new(plan.seed ^ 0x6e),
            fate: Random::new(plan.seed ^ 0x66),
        };
        let cast = Cast::new(faults.get(Fault::SeveralDevices));
        let access_ms = if faults.has(Fault::TokenExpiry) { faults.get(Fault::TokenExpiry) } else { ACCESS_TOKEN_MS };
        let server = Server::create(folder.path(), &cast, access_ms, REFRESH_GRACE_MS)?;
        let skew_max = i64::try_from(faults.get(Fault::Skew)).unwrap_or(i64::MAX);
        let mut devices: Vec<Device> = Vec::new();
        let mut strikes = BTreeMap::new();
        for (actor, profile) in &cast.0 {
            let drawn = chance.fate.between(0, 2 * skew_max.unsigned_abs()).cast_signed() - skew_max;
            let skew_ms = if chance.fate.permille(500) { drawn } else { 0 };
            let seed = chance.fate.any();
            let empty = (!devices.is_empty()).then(Databases::empty);
            let device = Device::create(folder.path(), *actor, profile.clone(), skew_ms, seed, empty);
            let mut device = device.map_err(|error| error.to_string())?;
            let session = server.sign_in(0, *actor, &cast);
            device.kept_token.clone_from(&session.refresh_token);
            device.grant.begin(device.now(0).monotonic_ms, &session);
            device.dialect = dialect(&faults, &mut chance.fate);
            if device.skew_ms != 0 {
                *strikes.entry(Fault::Skew).or_default() += 1;
            }
            devices.push(device);
        }
        if faults.has(Fault::SeveralDevices) {
            strikes.insert(Fault::SeveralDevices, faults.get(Fault::SeveralDevices));
        }
        let oracle = Oracle::new(cast.0.iter().map(|(actor, _)| *actor).collect());
        let mut world = Self {
            active_until_ms: plan.active_ms,
            quiet_until_ms: 0,
            calm_ms: 0,
            plan,
            chance,
            now_ms: 0,
            cast,
            network: Network::default(),
            server,
            devices,
            people: People::default(),
            oracle,
            due: BTreeMap::new(),
            order: 0,
            figures: Figures { strikes, ..Figures::default() },
            turns: 0,
            glances: 0,
            expires: BTreeMap::new(),
            exchanges: Vec::new(),
            stalls: BTreeMap::new(),
            disabled: BTreeSet::new(),
            backup_ms: None,
            snapshot_ms: None,
            lose_reply: false,
            crash_after_commit: None,
            failing: BTreeMap::new(),
            happened: DefaultHasher::new(),
            trace: None,
            _folder: folder,
            faults: Faults::default(),
        };
        for (fault, every_ms) in faults.striking() {
            world.later(every_ms, Due::Strike(fault));
        }
        for index in 0..world.devices.len() {
            world.later(world.plan.pause_ms, Due::Act(index));
            if world.devices[index].dialect != Dialect::Same {
                let half_ms = world.plan.active_ms / 2;
                world.later(half_ms, Due::Update(index));
            }
        }
        if faults.has(Fault::RestoreByCopy) || faults.has(Fault::RestoreFolder) {
            world.put(NOTE_MS, Due::Note);
        }
        world.faults = faults;
        Ok(world)
    }

    /// People act and faults strike; then all stops, and everybody has to settle.
    fn live(&mut self) -> Result<(), String> {
        while self.now_ms < self.active_until_ms {
            self.turn()?;
        }
        self.calm()?;
        self.settle()?;
        reckoning::account_for(&mut self.devices, &self.people, &self.oracle)?;
        let reads = self.server.reads().ok_or("the server is down though all is calm")?;
        reckoning::reads(&self.cast, reads, &self.people, &self.oracle)?;
        for index in 0..self.devices.len() {
            let reads = self.server.reads().ok_or("the server is down though all is calm")?;
            let drawn = screens::compare(&mut self.devices[index], reads);
            if !self.devices[index].flipped {
                drawn.map_err(|what| format!("device {index} at the end: {what}"))?;
            }
        }
        Ok(())
    }

    /// Time passes until something happens, and that happens.
    fn turn(&mut self) -> Result<(), String> {
        let due_ms = self.due.keys().next().map(|(at_ms, _)| *at_ms);
        let server_ms = if self.server.has_work() { Some(self.now_ms + 2) } else { self.server.deadline() };
        let devices_ms = self.devices.iter().filter_map(Device::deadline).min();
        let next_ms = [due_ms, server_ms, devices_ms, self.network.next_ms()].into_iter().flatten().min();
        self.now_ms = next_ms.unwrap_or(self.now_ms + 1_000).max(self.now_ms + 1);
        self.turns += 1;
        if self.turns > TURNS_MAX {
            return Err(format!("something goes in circles: {TURNS_MAX} turns"));
        }

        for delivery in self.network.arrived(self.now_ms) {
            self.tell(|| format!("{delivery:?}"));
            delivery.hash(&mut self.happened);
            self.now_ms.hash(&mut self.happened);
            match delivery.to {
                Side::Server => self.arrive_at_server(delivery.connection, delivery.arrival),
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

    fn happen(&mut self, due: Due) -> Result<(), String> {
        self.tell(|| format!("{due:?}"));
        std::mem::discriminant(&due).hash(&mut self.happened);
        self.now_ms.hash(&mut self.happened);
        match due {
            Due::Act(index) => self.act(index),
            Due::Strike(fault) => self.strike(fault),
            Due::ConnectFails { index, attempt } => self.connect_fails(index, attempt),
            Due::Refresh { index, boot, token } => {
                self.take_refresh(index, boot, &token);
                Ok(())
            }
            Due::RefreshFails { index, boot } => self.refreshed(index, boot, &Err(None)),
            Due::Renew { index, connection } => self.renew(index, connection),
            Due::Expire(connection) => {
                self.expire(connection);
                Ok(())
            }
            Due::Restart(index) => self.restart(index),
            Due::Update(index) => self.update(index),
            Due::Wake(index) => self.wake(index),
            Due::RestartServer { herd } => self.restart_server(herd),
            Due::Resume(connection) => {
                self.resume(connection);
                Ok(())
            }
            Due::Enable(account) => self.enable(account),
            Due::Heal(of) => {
                self.heal(of);
                Ok(())
            }
            Due::Note => {
                self.put(self.now_ms + NOTE_MS, Due::Note);
                self.server.note().map_err(|error| format!("the witness: {error}"))
            }
            Due::PutFolderBack => self.put_folder_back(),
            Due::Look => Ok(()),
        }
    }

    fn act(&mut self, index: usize) -> Result<(), String> {
        let quiet = self.now_ms < self.quiet_until_ms;
        self.later(if quiet { 15 * 60_000 } else { self.plan.pause_ms }, Due::Act(index));
        let Self { devices, people, cast, now_ms, faults, chance, .. } = self;
        let device = &mut devices[index];
        if device.asleep_since_ms.is_some() {
            return Ok(());
        }
        let wish = people.act(index, device, cast, *now_ms, faults, &mut chance.people);
        match wish {
            Ok(Some(input)) => self.step(index, input),
            Ok(None) => Ok(()),
            Err(Unseen::Broken(what)) if !self.devices[index].flipped => Err(format!("device {index}: {what}")),
            Err(Unseen::Lost(what)) => Err(format!("device {index}: {what}")),
            Err(Unseen::Broken(_) | Unseen::CacheDamaged) => self.rebuild_cache(index),
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = self.trace {
            trace(&format!("{:>10} {}", self.now_ms, what()));
        }
    }

    fn later(&mut self, every_ms: u64, due: Due) {
        let at_ms = self.now_ms + self.chance.fate.between(every_ms / 2, every_ms * 3 / 2).max(1);
        self.put(at_ms, due);
    }

    fn put(&mut self, at_ms: u64, due: Due) {
        self.order += 1;
        self.due.insert((at_ms, self.order), due);
    }

    fn purpose_is_current(&self, index: usize, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Connect(attempt) => self.devices[index].attempt == attempt,
            Purpose::Renew(connection) => self.devices[index].connection == Some(connection),
        }
    }
}

/// How a device speaks in a world of these faults.
fn dialect(faults: &Faults, random: &mut Random) -> Dialect {
    if random.permille(faults.get(Fault::NewerClient)) {
        return if random.permille(300) { Dialect::OnlyNewer } else { Dialect::Newer };
    }
    if random.permille(faults.get(Fault::OlderClient)) {
        return if random.permille(300) { Dialect::OnlyOlder } else { Dialect::Older };
    }
    Dialect::Same
}

/// A folder in memory where the system has one: the simulated disk decides what is lost, so a real one would only cost
/// time.
fn folder() -> std::io::Result<TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}
