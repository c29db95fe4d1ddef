//! A node: store, relay and hub behind one function.
//!
//! [`Node::step`] takes whatever is waiting as one batch, in three movements:
//!
//! 1. everything that writes goes into one transaction (`batch`), each command in a savepoint of its own;
//! 2. one commit (group commit). If it fails, nothing of the batch is acknowledged and nobody is told anything of it. If
//!    it was not the disk, each command is tried alone, so that one that cannot be written does not keep its neighbours;
//! 3. the pushes of the commit are handed out, then verdicts, welcomes and answers to pulls, which are read from the
//!    committed state.
//!
//! A node holds no socket, thread, clock or random number: the edge calls it from its writer thread, the simulation
//! calls it from a loop. Answers to pulls are read on the same thread, [`PULLS_PER_STEP`] in one step, so that commits do
//! not wait long for them. Reading them elsewhere was refused for now
//! (`docs/decisions/0007-pulls-on-the-writer-thread.md`): an answer read before the commit that removes a member could
//! arrive after it.
//!
//! The batch's size is bounded by whoever collects it; nothing here grows with it beyond its outputs.

mod batch;
mod commands;
mod input;
mod job;
mod lineage;
mod marks;
mod reads;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX;
use fil_protocol::{ErrorCode, Event, EventBody, KnownEvent, ProtocolError, ServerFrame};

use self::batch::{After, Batch};
pub use self::input::{Actor, Backlog, ConnectionId, Idempotency, Input, Output, RequestId, Revoked};
pub use self::job::{Job, job};
pub use self::lineage::ACCOUNTS_MIN;
use self::lineage::Lineage;
use self::marks::Marks;
pub use self::marks::{MARK_MS, MARKS_KEPT_MS};
use crate::bus::{Bus, InProcessBus, Push};
use crate::clock::Now;
use crate::hub::connection::SLOW_CHECK_MS;
use crate::hub::{Delivery, Hub};
use crate::pull::Pull;
use crate::store::{ReadStore, Store, StoreError};

/// Pulls of one connection that may wait for its socket; a further one is refused with `rate_limited`.
pub const PULLS_WAITING_MAX: usize = 8 * COMMANDS_IN_FLIGHT_MAX;
/// Pulls that one step answers, of all connections in turn; the others wait for the next step, which is due at once.
pub const PULLS_PER_STEP: usize = 8;
/// How long answers to repeated HTTP requests are kept.
pub const ANSWERS_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How often old answers are removed.
const ANSWERS_SWEPT_MS: u64 = 60 * 60 * 1000;
/// How long after a deletion the log is emptied, so that many deletions share one emptying.
const FORGET_AFTER_MS: u64 = 2_000;
/// What a client waits after the server could not write.
const RETRY_MS: u64 = 2_000;

/// A node.
pub struct Node {
    store: Box<dyn Store>,
    reads: Box<dyn ReadStore>,
    hub: Hub,
    bus: Box<dyn Bus>,
    /// Pulls that wait until their connection's socket has taken what it has.
    pulls: BTreeMap<ConnectionId, VecDeque<Pull>>,
    /// Whose pull was answered last: the next one's turn comes first.
    pulled_last: ConnectionId,
    /// Whether a pull waits for nothing but its turn.
    pulls_due: bool,
    now: Now,
    /// Both by the steady clock.
    forget_due_ms: Option<u64>,
    sweep_due_ms: u64,
    stopping: bool,
    lineage: Lineage,
    marks: Marks,
}

impl Node {
    /// A node that is alone on this store, with nobody connected.
    pub fn new(store: Box<dyn Store>) -> Result<Self, StoreError> {
        Self::with_bus(store, Box::new(InProcessBus::default()))
    }

    /// A node that exchanges pushes with others.
    pub fn with_bus(store: Box<dyn Store>, bus: Box<dyn Bus>) -> Result<Self, StoreError> {
        let mut reads = store.open_reads()?;
        let snapshot = reads.snapshot()?;
        let marks = Marks::load(&*snapshot)?;
        let hub = Hub::new(snapshot.committed_horizon()?, marks.stamp());
        drop(snapshot);
        Ok(Self {
            store,
            reads,
            hub,
            bus,
            pulls: BTreeMap::new(),
            pulled_last: ConnectionId(0),
            pulls_due: false,
            now: Now::default(),
            forget_due_ms: None,
            sweep_due_ms: 0,
            stopping: false,
            lineage: Lineage::default(),
            marks,
        })
    }

    /// Takes one batch.
    pub fn step(&mut self, now: impl Into<Now>, inputs: Vec<Input>) -> Vec<Output> {
        let Now { wall_ms, steady_ms } = now.into();
        self.now = Now { wall_ms, steady_ms: self.now.steady_ms.max(steady_ms) };
        let now_ms = self.now.steady_ms;
        let sweep = now_ms >= self.sweep_due_ms;
        let mut batch = Batch::new(&mut self.hub, &mut self.marks, self.now, self.stopping);
        for input in inputs {
            batch.sort(input);
        }
        let (after, pushes) = batch.commit(self.store.as_mut(), sweep);
        if sweep {
            self.sweep_due_ms = now_ms + ANSWERS_SWEPT_MS;
        }
        self.hub.stands_at(wall_ms, self.marks.stamp());
        self.publish(pushes);
        let mut outputs = Vec::new();
        let mut welcomes = Vec::new();
        for what in after {
            match what {
                After::Welcome { connection, protocol, hello } => welcomes.push((connection, protocol, hello)),
                // In order: what a connection hears after its welcome must not come before it.
                what => {
                    self.welcome(&mut welcomes);
                    self.follow_up(what, &mut outputs);
                }
            }
        }
        self.welcome(&mut welcomes);
        self.mend_lineage();
        self.answer_pulls();
        self.hub.settle(now_ms);
        self.hub.tick(now_ms);
        self.forget();
        outputs.extend(self.hub.take().into_iter().map(Output::from));
        outputs
    }

    /// When the next [`Input::Tick`] is due, by the steady clock; none if there is nothing to wait for.
    pub fn deadline(&self) -> Option<u64> {
        let wait_ms = if self.pulls_due { 0 } else { SLOW_CHECK_MS };
        let pulls = (!self.pulls.is_empty()).then_some(self.now.steady_ms + wait_ms);
        [self.hub.deadline(self.now.steady_ms), self.forget_due_ms, pulls].into_iter().flatten().min()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.hub.count()
    }

    /// The bytes that wait for all sockets together.
    pub fn queued_bytes(&self) -> u64 {
        self.hub.queued_bytes()
    }

    fn publish(&mut self, pushes: Vec<Push>) {
        if pushes.iter().any(is_deletion) {
            self.forget_due_ms.get_or_insert(self.now.steady_ms + FORGET_AFTER_MS);
        }
        self.bus.publish(pushes);
        for push in self.bus.receive() {
            self.hub.push(self.now.steady_ms, &push);
        }
    }

    fn follow_up(&mut self, what: After, outputs: &mut Vec<Output>) {
        match what {
            After::Reply { connection, frame } => self.hub.reply(connection, &frame),
            After::Refuse { connection, error } => self.hub.refuse(connection, error),
            // Many of them share a snapshot: see `step`.
            After::Welcome { connection, protocol, hello } => self.welcome(&mut vec![(connection, protocol, hello)]),
            After::Pull { connection, pull } => self.enqueue_pull(connection, pull),
            After::Answer { request, result } => outputs.push(Output::Answered { request, result }),
            After::Finish { job, result } => job.finish(result),
            After::Revoke(Revoked::Device(device)) => {
                let error = ProtocolError::new(ErrorCode::DeviceRevoked, "the device was revoked: sign in again");
                self.hub.refuse_all(&error, |actor| actor.device == device);
            }
            After::Revoke(Revoked::Account(account)) => {
                let error = ProtocolError::new(ErrorCode::AccountDisabled, "the account was disabled");
                self.hub.refuse_all(&error, |actor| actor.account == account);
            }
            After::ShutDown => {
                self.stopping = true;
                self.hub.shut_down();
            }
        }
    }

    fn enqueue_pull(&mut self, connection: ConnectionId, pull: Pull) {
        let waiting = self.pulls.entry(connection).or_default();
        if waiting.len() < PULLS_WAITING_MAX {
            waiting.push_back(pull);
        } else {
            let detail = "too many pulls wait for their answers";
            let error = ProtocolError::retry_after(ErrorCode::RateLimited, detail, RETRY_MS);
            self.hub.reply(connection, &ServerFrame::Error { request: Some(pull.request), error });
        }
    }

    /// Empties the log after deletions. A reader in the middle of its snapshot may prevent it; then a little later.
    fn forget(&mut self) {
        if self.forget_due_ms.is_some_and(|due_ms| due_ms <= self.now.steady_ms) {
            let done = match self.store.forget() {
                Ok(done) => done,
                Err(error) => {
                    tracing::warn!(%error, "the log could not be emptied after a deletion");
                    false
                }
            };
            self.forget_due_ms = if done { None } else { Some(self.now.steady_ms + FORGET_AFTER_MS) };
        }
    }
}

impl From<Delivery> for Output {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Send { connection, frame } => Self::Send { connection, frame },
            Delivery::Close { connection, code, reason } => Self::Close { connection, code, reason },
        }
    }
}

fn is_deletion(push: &Push) -> bool {
    matches!(push, Push::Event { event: Event { body: EventBody::Known(KnownEvent::Deletion { .. }), .. }, .. })
}

/// What a client is told when the store failed.
fn refusal(error: &StoreError) -> ProtocolError {
    let (kind, code, detail) = match error {
        StoreError::Full => ("full", ErrorCode::Unavailable, "the server's disk is full"),
        StoreError::Busy => ("busy", ErrorCode::Unavailable, "the server is busy"),
        _ => ("failed", ErrorCode::Internal, "the server failed; nothing was applied"),
    };
    crate::metrics::store_failed(kind);
    ProtocolError::retry_after(code, detail, RETRY_MS)
}
