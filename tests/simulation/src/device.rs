//! A device of a world: the real session on real database files, and its crashes.

use std::path::{Path, PathBuf};

use fil_client::session::{Effect, Session};
use fil_client::store::{OpenError, StoreError};
use fil_engine::connection::Phase;
use fil_engine::{Input, Now};
use fil_protocol::Profile;
use fil_server::node::{Actor, ConnectionId};

use crate::server::START_MS;

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
    /// It cannot reach the server before then.
    pub cut_off_until_ms: u64,
    folder: PathBuf,
    session: Option<Session>,
    seed: u64,
}

impl Device {
    /// A new device with empty databases.
    pub fn create(folder: &Path, actor: Actor, profile: Profile, skew_ms: i64, seed: u64) -> Result<Self, OpenError> {
        let folder = folder.join(actor.device.to_string());
        let mut device =
            Self { actor, profile, skew_ms, connection: None, cut_off_until_ms: 0, folder, session: None, seed };
        device.start(0)?;
        Ok(device)
    }

    /// Its clocks, when the world's says this.
    pub fn now(&self, now_ms: u64) -> Now {
        let wall_ms = (START_MS + now_ms).saturating_add_signed(self.skew_ms);
        Now { monotonic_ms: now_ms, wall_ms }
    }

    /// Whether its process runs.
    pub fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// Its process ends.
    pub fn crash(&mut self) {
        self.session = None;
        self.connection = None;
    }

    /// Its process begins again on the same files.
    pub fn start(&mut self, now_ms: u64) -> Result<(), OpenError> {
        self.seed = self.seed.wrapping_add(1);
        let now = self.now(now_ms);
        let (session, _) = Session::open(&self.folder, "simulation", self.actor.account, self.seed, now)?;
        self.session = Some(session);
        Ok(())
    }

    /// Gives it an input, if it runs.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, StoreError> {
        let now = self.now(now_ms);
        match &mut self.session {
            Some(session) => session.step(now, vec![input]),
            None => Ok(Vec::new()),
        }
    }

    /// When it wants a tick.
    pub fn deadline(&self) -> Option<u64> {
        self.session.as_ref().and_then(Session::deadline)
    }

    /// Whether it is connected, has everything, and has nothing left to send.
    pub fn is_settled(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let status = session.status();
            status.phase == Phase::Open { caught_up: true } && status.waiting == 0
        })
    }
}
