//! A client's session on a disk of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use fil_client::session::{Effect, Session};
use fil_client::store::{OpenError, Projection, StoreError, Written};
use fil_disk::Disk;
use fil_engine::connection::Phase;
use fil_engine::{Input, Now};
use fil_protocol::{ConversationId, Seq, ServerFrame};
use fil_server::node::{Actor, ConnectionId};

use crate::server::START_MS;

/// A device that may be switched off.
pub(crate) struct Device {
    pub(crate) actor: Actor,
    pub(crate) folder: PathBuf,
    pub(crate) disk: Disk,
    pub(crate) session: Option<Session>,
    pub(crate) connection: Option<ConnectionId>,
    /// No attempt to connect succeeds.
    pub(crate) offline: bool,
    /// What has happened to it and is not taken in yet.
    pub(crate) inputs: VecDeque<Input>,
    /// Steps that its store refused.
    pub(crate) errors: Vec<StoreError>,
    /// Nothing is tried before then, after a step that was not stored: as the driver does.
    pub(crate) rests_until_ms: u64,
    /// Where the windows began that it was given.
    pub(crate) windows: BTreeMap<ConversationId, BTreeSet<Seq>>,
    starts: u64,
}

impl Device {
    /// A device whose folder is there, off.
    pub(crate) fn open(folder: PathBuf, actor: Actor) -> Self {
        let disk = Disk::mount(&folder);
        Self {
            actor,
            folder,
            disk,
            session: None,
            connection: None,
            offline: false,
            inputs: VecDeque::new(),
            errors: Vec::new(),
            rests_until_ms: 0,
            windows: BTreeMap::new(),
            starts: 0,
        }
    }

    fn now(now_ms: u64) -> Now {
        Now { monotonic_ms: now_ms, wall_ms: START_MS + now_ms }
    }

    /// Its process begins on the files that are there; answers whether the cache was rebuilt.
    pub(crate) fn start(&mut self, now_ms: u64) -> Result<bool, OpenError> {
        self.starts += 1;
        let (account, now) = (self.actor.account, Self::now(now_ms));
        let (session, opened) = Session::open(&self.folder, "test", account, self.starts, now)?;
        self.session = Some(session);
        Ok(opened.cache_rebuilt)
    }

    /// Its process ends.
    pub(crate) fn stop(&mut self) {
        self.session = None;
        self.connection = None;
        self.inputs.clear();
    }

    pub(crate) fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, StoreError> {
        if let Input::Frame(ServerFrame::Window { window, .. }) = &input {
            self.windows.entry(window.record.conversation).or_default().insert(window.from);
        }
        let now = Self::now(now_ms);
        self.session.as_mut().map_or(Ok(Vec::new()), |session| session.step(now, vec![input]))
    }

    pub(crate) fn save_draft(
        &mut self,
        now_ms: u64,
        conversation: ConversationId,
        text: &str,
    ) -> Result<(), StoreError> {
        let now = Self::now(now_ms);
        let session = self.session.as_mut().expect("the device is on");
        session.save_draft(now, conversation, text).map(drop)
    }

    pub(crate) fn rebuild_cache(&mut self, now_ms: u64) {
        let now = Self::now(now_ms);
        self.session.as_mut().expect("the device is on").rebuild_cache(now).expect("the cache can be built again");
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        self.session.as_ref().and_then(Session::deadline).map(|at_ms| at_ms.max(self.rests_until_ms))
    }

    /// Whether it has everything and nothing left to send.
    pub(crate) fn is_settled(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let status = session.status();
            status.phase == Phase::Open { caught_up: true } && status.waiting == 0
        })
    }

    /// Every command in its outbox and journal.
    pub(crate) fn commands(&self) -> Vec<Written> {
        let session = self.session.as_ref().expect("the device is on");
        session.reader().and_then(|mut reader| reader.commands()).expect("the outbox can be read")
    }

    /// Every conversation in its cache.
    pub(crate) fn projections(&self) -> Vec<Projection> {
        let session = self.session.as_ref().expect("the device is on");
        session.reader().and_then(|mut reader| reader.projections()).expect("the cache can be read")
    }
}
