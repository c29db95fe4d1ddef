//! A device of a world: the real session on real database files on a simulated disk, its clocks, its tokens, and its
//! misfortunes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fil_client::grant::Grant;
use fil_client::profile::ProfileFolder;
use fil_client::session::{Effect, Session};
use fil_client::store::{OpenError, Reader, Store, StoreError};
use fil_disk::{Disk, Failure};
use fil_engine::connection::Phase;
use fil_engine::{Input, Now};
use fil_protocol::{AccountId, ConversationId, Generation, Profile};
use fil_server::node::{Actor, ConnectionId};

use crate::dialect::Dialect;
use crate::random::Random;
use crate::received::Received;
use crate::server::START_MS;

/// After a step that could not be stored the session rests this long, as the client's driver has it.
const REST_MS: u64 = 15_000;

/// Why a device's process did not begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The profile is in use by another process, or its folder cannot be used.
    #[error("the profile: {0:?}")]
    Profile(fil_client::bridge::types::Failure),
    /// The databases cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What waits for a new access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// This attempt to connect.
    Connect(u64),
    /// This connection, whose token ends soon.
    Renew(ConnectionId),
}

/// Empty databases, as a client makes them when it is started for the first time. Making them is a tenth of a run, so only
/// one device of a world does.
pub struct Databases(Vec<(&'static str, Vec<u8>)>);

impl Databases {
    /// Makes them, once in a process.
    pub fn empty() -> &'static Self {
        static EMPTY: OnceLock<Databases> = OnceLock::new();
        EMPTY.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            // What is made does not depend on the account.
            drop(Store::open(folder.path(), AccountId::from([0; 16])).expect("a client starts in an empty folder"));
            let read = |name| (name, fs::read(folder.path().join(name)).expect("the client has made it"));
            Self(["local.db", "cache.db"].map(read).into())
        })
    }

    fn copy_into(&self, folder: &Path) -> std::io::Result<()> {
        self.0.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    }
}

/// A device that may be switched off.
pub struct Device {
    /// Whose it is.
    pub actor: Actor,
    /// How others see its account.
    pub profile: Profile,
    /// Its wall clock is wrong by this much.
    pub skew_ms: i64,
    /// The connection that it believes to have, or is trying to get.
    pub connection: Option<ConnectionId>,
    /// The how-manieth attempt to connect this is.
    pub attempt: u64,
    /// How often its process began.
    pub boot: u64,
    /// It cannot reach the server before then.
    pub cut_off_until_ms: u64,
    /// Its tokens in memory, and the refresh token that is kept.
    pub grant: Grant,
    /// The refresh token that is kept durably.
    pub kept_token: String,
    /// Who waits for the refresh that is under way.
    pub wants: Vec<Purpose>,
    /// Which versions it speaks.
    pub dialect: Dialect,
    /// It sleeps since then, by the world's clock.
    pub asleep_since_ms: Option<u64>,
    /// Its disk fails now and then, or is full.
    pub disk_fails: bool,
    /// Bits of its cache were flipped, and nobody has noticed yet: SQLite keeps no sums of its pages, so what stands in
    /// the middle of a value may be wrong until the cache is built again.
    pub flipped: bool,
    /// The generation of its numbers that it said hello with.
    pub generation: Option<Generation>,
    /// What the server gave to it.
    pub received: Received,
    shown: Option<ConversationId>,
    slept_ms: u64,
    rests_until_ms: Option<u64>,
    data: PathBuf,
    folder: PathBuf,
    disk: Disk,
    running: Option<(ProfileFolder, Session)>,
    /// What its screens look through, opened when somebody looks.
    reader: Option<Reader>,
    seed: u64,
}

impl Device {
    /// A new device with empty databases: it makes them itself, or begins with those that another one made.
    pub fn create(
        data: &Path,
        actor: Actor,
        profile: Profile,
        skew_ms: i64,
        seed: u64,
        empty: Option<&Databases>,
    ) -> Result<Self, StartError> {
        let data = data.join(actor.device.to_string());
        let folder = ProfileFolder::open(&data, "sim").map_err(StartError::Profile)?.path().to_owned();
        if let Some(empty) = empty {
            empty.copy_into(&folder).map_err(OpenError::from)?;
        }
        let mut device = Self {
            actor,
            profile,
            skew_ms,
            connection: None,
            attempt: 0,
            boot: 0,
            cut_off_until_ms: 0,
            grant: Grant::default(),
            kept_token: String::new(),
            wants: Vec::new(),
            dialect: Dialect::Same,
            asleep_since_ms: None,
            disk_fails: false,
            flipped: false,
            generation: None,
            received: Received::default(),
            shown: None,
            slept_ms: 0,
            rests_until_ms: None,
            data,
            disk: Disk::mount(&folder),
            folder,
            running: None,
            reader: None,
            seed,
        };
        device.start(0)?;
        Ok(device)
    }

    /// Its clocks, when the world's says this. The monotonic one stands still while it sleeps.
    pub fn now(&self, now_ms: u64) -> Now {
        let wall_ms = (START_MS + now_ms).saturating_add_signed(self.skew_ms);
        Now { monotonic_ms: now_ms - self.slept_ms, wall_ms }
    }

    /// Its session, if its process runs.
    pub fn session(&mut self) -> Option<&mut Session> {
        self.running.as_mut().map(|(_, session)| session)
    }

    /// What a screen looks through, and whose session it is; none if its process does not run.
    pub fn screen(&mut self) -> Result<Option<(&mut Reader, &mut Session)>, StoreError> {
        let Some((_, session)) = &mut self.running else { return Ok(None) };
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => session.reader()?,
        };
        Ok(Some((self.reader.insert(reader), session)))
    }

    /// Whether its process runs.
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// Its process is killed: the files are as it left them.
    pub fn kill(&mut self) {
        self.disk.freeze();
        self.stop();
        self.disk.kill();
    }

    /// Its machine loses power: of what was not synced, some is on the disk and some is not.
    pub fn cut_power(&mut self, random: &mut Random) {
        self.disk.freeze();
        self.stop();
        self.disk.cut_power(&mut |below| random.below(below));
        self.received.may_be_emptied();
    }

    /// Its process ends, tidily.
    pub fn stop(&mut self) {
        self.running = None;
        self.reader = None;
        self.connection = None;
        self.grant = Grant::default();
        self.wants.clear();
        self.rests_until_ms = None;
        self.shown = None;
    }

    /// Its process begins, or begins again on the same files.
    pub fn start(&mut self, now_ms: u64) -> Result<(), StartError> {
        self.seed = self.seed.wrapping_add(1);
        self.boot += 1;
        let folder = ProfileFolder::open(&self.data, "sim").map_err(StartError::Profile)?;
        let now = self.now(now_ms);
        let (session, opened) = Session::open(&self.folder, "simulation", self.actor.account, self.seed, now)?;
        self.flipped &= !opened.cache_rebuilt;
        self.received.begin_anew();
        if opened.cache_rebuilt {
            self.received.may_be_emptied();
        }
        self.running = Some((folder, session));
        Ok(())
    }

    /// Another process opens the profile. Answers whether it was let in.
    pub fn intrude(&self) -> bool {
        ProfileFolder::open(&self.data, "sim").is_ok()
    }

    /// Bits of its cache flip, wherever the file is at the moment. Its process must not run.
    pub fn flip_bits(&mut self, count: u64, random: &mut Random) {
        self.flipped = true;
        self.received.may_be_emptied();
        self.disk.flip_bits(&self.folder.join("cache.db"), count, &mut |below| random.below(below));
    }

    /// The update of the app to the server's version. Its process must not run.
    pub fn update(&mut self) -> Result<(), String> {
        match self.dialect.update(&self.folder.join("cache.db")) {
            // A damaged cache is built again, and nothing in it is of another version then.
            Err(_) if self.flipped => Ok(()),
            updated => updated.map_err(|error| error.to_string()),
        }
    }

    /// Writes fail from now on: after so many more, once or until [`Device::heal_disk`].
    pub fn fail_disk(&mut self, after: u64, failure: Failure, once: bool) {
        self.disk_fails = true;
        if once { self.disk.fail_once(after, failure) } else { self.disk.fail_after(after, failure) }
    }

    /// How many operations its disk has refused so far.
    pub fn disk_failures(&self) -> u64 {
        self.disk.failures()
    }

    /// The disk works again.
    pub fn heal_disk(&mut self) {
        self.disk_fails = false;
        self.disk.heal();
    }

    /// It falls asleep: nothing runs, and its monotonic clock stands still.
    pub fn sleep(&mut self, now_ms: u64) {
        self.asleep_since_ms.get_or_insert(now_ms);
    }

    /// It wakes up. Answers whether it was asleep.
    pub fn wake(&mut self, now_ms: u64) -> bool {
        let Some(since_ms) = self.asleep_since_ms.take() else { return false };
        self.slept_ms += now_ms - since_ms;
        true
    }

    /// Gives it an input, if it runs and is awake. What it shows is remembered, for a session that begins again.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, StoreError> {
        if self.asleep_since_ms.is_some() {
            return Ok(Vec::new());
        }
        if let Input::Show { conversation } = &input {
            self.shown = *conversation;
        }
        let now = self.now(now_ms);
        let mut inputs = vec![input];
        match self.rests_until_ms {
            // Nothing is tried before the rest is over; what a person does is.
            Some(until_ms) if now_ms < until_ms && matches!(inputs[0], Input::Tick) => return Ok(Vec::new()),
            Some(until_ms) if now_ms >= until_ms => {
                self.rests_until_ms = None;
                inputs.insert(0, Input::Show { conversation: self.shown });
            }
            _ => {}
        }
        match &mut self.running {
            Some((_, session)) => session.step(now, inputs),
            None => Ok(Vec::new()),
        }
    }

    /// A step was not stored: the session rests before the next one, as the client's driver has it.
    pub fn rest(&mut self, now_ms: u64, error: &StoreError) {
        let damaged = matches!(error, StoreError::CacheDamaged);
        if damaged {
            // The cache is another file now.
            self.reader = None;
            self.flipped = false;
            self.received.may_be_emptied();
        }
        let rest_ms = if damaged { 0 } else { REST_MS };
        self.rests_until_ms = Some(now_ms + rest_ms);
    }

    /// When it wants a tick, by the world's clock.
    pub fn deadline(&self) -> Option<u64> {
        let (_, session) = self.running.as_ref().filter(|_| self.asleep_since_ms.is_none())?;
        let deadline_ms = session.deadline().map(|at_ms| at_ms + self.slept_ms);
        match self.rests_until_ms {
            Some(until_ms) => Some(deadline_ms.map_or(until_ms, |at_ms| at_ms.max(until_ms))),
            None => deadline_ms,
        }
    }

    /// Where its connection stands.
    pub fn phase(&self) -> Option<Phase> {
        self.running.as_ref().map(|(_, session)| session.status().phase)
    }

    /// Whether it is connected, has everything, and has nothing left to send but what waits for a conversation that a
    /// restored server may yet be given back.
    pub fn is_settled(&self) -> bool {
        self.running.as_ref().is_some_and(|(_, session)| {
            let status = session.status();
            status.phase == Phase::Open { caught_up: true } && status.waiting == session.held().awaiting
        })
    }
}
