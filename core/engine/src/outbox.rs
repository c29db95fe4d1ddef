//! The outbox: commands in the order of pressing send, their numbers, and what became of them.
//!
//! One queue per device. A row gets its number when it is first transmitted and keeps it; the number is stored before
//! the command leaves. The server answers every number with a verdict exactly once in effect, however often it is asked,
//! so the rules here are few:
//!
//! - after every `welcome` everything above the server's last applied number is sent again, in order;
//! - a transient failure retries the head and never skips it; a rejection is a verdict too and blocks nothing;
//! - before its first transmission a message can still be rewritten or taken back, after it changes queue behind it;
//! - a server with another epoch is offered the journal again, under the same numbers;
//! - what was written in a conversation that the restored server does not have yet waits for the account stream to name
//!   it: the devices of its members come back in any order, and only one of them begins it again;
//! - if numbers cannot be continued (this database is older than what the server has seen from it, or the journal has
//!   a hole), a new generation starts at 1. Ids in the commands keep even that from applying anything twice.
//!
//! At most [`ROWS_MAX`] rows wait; the driver refuses further ones before they get here. At most
//! [`COMMANDS_IN_FLIGHT_MAX`] are transmitted without a verdict.

use std::collections::{BTreeSet, VecDeque};
use std::mem;

use fil_protocol::limits::{COMMANDS_IN_FLIGHT_MAX, JOURNAL_MS};
use fil_protocol::{
    ClientFrame, Command, ConversationId, Epoch, ErrorCode, Generation, MessageId, Outcome, RawCommand, Seq, Verdict,
    Welcome,
};

use crate::action::{Action, Change, StoreAction};
use crate::input::Now;
use crate::jitter::Jitter;

/// How many commands may wait.
pub const ROWS_MAX: usize = 10_000;
/// How long after a restore what was written in a conversation that the server has lost waits for somebody to bring it
/// back, in milliseconds. After that it is offered, and rejected.
const RECOVERY_MS: u64 = 24 * 60 * 60 * 1000;

/// Verdicts that are acknowledged together while more are to come: half of those that may be missing, so that the server
/// never keeps many more than it would have to anyway.
const ACKNOWLEDGE_EVERY: u64 = COMMANDS_IN_FLIGHT_MAX as u64 / 2;

/// The id of an outbox row: later rows have higher ids, and that is the order of pressing send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub i64);

/// A command that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id.
    pub row: RowId,
    /// Its number, from the first transmission on.
    pub no: Option<u64>,
    /// What it asks for; immutable once it was transmitted.
    pub command: Command,
    /// Whether it was ever transmitted, under this number or in an earlier generation: the server may have applied it.
    pub transmitted: bool,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Outbox {
    generation: Generation,
    /// The server's history that the numbers were last compared with.
    epoch: Option<Epoch>,
    /// The epoch is news that is not stored yet.
    epoch_due: bool,
    /// The highest number given out in this generation.
    last_no: u64,
    /// Verdicts up to this number are stored here.
    acknowledged: u64,
    /// Rows with a number, by number; behind them rows without, by row id.
    rows: VecDeque<Row>,
    /// How many rows at the front were transmitted on the connection that is open now.
    in_flight: usize,
    open: bool,
    /// Verdicts were stored that the server has not been told of.
    acknowledge_due: bool,
    /// Up to which number it was told, on the connection that is open now.
    told: u64,
    /// The numbers in the journal may be none that the server could know.
    numbers_doubtful: bool,
    /// The server has lost something, and the journal was not offered yet.
    journal_due: bool,
    /// The server has lost something under an epoch that says nothing of it.
    bereft: bool,
    /// Conversations that the server has lost, and whose members have not brought them back yet. What was written in them
    /// waits without a number, in its order, and holds nothing else back.
    awaited: BTreeSet<ConversationId>,
    /// Conversations in which a command was applied, for sync to see to it that they are still here.
    settled: BTreeSet<ConversationId>,
    /// Something was settled since the journal was last pruned, or nobody has looked at it yet.
    prune_due: bool,
    /// Since when the server has failed on what it was sent, by the wall clock.
    failing_since_ms: Option<u64>,
}

/// What the store kept of the outbox.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The generation.
    pub generation: Generation,
    /// The server's history that the numbers were last compared with. It stands beside the outbox, apart from the
    /// cache's, so that losing the cache and restoring the server on the same day loses nothing.
    pub epoch: Option<Epoch>,
    /// The highest number ever given out in it, journal included.
    pub last_no: u64,
    /// Verdicts up to this number are stored.
    pub acknowledged: u64,
    /// The rows that wait: those with a number by number, then the others by row id.
    pub rows: Vec<Row>,
}

impl Outbox {
    /// The outbox as it was kept.
    pub fn new(kept: Kept) -> Self {
        let Kept { generation, epoch, last_no, acknowledged, rows } = kept;
        let rows = rows.into();
        Self {
            generation,
            epoch,
            epoch_due: false,
            last_no,
            acknowledged,
            rows,
            in_flight: 0,
            open: false,
            acknowledge_due: false,
            told: acknowledged,
            numbers_doubtful: false,
            journal_due: false,
            bereft: false,
            awaited: BTreeSet::new(),
            settled: BTreeSet::new(),
            prune_due: true,
            failing_since_ms: None,
        }
    }

    /// The generation, for `hello`.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Verdicts up to this number are stored here, for a `hello` that names this history. Those of another one are not:
    /// where the journal was not offered yet, a restored server would hear of more than it has applied, and take its
    /// database for an older copy.
    pub fn acknowledged_in(&self, epoch: Option<Epoch>) -> u64 {
        let another = epoch.is_some() && self.epoch.is_some() && self.epoch != epoch;
        if self.journal_due || another { 0 } else { self.acknowledged }
    }

    /// The conversations in which commands were applied since this was last asked.
    pub fn take_settled(&mut self) -> BTreeSet<ConversationId> {
        mem::take(&mut self.settled)
    }

    /// How many commands wait.
    pub fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Whether this row waits.
    pub fn holds(&self, row: RowId) -> bool {
        self.rows.iter().any(|known| known.row == row)
    }

    /// Whether a row of this conversation waits.
    pub fn waits_in(&self, conversation: ConversationId) -> bool {
        self.rows.iter().any(|row| row.command.conversation() == conversation)
    }

    /// How many commands wait until whoever began their conversation brings it back to a restored server.
    pub fn awaiting(&self) -> usize {
        self.rows.iter().filter(|row| row.no.is_none() && self.awaits(row)).count()
    }

    /// How many commands were transmitted whose verdicts have not come.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether there are any.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// Since when the server has failed on what it was sent, by the wall clock.
    pub fn failing_since_ms(&self) -> Option<u64> {
        self.failing_since_ms
    }

    /// A person wants something.
    pub fn enqueue(&mut self, now: Now, row: RowId, command: Command, actions: &mut Vec<Action>) {
        debug_assert!(self.rows.iter().all(|known| known.row < row), "row ids only grow");
        let conversation = command.conversation();
        match self.fold_into_unsent(&command) {
            Fold::Rewritten { row, command } => {
                actions.push(Action::Store(StoreAction::RewriteCommand { row, command }));
            }
            Fold::TakenBack { rows } => {
                actions.extend(rows.into_iter().map(|row| Action::Store(StoreAction::RemoveCommand { row })));
            }
            Fold::Nothing => {
                let inserted = StoreAction::InsertCommand { row, command: command.clone(), wall_ms: now.wall_ms };
                actions.push(Action::Store(inserted));
                self.rows.push_back(Row { row, no: None, command, transmitted: false });
                self.transmit(actions);
            }
        }
        actions.push(Action::Tell(Change::Timeline(conversation)));
        actions.push(Action::Tell(Change::Conversations));
        actions.push(Action::Tell(Change::Status));
    }

    /// An edit or deletion of a message that was never transmitted changes its row instead of queueing behind it.
    fn fold_into_unsent(&mut self, command: &Command) -> Fold {
        let (edited, message) = match command {
            Command::EditMessage { message, text, .. } => (Some(text), *message),
            Command::DeleteMessage { message, .. } => (None, *message),
            _ => return Fold::Nothing,
        };
        let unsent = |row: &Row| {
            !row.transmitted && matches!(&row.command, Command::SendMessage { message: id, .. } if *id == message)
        };
        let Some(row) = self.rows.iter_mut().find(|row| unsent(row)) else { return Fold::Nothing };
        match edited {
            Some(new_text) => {
                if let Command::SendMessage { text, .. } = &mut row.command {
                    text.clone_from(new_text);
                }
                Fold::Rewritten { row: row.row, command: row.command.clone() }
            }
            None => {
                let rows = vec![row.row];
                self.rows.retain(|row| !rows.contains(&row.row));
                Fold::TakenBack { rows }
            }
        }
    }

    /// Whether the server has applied less than it has said before, under the same epoch: its database was put back to an
    /// older state by hand.
    pub fn is_ahead_of(&self, welcome: &Welcome) -> bool {
        self.epoch == Some(welcome.epoch) && !self.journal_due && welcome.applied < self.judged()
    }

    /// The highest number whose verdict is stored here. Every number that was given out has its row, or had its verdict; where
    /// verdicts are missing in between, it is higher than what is acknowledged.
    fn judged(&self) -> u64 {
        let waiting = self.rows.iter().rev().filter_map(|row| row.no);
        waiting.fold(self.last_no, |no, waiting| if waiting == no { no - 1 } else { no })
    }

    /// Whether the numbers here were last compared with another history: the server was restored from a backup.
    pub fn is_of_another_epoch(&self, welcome: &Welcome) -> bool {
        self.epoch.is_some_and(|epoch| epoch != welcome.epoch)
    }

    /// The server has said where it stands. `lost` if it has lost a part of the history that this device knows; `known`
    /// says which conversations it has.
    pub fn welcomed(
        &mut self,
        now: Now,
        welcome: Welcome,
        lost: bool,
        known: &dyn Fn(ConversationId) -> bool,
        jitter: &mut Jitter,
        actions: &mut Vec<Action>,
    ) -> Begun {
        let restored = self.is_of_another_epoch(&welcome);
        self.bereft |= lost;
        // A device that meets the server for the first time has lost nothing.
        let recovering = self.bereft || (self.epoch.is_some() && is_young(&welcome));
        let Welcome { epoch, applied, verdicts, .. } = welcome;
        self.in_flight = 0;
        for verdict in verdicts {
            self.settle(now, &verdict, actions);
        }
        self.epoch_due |= self.epoch.replace(epoch) != Some(epoch);
        // Nothing applied and no other epoch: an older copy of *this* database may have come back instead, with a
        // generation that the server has left behind. Then its numbers say nothing about what the server has.
        self.numbers_doubtful = !restored && applied == 0;
        self.awaited.clear();
        self.journal_due |= lost || restored;
        if self.journal_due {
            // The journal may hold what the restored server has lost. Transmission begins when it is loaded, and it is
            // loaded when it is known which conversations the server has.
            return Begun::Loading { applied };
        }
        if recovering {
            self.awaited = self.missing(known);
        }
        self.begin(now, applied, jitter, actions)
    }

    /// The journal has been loaded: what a restored server may have lost. Rows above its last applied number are sent
    /// again under their numbers. Rows of earlier generations have none, so the server cannot say what it has lost of
    /// them; those whose ids keep them from being applied twice are sent again, all under a new generation.
    pub fn reopened(
        &mut self,
        now: Now,
        applied: u64,
        journal: Vec<Row>,
        known: &dyn Fn(ConversationId) -> bool,
        jitter: &mut Jitter,
        actions: &mut Vec<Action>,
    ) -> Begun {
        self.journal_due = false;
        let numbers_count = !self.numbers_doubtful;
        let offers = |row: &Row| (row.no.is_some() && numbers_count) || may_be_repeated(&row.command);
        let (journal, never): (Vec<Row>, Vec<Row>) = journal.into_iter().partition(offers);
        // What cannot be offered is of the history that was lost, and so is the event that it was applied as: a title would
        // be drawn over the server's as long as the new history has not come as far.
        for row in never {
            actions.push(Action::Store(StoreAction::RemoveCommand { row: row.row }));
        }
        if !journal.is_empty() {
            let rows = journal.iter().map(|row| row.row).collect();
            actions.push(Action::Store(StoreAction::ReopenJournal { rows }));
            actions.push(Action::Tell(Change::Conversations));
            actions.push(Action::Tell(Change::Status));
        }
        let renumber = journal.iter().any(|row| row.no.is_none());
        self.rows.extend(journal);
        self.rows.make_contiguous().sort_by_key(|row| (row.no.unwrap_or(u64::MAX), row.row));
        self.acknowledged = self.acknowledged.min(applied);
        actions.push(Action::Store(StoreAction::SetAcknowledged { no: self.acknowledged }));
        let numbered = self.rows.iter().filter_map(|row| row.no).filter(|no| *no > applied);
        self.awaited = self.missing(known);
        let numbered_is_missing = self.rows.iter().any(|row| row.no > Some(applied) && self.awaits(row));
        // Up to the last number given out: one whose command was refused is in no journal, and would be left out.
        let gapless = numbered.eq(applied.saturating_add(1)..=self.last_no);
        if renumber || !gapless || numbered_is_missing {
            self.settle_applied(now, applied, actions);
            self.store_epoch(actions);
            self.start_generation(now, jitter, actions);
            return Begun::NeedsHello;
        }
        self.begin(now, applied, jitter, actions)
    }

    /// The conversations that something waits for here, and that neither the server has nor this device begins.
    fn missing(&self, known: &dyn Fn(ConversationId) -> bool) -> BTreeSet<ConversationId> {
        let begins = |row: &&Row| matches!(row.command, Command::CreateConversation { .. });
        let begun: BTreeSet<_> = self.rows.iter().filter(begins).map(|row| row.command.conversation()).collect();
        let wanted = self.rows.iter().map(|row| row.command.conversation());
        wanted.filter(|conversation| !begun.contains(conversation) && !known(*conversation)).collect()
    }

    fn awaits(&self, row: &Row) -> bool {
        self.awaited.contains(&row.command.conversation())
    }

    /// The account stream says something new of a conversation: whoever began it has brought it back, or it is gone for
    /// this account, and then a rejection is the truth. Either way what waits for it goes out with the next `finish`.
    pub fn appeared(&mut self, conversation: ConversationId) {
        self.awaited.remove(&conversation);
    }

    /// Transmission begins on a new connection. The epoch is stored only now, together with what it brought back.
    fn begin(&mut self, now: Now, applied: u64, jitter: &mut Jitter, actions: &mut Vec<Action>) -> Begun {
        self.store_epoch(actions);
        self.settle_applied(now, applied, actions);
        let expected = applied.saturating_add(1);
        let first = self.rows.front().and_then(|row| row.no).unwrap_or(self.last_no + 1);
        if first != expected {
            self.start_generation(now, jitter, actions);
            return Begun::NeedsHello;
        }
        self.open = true;
        self.transmit(actions);
        Begun::Transmitting
    }

    fn store_epoch(&mut self, actions: &mut Vec<Action>) {
        if let Some(epoch) = self.epoch.filter(|_| std::mem::take(&mut self.epoch_due)) {
            actions.push(Action::Store(StoreAction::SetEpoch { epoch }));
        }
    }

    /// A number that the server has applied and that still waits here lost its verdict with the server's history.
    fn settle_applied(&mut self, now: Now, applied: u64, actions: &mut Vec<Action>) {
        while let Some(no) = self.rows.front().and_then(|row| row.no).filter(|no| *no <= applied) {
            self.settle(now, &Verdict { no, outcome: Outcome::Applied { seq: Seq::ZERO } }, actions);
        }
    }

    /// Numbers cannot be continued: they start again, for everything that waits, after a new `hello`.
    fn start_generation(&mut self, now: Now, jitter: &mut Jitter, actions: &mut Vec<Action>) {
        self.generation = jitter.generation(now.wall_ms);
        self.last_no = 0;
        self.acknowledged = 0;
        self.told = 0;
        for row in &mut self.rows {
            row.no = None;
        }
        self.rows.make_contiguous().sort_by_key(|row| row.row);
        actions.push(Action::Store(StoreAction::StartGeneration { generation: self.generation }));
    }

    /// A verdict came, or was repeated.
    pub fn settle(&mut self, now: Now, verdict: &Verdict, actions: &mut Vec<Action>) {
        self.failing_since_ms = None;
        self.acknowledge_due = true;
        let Some(at) = self.rows.iter().position(|row| row.no == Some(verdict.no)) else { return };
        let row = self.rows.remove(at).expect("the position was just found");
        if at < self.in_flight {
            self.in_flight -= 1;
        }
        self.advance_acknowledged(actions);
        let conversation = row.command.conversation();
        match verdict.outcome {
            Outcome::Applied { seq } => {
                let settled = StoreAction::SettleCommand { row: row.row, seq, wall_ms: now.wall_ms };
                actions.push(Action::Store(settled));
                self.settled.insert(conversation);
                self.prune_due = true;
            }
            Outcome::Rejected { code } => self.reject(&row, code, actions),
        }
        actions.push(Action::Tell(Change::Timeline(conversation)));
        actions.push(Action::Tell(Change::Conversations));
        actions.push(Action::Tell(Change::Status));
    }

    /// Acknowledging a number acknowledges all before it, so it waits for the lowest number without a verdict: verdicts
    /// may come out of order, and one that is forgotten by the server must be stored here.
    fn advance_acknowledged(&mut self, actions: &mut Vec<Action>) {
        let lowest_open = self.rows.front().and_then(|row| row.no).unwrap_or(self.last_no + 1);
        if lowest_open > self.acknowledged + 1 {
            self.acknowledged = lowest_open - 1;
            actions.push(Action::Store(StoreAction::SetAcknowledged { no: self.acknowledged }));
        }
    }

    /// Messages, and the conversations they need, stay for the person to decide. Anything else is undone with a notice.
    fn reject(&mut self, row: &Row, code: ErrorCode, actions: &mut Vec<Action>) {
        let conversation = row.command.conversation();
        match row.command {
            Command::SendMessage { message, .. } => {
                actions.push(Action::Store(StoreAction::RejectCommand { row: row.row, code }));
                self.drop_dependents(conversation, message, actions);
            }
            Command::CreateConversation { .. } => {
                actions.push(Action::Store(StoreAction::RejectCommand { row: row.row, code }));
            }
            _ => {
                actions.push(Action::Store(StoreAction::RemoveCommand { row: row.row }));
                actions.push(Action::Tell(Change::Reverted(conversation, code)));
            }
        }
    }

    /// Changes to a rejected message that were not transmitted yet go with it.
    fn drop_dependents(&mut self, conversation: ConversationId, message: MessageId, actions: &mut Vec<Action>) {
        self.rows.retain(|row| {
            let depends = !row.transmitted
                && row.command.conversation() == conversation
                && row.command.message() == Some(message);
            if depends {
                actions.push(Action::Store(StoreAction::RemoveCommand { row: row.row }));
            }
            !depends
        });
    }

    /// Sends what may be sent.
    fn transmit(&mut self, actions: &mut Vec<Action>) {
        if !self.open {
            return;
        }
        while self.in_flight < COMMANDS_IN_FLIGHT_MAX {
            if !self.bring_forward() {
                break;
            }
            let Some(row) = self.rows.get_mut(self.in_flight) else { break };
            let no = match row.no {
                Some(no) => no,
                None => {
                    self.last_no += 1;
                    (row.no, row.transmitted) = (Some(self.last_no), true);
                    actions.push(Action::Store(StoreAction::NumberCommand { row: row.row, no: self.last_no }));
                    self.last_no
                }
            };
            let command = RawCommand::Known(row.command.clone());
            actions.push(Action::Send(ClientFrame::Command { no, command }));
            self.in_flight += 1;
        }
    }

    /// Puts the next row that may be transmitted behind those that were. False if there is none.
    fn bring_forward(&mut self) -> bool {
        if self.awaited.is_empty() {
            return self.in_flight < self.rows.len();
        }
        let free = |row: &Row| row.no.is_some() || !self.awaits(row);
        let Some(at) = (self.in_flight..self.rows.len()).find(|at| free(&self.rows[*at])) else { return false };
        if let Some(row) = self.rows.remove(at) {
            self.rows.insert(self.in_flight, row);
        }
        true
    }

    /// The end of a step: tells the server which verdicts are stored, and uses the room that they made. While more
    /// verdicts are to come they are acknowledged together: the server counts frames, and one for each verdict would
    /// let a long outbox out at half the pace.
    pub fn finish(&mut self, actions: &mut Vec<Action>) {
        self.transmit(actions);
        let enough = self.acknowledged.saturating_sub(self.told) >= ACKNOWLEDGE_EVERY;
        if self.open && self.acknowledge_due && (self.in_flight == 0 || enough) {
            self.acknowledge_due = false;
            self.told = self.acknowledged;
            actions.push(Action::Send(ClientFrame::Acknowledge { no: self.acknowledged }));
        }
    }

    /// A heartbeat came: the journal loses what is too old, if anything was added to it. Once per heartbeat is often
    /// enough for a week, and costs nothing while nobody writes.
    pub fn heartbeat(&mut self, now: Now, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.prune_due) {
            let before_ms = now.wall_ms.saturating_sub(JOURNAL_MS);
            actions.push(Action::Store(StoreAction::PruneJournal { before_ms }));
        }
    }

    /// The connection is gone. `failed` if the server said that it failed on what it was sent.
    pub fn disconnected(&mut self, now: Now, failed: bool) {
        if failed && self.in_flight > 0 {
            self.failing_since_ms.get_or_insert(now.wall_ms);
        }
        self.in_flight = 0;
        self.open = false;
        self.acknowledge_due = false;
        // The next `hello` says it.
        self.told = self.acknowledged;
    }
}

/// Whether the server's history began so lately that devices still bring back what it lacks. An epoch is a UUIDv7, whose
/// first six bytes are the server's clock when it began.
fn is_young(welcome: &Welcome) -> bool {
    let began_ms = welcome.epoch.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    welcome.server_time_ms.saturating_sub(began_ms) < RECOVERY_MS
}

/// Whether a command changes nothing when it is applied a second time, by the ids in it. A title or a membership may
/// have been changed by others since.
fn may_be_repeated(command: &Command) -> bool {
    match command {
        Command::CreateConversation { .. }
        | Command::SendMessage { .. }
        | Command::EditMessage { .. }
        | Command::DeleteMessage { .. } => true,
        Command::SetTitle { .. } | Command::AddMember { .. } | Command::RemoveMember { .. } => false,
    }
}

/// What `welcome` led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Commands flow.
    Transmitting,
    /// The journal is being loaded.
    Loading {
        /// The server's last applied number.
        applied: u64,
    },
    /// A new generation began, which the server learns from another `hello`.
    NeedsHello,
}

/// What became of an edit or deletion of something unsent.
enum Fold {
    Rewritten { row: RowId, command: Command },
    TakenBack { rows: Vec<RowId> },
    Nothing,
}

#[cfg(test)]
mod tests;
