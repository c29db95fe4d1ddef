//! The machines put together: what one input means to each of them.

use fil_protocol::{
    Class, ClientFrame, ConversationId, ErrorCode, Hello, KnownAccountEntry, ProtocolError, ServerFrame, VersionRange,
    Welcome,
};

use crate::action::{Action, Change, StoreAction};
use crate::connection::{Connection, Phase, Step};
use crate::input::{Input, Now};
use crate::jitter::Jitter;
use crate::outbox::{self, Begun, Outbox};
use crate::reading::Reading;
use crate::sync::{Cursors, Sync};

/// How long the server may fail on the same commands before the person is told, in milliseconds.
const STUCK_MS: u64 = 24 * 60 * 60 * 1000;

/// What the store kept: everything that an engine begins with.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The outbox.
    pub outbox: outbox::Kept,
    /// The server's streams.
    pub cursors: Cursors,
    /// Read marks that the server does not know yet.
    pub read_marks: Vec<(fil_protocol::ConversationId, fil_protocol::Seq)>,
}

/// What the screen says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where the connection stands; times are by the monotonic clock.
    pub phase: Phase,
    /// Since when there is no connection, by the wall clock.
    pub offline_since_ms: Option<u64>,
    /// Commands that wait.
    pub waiting: usize,
    /// The server has failed on the head of the outbox for a day.
    pub outbox_stuck: bool,
    /// Synchronisation went in circles and was slowed down.
    pub sync_trouble: bool,
}

/// What an engine holds in memory that could grow, and is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Commands that wait: at most [`outbox::ROWS_MAX`].
    pub rows: usize,
    /// Those of them that wait for a conversation that a restored server does not have yet.
    pub awaiting: usize,
    /// Commands under way without a verdict: at most [`fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX`].
    pub in_flight: usize,
    /// Pulls under way: at most [`crate::sync::PULLS_MAX`] and the one of the account stream.
    pub pulls: usize,
    /// The most pushes of one conversation that wait for those before them: at most [`crate::sync::HELD_MAX`].
    pub pushes: usize,
    /// Conversations whose pushes are held before it is known that the account is a member: at most
    /// [`crate::sync::STRANGERS_MAX`].
    pub strangers: usize,
}

/// The engine of one signed-in account.
#[derive(Clone, Debug)]
pub struct Engine {
    client: String,
    connection: Connection,
    outbox: Outbox,
    sync: Sync,
    reading: Reading,
    jitter: Jitter,
    offline_since_ms: Option<u64>,
    /// The server's last applied number, while it is not known which conversations it has.
    reopening: Option<u64>,
    /// The same, while the journal is being loaded.
    loading: Option<u64>,
    wall_ms: u64,
}

impl Engine {
    /// An engine that begins where the store stands, and connects at its first tick. `client` names the app in the
    /// server's log.
    pub fn new(client: &str, snapshot: Snapshot, seed: u64, now: Now) -> Self {
        Self {
            client: client.to_owned(),
            connection: Connection::new(now.monotonic_ms),
            outbox: Outbox::new(snapshot.outbox),
            sync: Sync::new(snapshot.cursors),
            reading: Reading::new(snapshot.read_marks),
            jitter: Jitter::new(seed),
            offline_since_ms: Some(now.wall_ms),
            reopening: None,
            loading: None,
            wall_ms: now.wall_ms,
        }
    }

    /// What the screen says about the connection.
    pub fn status(&self) -> Status {
        Status {
            phase: self.connection.phase(),
            offline_since_ms: self.offline_since_ms,
            waiting: self.outbox.waiting(),
            outbox_stuck: self.outbox.failing_since_ms().is_some_and(|since_ms| self.wall_ms > since_ms + STUCK_MS),
            sync_trouble: self.sync.is_in_trouble(),
        }
    }

    /// What is held in memory at the moment.
    pub fn held(&self) -> Held {
        Held {
            rows: self.outbox.waiting(),
            awaiting: self.outbox.awaiting(),
            in_flight: self.outbox.in_flight(),
            pulls: self.sync.pulls(),
            pushes: self.sync.held_max(),
            strangers: self.sync.strangers(),
        }
    }

    /// When the engine wants a tick, by the monotonic clock; none if only an input can move it.
    pub fn deadline(&self) -> Option<u64> {
        self.connection.deadline().into_iter().chain(self.sync.deadline()).min()
    }

    /// One input, and what follows from it.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Action> {
        self.wall_ms = now.wall_ms;
        let mut actions = Vec::new();
        match input {
            Input::Enqueue { row, command } => self.outbox.enqueue(now, row, command, &mut actions),
            // A row that still waits was not rejected: the screen is behind.
            Input::Retry { rejected: row, .. } | Input::Discard { row } if self.outbox.holds(row) => {}
            Input::Retry { rejected, row, command } => {
                actions.push(Action::Store(StoreAction::RemoveCommand { row: rejected }));
                self.outbox.enqueue(now, row, command, &mut actions);
            }
            Input::Discard { row } => {
                actions.push(Action::Store(StoreAction::RemoveCommand { row }));
                actions.push(Action::Tell(Change::Conversations));
                actions.push(Action::Tell(Change::Status));
            }
            Input::MarkRead { conversation, seq } => {
                // Nobody has read what is not here. The server confirms no position beyond its head, so such a mark would be
                // sent again for ever.
                let seq = self.sync.cursor(conversation).map_or(seq, |cursor| seq.min(cursor));
                self.reading.mark(conversation, seq, &mut actions);
                actions.push(Action::Tell(Change::Conversations));
            }
            Input::Show { conversation } => self.sync.show(conversation),
            Input::ConnectNow | Input::Woke => {
                let step = self.connection.connect_now(now.monotonic_ms, &mut self.jitter);
                self.connect(now, step, &mut actions);
            }
            Input::Connected => self.greet(now, &mut actions),
            Input::Disconnected { error } => self.disconnect(now, error.as_ref(), &mut actions),
            Input::Frame(frame) => self.receive(now, frame, &mut actions),
            Input::Journal { rows, unnamed } => {
                if let Some(applied) = self.loading.take() {
                    let sync = &self.sync;
                    let known = |conversation| sync.follows(conversation);
                    let begun = self.outbox.reopened(now, applied, rows, &known, &mut self.jitter, &mut actions);
                    self.sync.offered(&mut actions);
                    // What is offered again waits for its conversation. The rest of what nobody names is of conversations that
                    // were taken away while the cache was of another history.
                    let waits = |id: &ConversationId| self.outbox.waits_in(*id);
                    unnamed.into_iter().filter(|id| !waits(id)).for_each(|id| self.sync.settled(id));
                    self.begun(now, begun, &mut actions);
                }
            }
            Input::Tick => {}
        }
        self.finish(now, &mut actions);
        actions
    }

    /// What is due at the end of every step.
    fn finish(&mut self, now: Now, actions: &mut Vec<Action>) {
        let step = self.connection.tick(now.monotonic_ms, &mut self.jitter);
        self.connect(now, step, actions);
        if !self.connection.is_open() {
            return;
        }
        // As long as the journal has not been offered to a restored server, nothing may be taken out of it.
        if self.reopening.is_none() && self.loading.is_none() {
            self.outbox.take_settled().into_iter().for_each(|conversation| self.sync.settled(conversation));
        }
        self.sync.finish(now.monotonic_ms, actions);
        if let Some(applied) = self.reopening.take_if(|_| self.sync.knows_account()) {
            self.loading = Some(applied);
            actions.push(Action::LoadJournal { after: applied });
        }
        let caught_up = self.sync.is_caught_up();
        if self.connection.caught_up(now.monotonic_ms, caught_up) {
            actions.push(Action::Tell(Change::Status));
        }
        if caught_up {
            self.reading.send(actions);
        }
        self.outbox.finish(actions);
        if self.outbox.is_in_flight() {
            self.connection.commands_waiting(now.monotonic_ms, self.sync.is_pulling());
        }
    }

    fn connect(&mut self, now: Now, step: Option<Step>, actions: &mut Vec<Action>) {
        match step {
            Some(Step::Connect) => actions.push(Action::Connect),
            Some(Step::Ping) => actions.push(Action::Send(ClientFrame::Ping)),
            Some(Step::Close) => {
                actions.push(Action::Close);
                self.lose(now, false);
            }
            None => return,
        }
        actions.push(Action::Tell(Change::Status));
    }

    fn greet(&mut self, now: Now, actions: &mut Vec<Action>) {
        if !self.connection.connected(now.monotonic_ms) {
            // An attempt that was given up in the meantime.
            actions.push(Action::Close);
            return;
        }
        actions.push(Action::Send(ClientFrame::Hello(Hello {
            protocol: VersionRange::OURS,
            client: self.client.clone(),
            generation: self.outbox.generation(),
            epoch: self.sync.epoch(),
            horizon: self.sync.horizon(),
            account_rev: self.sync.account_rev(),
            acknowledged: self.outbox.acknowledged_in(self.sync.epoch()),
            stamp: self.sync.stamp(),
        })));
    }

    fn disconnect(&mut self, now: Now, error: Option<&ProtocolError>, actions: &mut Vec<Action>) {
        self.connection.disconnected(now.monotonic_ms, error, &mut self.jitter);
        self.lose(now, error.is_some_and(|error| error.code == ErrorCode::Internal));
        actions.push(Action::Tell(Change::Status));
    }

    /// Nothing that was under way will come.
    fn lose(&mut self, now: Now, failed: bool) {
        self.outbox.disconnected(now, failed);
        self.sync.disconnected();
        self.reading.doubt();
        self.reopening = None;
        self.loading = None;
        self.offline_since_ms.get_or_insert(now.wall_ms);
    }

    fn receive(&mut self, now: Now, frame: ServerFrame, actions: &mut Vec<Action>) {
        let now_ms = now.monotonic_ms;
        let greeting = matches!(self.connection.phase(), Phase::Greeting { .. });
        if !greeting && !self.connection.is_open() {
            return;
        }
        self.connection.received(now_ms);
        match frame {
            ServerFrame::Welcome(welcome) if greeting => self.welcome(now, welcome, actions),
            ServerFrame::Error { request: Some(request), error } => {
                let gone = error.code == ErrorCode::NotFound;
                self.sync.refused(now_ms, request, gone, actions);
            }
            ServerFrame::Error { request: None, error } => {
                actions.push(Action::Close);
                self.disconnect(now, Some(&error), actions);
            }
            ServerFrame::GoingAway { retry_after_ms } => {
                let error =
                    ProtocolError::retry_after(ErrorCode::Unavailable, "the server is going away", retry_after_ms);
                actions.push(Action::Close);
                self.disconnect(now, Some(&error), actions);
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong => {}
            // Pushes before `welcome` are found again by the heads that it names.
            _ if greeting => {}
            ServerFrame::Verdict(verdict) => self.outbox.settle(now, &verdict, actions),
            ServerFrame::Event { conversation, event, stamp } => {
                self.sync.stamped(stamp, actions);
                self.sync.pushed(now_ms, conversation, event, actions);
            }
            ServerFrame::Events { request, conversation, after, events, stamp } => {
                self.sync.stamped(stamp, actions);
                self.sync.pulled(now_ms, request, conversation, after, events, actions);
            }
            ServerFrame::Window { request, window, stamp } => {
                self.sync.stamped(stamp, actions);
                self.sync.windowed(now_ms, request, window, actions);
            }
            ServerFrame::Account(changes) => {
                self.sync.stamped(changes.stamp, actions);
                let full = changes.full;
                for entry in self.sync.account(now_ms, changes, actions) {
                    self.read(&entry, actions);
                }
                if full {
                    actions.push(Action::Tell(Change::Status));
                }
            }
            ServerFrame::Heartbeat { horizon, account_rev, heads, stamp, .. } => {
                self.sync.stamped(stamp, actions);
                self.sync.heartbeat(now_ms, horizon, account_rev, &heads);
                self.reading.doubt();
                self.outbox.heartbeat(now, actions);
            }
        }
    }

    fn read(&mut self, entry: &KnownAccountEntry, actions: &mut Vec<Action>) {
        let KnownAccountEntry::Conversation(entry) = entry;
        self.outbox.appeared(entry.conversation);
        if entry.member {
            self.reading.confirmed(entry.conversation, entry.read.seq, actions);
        } else {
            self.reading.forget(entry.conversation, actions);
        }
    }

    fn welcome(&mut self, now: Now, welcome: Welcome, actions: &mut Vec<Action>) {
        if welcome.protocol > VersionRange::OURS.current || welcome.protocol < VersionRange::OURS.lowest {
            let code = if welcome.protocol > VersionRange::OURS.current {
                ErrorCode::ClientTooOld
            } else {
                ErrorCode::ClientTooNew
            };
            debug_assert_eq!(code.class(), Class::Update);
            actions.push(Action::Close);
            self.disconnect(now, Some(&ProtocolError::new(code, "no common version")), actions);
            return;
        }
        self.connection.welcomed();
        self.offline_since_ms = None;
        let lost = self.sync.is_of_another_history(&welcome) || self.outbox.is_ahead_of(&welcome);
        self.sync.welcomed(now.monotonic_ms, &welcome, lost, actions);
        if lost || self.outbox.is_of_another_epoch(&welcome) {
            self.reading.forget_all(actions);
        }
        let sync = &self.sync;
        let known = |conversation| sync.follows(conversation);
        let begun = self.outbox.welcomed(now, welcome, lost, &known, &mut self.jitter, actions);
        if let Begun::Loading { applied } = begun {
            self.reopening = Some(applied);
            self.sync.keep_journal();
        }
        self.begun(now, begun, actions);
        actions.push(Action::Tell(Change::Status));
    }

    fn begun(&mut self, now: Now, begun: Begun, actions: &mut Vec<Action>) {
        if begun == Begun::NeedsHello {
            actions.push(Action::Close);
            self.connection.begin_anew(now.monotonic_ms, &mut self.jitter);
            self.lose(now, false);
            actions.push(Action::Tell(Change::Status));
        }
    }
}
