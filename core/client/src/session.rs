//! Engine and store as one synchronous machine: what the driver drives and the simulation runs.
//!
//! [`Session::step`] is the whole rule: the engine decides, all its store actions commit in one transaction, and only
//! then do the effects leave. If the transaction fails nothing leaves, the connection is given up, and the engine is
//! built again from the store: what the engine believes and what is on the disk never part.

use std::path::Path;

use fil_engine::connection::Phase;
use fil_engine::engine::{Held, Status};
use fil_engine::jitter::Jitter;
use fil_engine::outbox::{self, RowId};
use fil_engine::{Action, Change, Engine, Input, Now};
use fil_protocol::http::HistoryPage;
use fil_protocol::{AccountId, ClientFrame, ConversationId, Profile, Seq};

use crate::store::{OpenError, Reader, Store, StoreError};

/// What the driver has to do after a step, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Open a socket: get a valid token first. Answered by `Input::Connected` or `Input::Disconnected`.
    Connect,
    /// Close the socket, if there is one. Not answered.
    Close,
    /// Send a frame on the open socket.
    Send(ClientFrame),
    /// Tell the screen.
    Tell(Change),
}

/// What opening a session found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The cache was damaged or newer, and is being rebuilt. Nothing unsent was in it.
    pub cache_rebuilt: bool,
}

/// What became of a history page.
#[derive(Clone, Debug, PartialEq)]
pub enum Merged {
    /// It is stored; tell the screen.
    Applied(Vec<Effect>),
    /// It is older than the cursor: ask again.
    Stale,
}

/// One signed-in account on one device.
pub struct Session {
    store: Store,
    engine: Engine,
    client: String,
    jitter: Jitter,
    last_row: RowId,
    rebuilt: bool,
    /// The cache was rebuilt for an error and is not complete yet: another error is not its fault.
    blamed: bool,
    /// The engine believes more than the store holds: it must be built again before it decides anything.
    stale: bool,
}

impl Session {
    /// Opens the databases in `folder` and starts an engine on them. `client` names the app in the server's log;
    /// `seed` spreads retries and need not be secret.
    pub fn open(
        folder: &Path,
        client: &str,
        account: AccountId,
        seed: u64,
        now: Now,
    ) -> Result<(Self, Opened), OpenError> {
        let (mut store, mut cache_rebuilt) = Store::open(folder, account)?;
        let mut jitter = Jitter::new(seed);
        let engine = match engine(&store, client, &mut jitter, now) {
            // Opening looks at the schema alone; this is the first to read what is in the tables.
            Err(error) if error.suggests_damage() && !cache_rebuilt => {
                store.rebuild_cache()?;
                cache_rebuilt = true;
                engine(&store, client, &mut jitter, now)?
            }
            done => done?,
        };
        let last_row = store.last_row()?;
        let client = client.to_owned();
        let session =
            Self { store, engine, client, jitter, last_row, rebuilt: cache_rebuilt, blamed: false, stale: false };
        Ok((session, Opened { cache_rebuilt }))
    }

    /// Gives the engine its inputs, commits, and answers what has to be done. On an error nothing was stored, nothing
    /// may be sent, and the connection is gone: the driver closes it.
    pub fn step(&mut self, now: Now, inputs: Vec<Input>) -> Result<Vec<Effect>, StoreError> {
        let ready = if self.stale { self.restart(now) } else { Ok(()) };
        match ready.and_then(|()| self.try_step(now, inputs)) {
            Ok(effects) => {
                self.blamed &= self.engine.status().phase != (Phase::Open { caught_up: true });
                Ok(effects)
            }
            Err(error) if matches!(error, StoreError::CacheDamaged) || (error.suggests_damage() && !self.blamed) => {
                self.stale = true;
                self.blamed = true;
                self.rebuild_cache(now)?;
                Err(StoreError::CacheDamaged)
            }
            Err(error) => {
                // If not even this works, the next step begins with it, and the error that came first is the one told.
                self.stale = self.restart(now).is_err();
                Err(error)
            }
        }
    }

    fn try_step(&mut self, now: Now, inputs: Vec<Input>) -> Result<Vec<Effect>, StoreError> {
        let mut pending: std::collections::VecDeque<Input> = inputs.into();
        let mut writes = Vec::new();
        let mut effects = Vec::new();
        let mut changes = std::collections::BTreeSet::new();
        while let Some(input) = pending.pop_front() {
            for action in self.engine.step(now, input) {
                match action {
                    Action::Store(write) => writes.push(write),
                    Action::LoadJournal { after } => {
                        // What this step has settled so far must be in the journal before it is read.
                        self.store.apply(&std::mem::take(&mut writes))?;
                        let (rows, unnamed) = (self.store.journal(after)?, self.store.unnamed()?);
                        pending.push_front(Input::Journal { rows, unnamed });
                    }
                    Action::Connect => effects.push(Effect::Connect),
                    Action::Close => effects.push(Effect::Close),
                    Action::Send(frame) => effects.push(Effect::Send(frame)),
                    Action::Tell(change) => {
                        changes.insert(change);
                    }
                }
            }
        }
        self.store.apply(&writes)?;
        effects.extend(changes.into_iter().map(Effect::Tell));
        Ok(effects)
    }

    /// Builds the engine again from the store.
    fn restart(&mut self, now: Now) -> Result<(), StoreError> {
        self.engine = engine(&self.store, &self.client, &mut self.jitter, now)?;
        self.last_row = self.last_row.max(self.store.last_row()?);
        self.stale = false;
        Ok(())
    }

    /// Moves a damaged cache aside and begins an empty one. The connection is gone, as after a step that failed.
    pub fn rebuild_cache(&mut self, now: Now) -> Result<(), StoreError> {
        self.store.rebuild_cache()?;
        self.rebuilt = true;
        self.restart(now)
    }

    /// When the session wants `Input::Tick`, by the monotonic clock.
    pub fn deadline(&self) -> Option<u64> {
        self.engine.deadline()
    }

    /// What the engine holds in memory at the moment.
    pub fn held(&self) -> Held {
        self.engine.held()
    }

    /// What the screen says about the connection.
    pub fn status(&self) -> Status {
        self.engine.status()
    }

    /// Whether the cache was rebuilt since the session was opened.
    pub fn cache_rebuilt(&self) -> bool {
        self.rebuilt
    }

    /// How many commands the outbox still takes.
    pub fn room(&self) -> usize {
        outbox::ROWS_MAX.saturating_sub(self.engine.status().waiting)
    }

    /// A new row id for `Input::Enqueue` and `Input::Retry`.
    pub fn next_row(&mut self) -> RowId {
        self.last_row = RowId(self.last_row.0 + 1);
        self.last_row
    }

    /// Keeps what is in a composer.
    pub fn save_draft(
        &mut self,
        now: Now,
        conversation: ConversationId,
        text: &str,
    ) -> Result<Vec<Effect>, StoreError> {
        self.store.save_draft(conversation, text, now.wall_ms)?;
        Ok(vec![Effect::Tell(Change::Conversations)])
    }

    /// Remembers people, so that a conversation begun with them has a name before the server has it.
    pub fn meet(&mut self, people: &[Profile]) -> Result<(), StoreError> {
        self.store.meet(people)
    }

    /// Merges the page of older items that was asked for with this `before`.
    pub fn merge_history(
        &mut self,
        conversation: ConversationId,
        before: Seq,
        page: &HistoryPage,
    ) -> Result<Merged, StoreError> {
        if self.store.merge_history(conversation, before, page)? {
            Ok(Merged::Applied(vec![Effect::Tell(Change::Timeline(conversation))]))
        } else {
            Ok(Merged::Stale)
        }
    }

    /// Whether the cache wants a thorough look, in the background.
    pub fn inspection_due(&self) -> bool {
        self.store.inspection_due() && !self.rebuilt
    }

    /// A reader of both databases.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        self.store.reader()
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("engine", &self.engine)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

fn engine(store: &Store, client: &str, jitter: &mut Jitter, now: Now) -> Result<Engine, StoreError> {
    let snapshot = store.snapshot(jitter.generation(now.wall_ms))?;
    Ok(Engine::new(client, snapshot, jitter.seed(), now))
}

#[cfg(test)]
mod tests;
