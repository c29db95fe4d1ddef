//! The driver: one loop around the session, with one closed set of events.
//!
//! SQLite blocks, so the loop has a thread of its own and never sits on a worker of a runtime; sockets and HTTP live on
//! a small runtime that belongs to the profile, so the bridge works under any runtime of its caller and under none.
//! The loop takes an event, lets the session step, and carries out what the step answered: by then it is committed.
//!
//! Bounds: [`EVENTS_MAX`] events wait. When the queue is full, a request waits for its turn, and a socket waits before
//! it reads on, so the server feels it. The loop itself never waits for a queue.

mod changes;
mod event;
mod inspection;
mod link;
mod signing;
mod status;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fil_engine::connection::Phase;
use fil_engine::{Change as Shown, Input, Now};
use fil_protocol::ConversationId;
use fil_protocol::http::HistoryPage;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use changes::Send;
pub(crate) use event::{Answer, Change, Event};
use inspection::Inspection;
use link::Link;
use status::Trouble;

use crate::account::{Account, Shared};
use crate::bridge::types::{Failure, Update};
use crate::clock::Clock;
use crate::failure::{reject_reason, signed_out};
use crate::profile::ProfileFolder;
use crate::session::{Effect, Merged, Session};
use crate::socket::SocketEvent;
use crate::store::{Reader, StoreError};

/// Events that wait for the loop.
pub(crate) const EVENTS_MAX: usize = 256;
/// Frames that are committed together: what a burst of pushes costs is mostly the commit.
const FRAMES_TOGETHER_MAX: usize = 64;
/// Messages that are committed together: each costs a sync of the disk otherwise, and a bot writes many at once.
const SENDS_TOGETHER_MAX: usize = 64;
/// The loop looks at the clocks at least this often, to notice that the device was asleep.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// After a step that could not be stored the session rests this long before it connects again.
const REST_MS: u64 = 15_000;

/// The loop and everything that it owns.
pub(crate) struct Driver {
    pub(crate) folder: ProfileFolder,
    pub(crate) shared: Arc<Shared>,
    pub(crate) runtime: Handle,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) clock: Clock,
    /// The name of the app, for the server's log.
    pub(crate) app: String,
    pub(crate) online: Option<Online>,
    /// Connection attempts so far, while nobody is signed in.
    pub(crate) attempts: u64,
    pub(crate) events: mpsc::Receiver<Event>,
    /// For the sockets.
    pub(crate) sender: mpsc::Sender<Event>,
    /// Resolves when the bridge is closed or dropped.
    pub(crate) closed: oneshot::Receiver<()>,
}

/// A signed-in account with its session.
pub(crate) struct Online {
    session: Session,
    /// For what a change has to know before it is queued.
    reader: Reader,
    account: Arc<Account>,
    link: Option<Link>,
    inspection: Option<Inspection>,
    /// A question or a draft has met damage in the cache: see [`Driver::mend`].
    damaged: bool,
    /// Attempts so far.
    attempts: u64,
    trouble: Trouble,
    /// The conversation on screen, for a session that began again.
    shown: Option<ConversationId>,
    /// Until when nothing is tried, by the monotonic clock.
    rests_until_ms: Option<u64>,
}

impl Driver {
    /// Runs until the bridge is closed, then closes the socket and the databases.
    pub(crate) fn run(mut self) {
        let mut waiting = VecDeque::new();
        // The first step connects.
        self.tick();
        loop {
            let event = match waiting.pop_front() {
                Some(event) => Some(event),
                None => match self.wait() {
                    Waited::Event(event) => Some(*event),
                    Waited::Time => None,
                    Waited::Closed => break,
                },
            };
            match event {
                None => self.tick(),
                Some(Event::Socket { connection, event: SocketEvent::Frame(frame) }) => {
                    let mut inputs = vec![Input::Frame(*frame)];
                    while inputs.len() < FRAMES_TOGETHER_MAX {
                        match self.events.try_recv() {
                            Ok(Event::Socket { connection: same, event: SocketEvent::Frame(frame) })
                                if same == connection =>
                            {
                                inputs.push(Input::Frame(*frame));
                            }
                            Ok(other) => {
                                waiting.push_back(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.receive(connection, inputs);
                }
                Some(Event::Change { change: Change::Send { conversation, text }, answer }) => {
                    let mut sends = vec![Send { conversation, text, answer }];
                    while sends.len() < SENDS_TOGETHER_MAX {
                        match self.events.try_recv() {
                            Ok(Event::Change { change: Change::Send { conversation, text }, answer }) => {
                                sends.push(Send { conversation, text, answer });
                            }
                            Ok(other) => {
                                waiting.push_back(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.send_together(sends);
                }
                Some(event) => self.handle(event),
            }
            self.mend();
        }
        self.close();
    }

    fn wait(&mut self) -> Waited {
        let limit = Instant::now() + LOOK_MAX;
        let deadline = match self.online.as_ref().and_then(Online::deadline) {
            Some(deadline_ms) => limit.min(Instant::from_std(self.clock.instant(deadline_ms))),
            None => limit,
        };
        let Self { events, closed, runtime, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = closed => Waited::Closed,
                event = events.recv() => event.map_or(Waited::Closed, |event| Waited::Event(Box::new(event))),
                () = sleep_until(deadline) => Waited::Time,
            }
        })
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Change { change, answer } => {
                let changed = self.change(change);
                // Whoever asked may have stopped waiting; the change stays.
                let _ = answer.send(changed);
            }
            Event::SignedIn { record, auth, answer } => {
                let _ = answer.send(self.sign_in(record, auth));
            }
            Event::SignOut { discard_unsent, answer } => {
                let _ = answer.send(self.sign_out(discard_unsent));
            }
            Event::History { conversation, before, page, answer } => {
                let _ = answer.send(self.merge(conversation, before, &page));
            }
            Event::CacheDamaged { round } => self.rebuild_cache(round),
            Event::Socket { connection, event } => match event {
                SocketEvent::Opened => self.receive(connection, vec![Input::Connected]),
                SocketEvent::Frame(frame) => self.receive(connection, vec![Input::Frame(*frame)]),
                SocketEvent::Ended { error } => {
                    if self.is_current(connection) {
                        self.receive(connection, vec![Input::Disconnected { error }]);
                    }
                }
            },
        }
    }

    fn is_current(&self, connection: u64) -> bool {
        let link = self.online.as_ref().and_then(|online| online.link.as_ref());
        link.is_some_and(|link| link.is(connection))
    }

    /// What a socket says, unless it was given up.
    fn receive(&mut self, connection: u64, inputs: Vec<Input>) {
        if !self.is_current(connection) {
            return;
        }
        let ended = matches!(inputs.as_slice(), [Input::Disconnected { .. }]);
        if ended && let Some(online) = &mut self.online {
            online.link = None;
        }
        if let Err(error) = self.step(inputs) {
            tracing::warn!(%error, "what the server sent could not be stored");
        }
    }

    /// Time has passed.
    fn tick(&mut self) {
        let (now, woke) = self.clock.now_or_woke();
        let Some(online) = &mut self.online else { return };
        if online.rests_until_ms.is_some_and(|until_ms| now.monotonic_ms < until_ms) {
            return;
        }
        let mut inputs = vec![if woke { Input::Woke } else { Input::Tick }];
        if online.rests_until_ms.take().is_some() {
            inputs.insert(0, Input::Show { conversation: online.shown });
        }
        if let Err(error) = self.step(inputs) {
            tracing::warn!(%error, "a step could not be stored");
        }
    }

    /// One step of the session, and everything that it asks for.
    fn step(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        let now = self.clock.now();
        let online = self.online.as_mut().ok_or_else(signed_out)?;
        match online.session.step(now, inputs) {
            Ok(effects) => {
                online.trouble.disk_full = false;
                self.carry_out(now, effects);
                Ok(())
            }
            Err(error) => {
                self.stumble(now, &error);
                Err(error.into())
            }
        }
    }

    fn merge(
        &mut self,
        conversation: ConversationId,
        before: fil_protocol::Seq,
        page: &HistoryPage,
    ) -> Result<bool, Failure> {
        let now = self.clock.now();
        let online = self.online.as_mut().ok_or_else(signed_out)?;
        match online.session.merge_history(conversation, before, page) {
            Ok(Merged::Applied(effects)) => {
                self.carry_out(now, effects);
                Ok(true)
            }
            Ok(Merged::Stale) => Ok(false),
            Err(error) => Err(online.blame(error)),
        }
    }

    /// Builds the cache again if something outside of a step has met damage in it.
    fn mend(&mut self) {
        if let Some(online) = &mut self.online
            && std::mem::take(&mut online.damaged)
        {
            let round = online.account.readers.round();
            self.rebuild_cache(round);
        }
    }

    /// What a committed step asks for, in order.
    fn carry_out(&mut self, now: Now, effects: Vec<Effect>) {
        let Some(online) = &mut self.online else { return };
        let mut stuck = false;
        for effect in effects {
            match effect {
                Effect::Connect => {
                    online.attempts += 1;
                    let auth = Arc::clone(&online.account.auth);
                    let (tls, sender) = (Arc::clone(&self.tls), self.sender.clone());
                    online.link = Some(Link::open(&self.runtime, online.attempts, auth, tls, sender));
                }
                Effect::Close => online.link = None,
                Effect::Send(frame) => stuck |= online.link.as_ref().is_some_and(|link| !link.send(frame)),
                Effect::Tell(change) => self.shared.updates.send(&update(change)),
            }
        }
        if stuck {
            online.link = None;
            if let Err(error) = self.step(vec![Input::Disconnected { error: None }]) {
                tracing::warn!(%error, "a step could not be stored");
            }
        }
        self.publish(now);
    }

    /// A step was not stored: the session stands where it stood and has no connection. It rests before the next one,
    /// or a full disk would have it connect and fail in a circle.
    fn stumble(&mut self, now: Now, error: &StoreError) {
        let Some(online) = &mut self.online else { return };
        online.link = None;
        online.rests_until_ms = Some(now.monotonic_ms + REST_MS);
        match error {
            StoreError::DiskFull => online.trouble.disk_full = true,
            StoreError::CacheDamaged => {
                online.trouble.cache_rebuilt = true;
                online.rests_until_ms = Some(now.monotonic_ms);
                match online.open_readers() {
                    Ok(reader) => online.reader = reader,
                    Err(error) => tracing::error!(%error, "the rebuilt cache cannot be read"),
                }
                self.shared.updates.send(&Update::Overflowed);
            }
            StoreError::LocalDamaged | StoreError::Locked | StoreError::Failed(_) => {}
        }
        self.publish(now);
    }

    /// A reader found damage that the writer has not come across. Done once until everything is here again, so a disk
    /// that damages every file does not have the session begin again and again.
    fn rebuild_cache(&mut self, round: u64) {
        let now = self.clock.now();
        let Some(online) = &mut self.online else { return };
        if online.account.readers.round() != round || online.trouble.cache_rebuilt {
            return;
        }
        let rebuilt = online.session.rebuild_cache(now);
        self.stumble(now, &rebuilt.err().unwrap_or(StoreError::CacheDamaged));
    }

    /// Tells the screen if the status is another one.
    fn publish(&mut self, now: Now) {
        let Some(online) = &mut self.online else { return };
        let engine = online.session.status();
        if engine.phase == (Phase::Open { caught_up: true }) {
            online.trouble.cache_rebuilt = false;
        }
        let status = status::status(engine, online.trouble, now);
        if online.account.set_status(status) {
            self.shared.updates.send(&Update::Status);
        }
    }

    /// Closes the socket politely and the databases after it. The lock goes with the folder.
    fn close(mut self) {
        self.leave();
        self.shared.updates.close();
    }
}

impl Online {
    /// What failed outside of a step.
    fn blame(&mut self, error: StoreError) -> Failure {
        self.damaged |= error.suggests_damage();
        error.into()
    }

    fn deadline(&self) -> Option<u64> {
        match self.rests_until_ms {
            Some(until_ms) => Some(until_ms),
            None => self.session.deadline(),
        }
    }

    /// Opens readers of the databases as they are now; answers the driver's own.
    fn open_readers(&self) -> Result<Reader, StoreError> {
        let readers = (0..crate::readers::READERS).map(|_| self.session.reader()).collect::<Result<_, _>>()?;
        self.account.readers.replace(readers);
        self.session.reader()
    }
}

/// What waiting ended with.
enum Waited {
    Event(Box<Event>),
    Time,
    Closed,
}

fn update(change: Shown) -> Update {
    match change {
        Shown::Status => Update::Status,
        Shown::Conversations => Update::Conversations,
        Shown::Timeline(conversation) => Update::Timeline { conversation: conversation.to_string() },
        Shown::Reverted(conversation, code) => {
            Update::Reverted { conversation: conversation.to_string(), reason: reject_reason(code) }
        }
    }
}
