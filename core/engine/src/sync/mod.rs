//! Sync: what is missing here, asked for in the order that a person would want it.
//!
//! The server pushes; this machine finds what the pushes left out and pulls it: the account stream first (which
//! conversations there are), then the conversation on screen, then the others in the order the server named them,
//! most recently changed first. At most [`PULLS_MAX`] requests are under way.
//!
//! Whoever missed more than a hundred events of a conversation gets a window of it. For the one on screen it is a whole
//! page; for one that nobody looks at it is [`UNSEEN_ITEMS`], and the rest is fetched as history when it is opened. After
//! a month away that is the difference between 3 MB and 11 MB.
//!
//! [`Sync::is_caught_up`] is the state that the rest of the client waits for: every head that the server has named is
//! reached. Only then is the server's `horizon` stored, which spares naming these heads the next time.

mod breaker;
mod log;
mod logs;
mod stamps;
mod unnamed;

use std::collections::BTreeSet;

use fil_protocol::{
    AccountChanges, AccountEntry, ClientFrame, ConversationId, Epoch, Event, Head, KnownAccountEntry, Seq, Stamp,
    Stream, Welcome, Window,
};

use crate::action::{Action, Change, StoreAction};
use breaker::{Allowed, Breaker};
pub use log::HELD_MAX;
use log::Pull;
use logs::Logs;
pub use logs::STRANGERS_MAX;
use stamps::Stamps;
use unnamed::Unnamed;

/// Pulls under way at once: enough to keep the line busy, few enough that the conversation on screen never waits long.
pub const PULLS_MAX: usize = 4;
/// Items in a window of a conversation that is on screen: as many as a window may have, and a page of history has.
pub const SHOWN_ITEMS: u32 = fil_protocol::limits::WINDOW_ITEMS as u32;
/// Items in a window of a conversation that nobody looks at: about a screenful, so that it opens full and at once.
pub const UNSEEN_ITEMS: u32 = 12;
/// How long an answer may take before it is asked for again, in milliseconds. An answer that comes after that is taken
/// all the same: on a slow line it would never come otherwise.
const PULL_MS_MAX: u64 = 30_000;
/// How long a refused pull waits before it is tried again, in milliseconds.
const REFUSED_MS: u64 = 1_000;

/// What the store kept of the server's streams.
#[derive(Clone, Debug, Default)]
pub struct Cursors {
    /// The history that the cursors belong to.
    pub epoch: Option<Epoch>,
    /// Everything committed up to here is in the cache.
    pub horizon: u64,
    /// The cursor in the account stream.
    pub account_rev: u64,
    /// Nothing in the cache is newer than this place in the server's history; none if the server named none.
    pub stamp: Option<Stamp>,
    /// The conversations that are known, with the cursor of those that are stored.
    pub conversations: Vec<(ConversationId, Option<Seq>)>,
    /// Conversations that the journal has applied commands in, and that are not known.
    pub unnamed: Vec<ConversationId>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Sync {
    epoch: Option<Epoch>,
    horizon: u64,
    /// The horizon that holds once every head is reached.
    promised: u64,
    stamps: Stamps,
    account: Account,
    unnamed: Unnamed,
    logs: Logs,
    shown: Option<ConversationId>,
    open: bool,
    last_request: u64,
    last_rank: u64,
    breaker: Breaker,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    rev: u64,
    head: u64,
    /// Forget the cursor and ask for everything.
    whole: bool,
    pull: Option<Pull>,
    due_ms: Option<u64>,
}

impl Sync {
    /// Sync as the store has it.
    pub fn new(cursors: Cursors) -> Self {
        let logs = Logs::stored(cursors.conversations);
        let account = Account { rev: cursors.account_rev, head: cursors.account_rev, ..Account::default() };
        Self {
            epoch: cursors.epoch,
            horizon: cursors.horizon,
            promised: cursors.horizon,
            stamps: Stamps::stored(cursors.stamp),
            account,
            unnamed: Unnamed::stored(cursors.unnamed),
            logs,
            shown: None,
            open: false,
            last_request: 0,
            last_rank: 0,
            breaker: Breaker::default(),
        }
    }

    /// The history that the cursors belong to.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// For `hello`.
    pub fn horizon(&self) -> u64 {
        self.horizon
    }

    /// For `hello`.
    pub fn account_rev(&self) -> u64 {
        self.account.rev
    }

    /// For `hello`.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamps.told()
    }

    /// The last event of a conversation that is stored here; none if nothing is.
    pub fn cursor(&self, conversation: ConversationId) -> Option<Seq> {
        self.logs.cursor(conversation)
    }

    /// Whether every head that the server has named is reached.
    pub fn is_caught_up(&self) -> bool {
        self.open && !self.account.is_behind() && self.logs.are_caught_up()
    }

    /// Whether the loop breaker has left a stream alone.
    pub fn is_in_trouble(&self) -> bool {
        self.breaker.is_open()
    }

    /// The conversation on screen goes first.
    pub fn show(&mut self, conversation: Option<ConversationId>) {
        self.shown = conversation;
    }

    /// Whether the account stream is here as a whole: what it does not name does not exist for this account.
    pub fn knows_account(&self) -> bool {
        self.open && !self.account.whole
    }

    /// Whether this conversation exists for this account, as far as the server has said.
    pub fn follows(&self, conversation: ConversationId) -> bool {
        self.logs.contains(conversation)
    }

    /// Whether the server's database was put back to an older state by hand, under the same epoch: what it says from here
    /// on under known numbers is another history. It has less than it has told this device before; or it has gone on
    /// since, and knows by this device's stamp.
    pub fn is_of_another_history(&self, welcome: &Welcome) -> bool {
        let cursor = |head: &Head| self.logs.cursor(head.conversation);
        self.epoch == Some(welcome.epoch)
            && (welcome.diverged
                || welcome.horizon < self.horizon
                || welcome.account_rev < self.account.rev
                || welcome.heads.iter().any(|head| cursor(head).is_some_and(|cursor| cursor > head.seq)))
    }

    /// `welcome` came. Cursors of another history (another epoch, or one that was `lost` under the same) are forgotten,
    /// with everything that was cached under them.
    pub fn welcomed(&mut self, now_ms: u64, welcome: &Welcome, lost: bool, actions: &mut Vec<Action>) {
        let before = self.stamps.told().filter(|_| lost && self.epoch == Some(welcome.epoch));
        if lost || self.epoch != Some(welcome.epoch) {
            self.reset(welcome.epoch, actions);
        }
        self.open = true;
        self.breaker.clear_pauses();
        self.promised = welcome.horizon;
        self.stamps.welcomed(welcome.stamp, before, actions);
        self.account.head = welcome.account_rev;
        self.heads(now_ms, &welcome.heads);
        // A head that came after its conversation was taken away leaves a log that the server will never name again.
        // Asked for, it is refused and forgotten; waited for, it would keep the client from being caught up for ever.
        for conversation in self.logs.behind() {
            self.logs.change(conversation, |log| log.due_ms = log.due_ms.or(Some(now_ms)));
        }
    }

    fn reset(&mut self, epoch: Epoch, actions: &mut Vec<Action>) {
        self.epoch = Some(epoch);
        self.horizon = 0;
        self.stamps = Stamps::default();
        self.account = Account { whole: true, ..Account::default() };
        self.logs.clear();
        actions.push(Action::Store(StoreAction::ResetCache { epoch }));
        actions.push(Action::Tell(Change::Conversations));
    }

    /// Whatever the server says, it says of this place in its history. Stored with what it came with, or else a device
    /// could hold more than it owns up to.
    pub fn stamped(&mut self, stamp: Option<Stamp>, actions: &mut Vec<Action>) {
        self.stamps.heard(stamp, actions);
    }

    /// What a server with another history may lack is in the outbox again: this device is of its history from now on.
    pub fn offered(&mut self, actions: &mut Vec<Action>) {
        self.stamps.offered(actions);
    }

    /// A command was applied in this conversation. Where it is not followed, it was taken away before the verdict came, or
    /// will be named in a moment: the account stream is asked, and what it still does not name then is forgotten.
    pub fn settled(&mut self, conversation: ConversationId) {
        if !self.logs.follows(conversation) {
            self.unnamed.note(conversation);
        }
    }

    /// The journal is going to be offered to a restored server, so nothing may be taken out of it before.
    pub fn keep_journal(&mut self) {
        self.unnamed = Unnamed::default();
    }

    /// Heads that `welcome` or a heartbeat named, most recently changed first. What is missing is pulled at once:
    /// pushes that could still fill the gap would have come before.
    pub fn heads(&mut self, now_ms: u64, heads: &[Head]) {
        self.last_rank += heads.len() as u64;
        for (place, head) in heads.iter().enumerate() {
            self.logs.change(head.conversation, |log| {
                log.followed = true;
                log.rank = self.last_rank - place as u64;
                log.head = log.head.max(head.seq);
                if log.is_behind() {
                    log.due_ms = Some(now_ms);
                }
            });
        }
    }

    /// A heartbeat came.
    pub fn heartbeat(&mut self, now_ms: u64, horizon: u64, account_rev: u64, heads: &[Head]) {
        self.promised = self.promised.max(horizon);
        self.account.head = self.account.head.max(account_rev);
        if self.account.is_behind() {
            self.account.due_ms = Some(now_ms);
        }
        self.heads(now_ms, heads);
    }

    /// A push came. Of a conversation that nobody has named yet it is held: the account stream says in the same moment
    /// whether the account is a member, or it is a copy that comes after the conversation was taken away.
    pub fn pushed(&mut self, now_ms: u64, conversation: ConversationId, event: Event, actions: &mut Vec<Action>) {
        if !self.logs.have_room_for(conversation) {
            return;
        }
        self.last_rank += 1;
        let rank = self.last_rank;
        let ready = self.logs.change(conversation, |log| {
            log.rank = rank;
            log.push(now_ms, event)
        });
        self.apply(conversation, ready, actions);
    }

    /// Events came that were pulled.
    pub fn pulled(
        &mut self,
        now_ms: u64,
        request: u64,
        conversation: ConversationId,
        after: Seq,
        events: Vec<Event>,
        actions: &mut Vec<Action>,
    ) {
        let gapless = events.iter().zip(after.next().0..).all(|(event, seq)| event.seq.0 == seq);
        let ready = self.logs.change_known(conversation, |log| {
            log.answered(request);
            if !gapless || after > log.cursor.unwrap_or(Seq::ZERO) {
                // An answer that makes no sense is no progress; the loop breaker counts.
                log.due_ms = Some(now_ms + REFUSED_MS);
                return Vec::new();
            }
            log.cursor.get_or_insert(Seq::ZERO);
            let ready = log.extend(events);
            log.due_ms = log.is_behind().then_some(now_ms);
            ready
        });
        self.apply(conversation, ready.unwrap_or_default(), actions);
    }

    /// A window came.
    pub fn windowed(&mut self, now_ms: u64, request: u64, window: Window, actions: &mut Vec<Action>) {
        let conversation = window.record.conversation;
        let as_of = window.as_of.seq;
        let jumped = self.logs.change_known(conversation, |log| {
            log.answered(request);
            // Otherwise pushes were faster than this answer.
            let news = log.cursor.is_none_or(|cursor| cursor < as_of);
            let ready = news.then(|| log.jump(as_of));
            log.due_ms = log.is_behind().then_some(now_ms);
            ready
        });
        let Some(ready) = jumped.flatten() else { return };
        actions.push(Action::Store(StoreAction::ApplyWindow(window)));
        actions.push(Action::Tell(Change::Timeline(conversation)));
        actions.push(Action::Tell(Change::Conversations));
        self.breaker.progress(Stream::Conversation(conversation));
        self.apply(conversation, ready, actions);
    }

    fn apply(&mut self, conversation: ConversationId, events: Vec<Event>, actions: &mut Vec<Action>) {
        if events.is_empty() {
            return;
        }
        self.breaker.progress(Stream::Conversation(conversation));
        actions.push(Action::Store(StoreAction::ApplyEvents { conversation, events }));
        actions.push(Action::Tell(Change::Timeline(conversation)));
        actions.push(Action::Tell(Change::Conversations));
    }

    /// Changes of the account stream came, pushed or pulled. Answers the entries that were news.
    pub fn account(
        &mut self,
        now_ms: u64,
        changes: AccountChanges,
        actions: &mut Vec<Action>,
    ) -> Vec<KnownAccountEntry> {
        let answered = changes.request.is_some() && changes.request == self.account.pull.map(|pull| pull.request);
        let news = self.changed(now_ms, changes, actions);
        if answered {
            self.account.pull = None;
            let logs = &self.logs;
            let gone: Vec<_> = self.unnamed.answered().into_iter().filter(|id| !logs.follows(*id)).collect();
            for conversation in gone {
                self.erase(conversation, actions);
            }
        }
        news
    }

    fn changed(&mut self, now_ms: u64, changes: AccountChanges, actions: &mut Vec<Action>) -> Vec<KnownAccountEntry> {
        if changes.full && changes.rev < self.account.rev && !self.account.whole {
            // An answer to an earlier question, overtaken by pushes.
            return Vec::new();
        }
        self.account.head = self.account.head.max(changes.rev);
        let follows = changes.full || (changes.after <= self.account.rev && !self.account.whole);
        if !follows {
            self.account.due_ms.get_or_insert(now_ms + log::GAP_MS);
            return Vec::new();
        }
        if !changes.full && changes.rev <= self.account.rev {
            return Vec::new();
        }
        self.account.rev = changes.rev;
        if changes.full {
            self.account.whole = false;
            self.account.head = changes.rev;
        }
        if !self.account.is_behind() {
            self.account.due_ms = None;
        }
        self.breaker.progress(Stream::Account);
        let known: Vec<_> = changes
            .entries
            .iter()
            .filter_map(|entry| match entry {
                AccountEntry::Known(known) => Some(known.clone()),
                AccountEntry::Unknown(_) => None,
            })
            .collect();
        let ready = self.follow(now_ms, changes.full, &known, actions);
        actions.push(Action::Store(StoreAction::ApplyAccount(changes)));
        for (conversation, events) in ready {
            self.apply(conversation, events, actions);
        }
        actions.push(Action::Tell(Change::Conversations));
        known
    }

    /// Begins to follow the conversations that the account stream names, and forgets those that it takes away.
    /// Answers events that were held until it was known that they are meant for this account.
    fn follow(
        &mut self,
        now_ms: u64,
        full: bool,
        entries: &[KnownAccountEntry],
        actions: &mut Vec<Action>,
    ) -> Vec<(ConversationId, Vec<Event>)> {
        let mut ready = Vec::new();
        let mut gone: Vec<ConversationId> = Vec::new();
        let mut kept: BTreeSet<ConversationId> = BTreeSet::new();
        for KnownAccountEntry::Conversation(entry) in entries {
            if entry.member {
                kept.insert(entry.conversation);
                let held = self.logs.change(entry.conversation, |log| {
                    let held = log.follow();
                    if log.cursor.is_none() {
                        // Its first event is usually pushed in the same moment.
                        log.due_ms.get_or_insert(now_ms + log::GAP_MS);
                    }
                    held
                });
                ready.push((entry.conversation, held));
            } else {
                gone.push(entry.conversation);
            }
        }
        if full {
            // A stranger may have been pushed after this list was made. It is not followed, but not taken away either:
            // what waits in the journal for it is kept.
            let strangers: Vec<_> = self.logs.strangers().collect();
            for stranger in strangers {
                self.logs.remove(stranger);
            }
            gone.extend(self.logs.ids().filter(|id| !kept.contains(id)));
        }
        for conversation in gone {
            self.forget(conversation, actions);
        }
        ready
    }

    /// The conversation no longer exists for this account.
    fn forget(&mut self, conversation: ConversationId, actions: &mut Vec<Action>) {
        if self.logs.remove(conversation) {
            self.breaker.progress(Stream::Conversation(conversation));
            self.erase(conversation, actions);
        }
    }

    fn erase(&mut self, conversation: ConversationId, actions: &mut Vec<Action>) {
        actions.push(Action::Store(StoreAction::ForgetConversation { conversation }));
        actions.push(Action::Tell(Change::Conversations));
        actions.push(Action::Tell(Change::Timeline(conversation)));
    }

    /// A pull was refused; `gone` if what was asked for does not exist for this account.
    pub fn refused(&mut self, now_ms: u64, request: u64, gone: bool, actions: &mut Vec<Action>) {
        if self.account.pull.is_some_and(|pull| pull.request == request) {
            self.account.pull = None;
            self.unnamed.unanswered();
            self.account.due_ms = Some(now_ms + REFUSED_MS);
        }
        let Some(conversation) = self.logs.pulled_by(request) else { return };
        self.logs.change(conversation, |log| {
            log.pull = None;
            log.due_ms = Some(now_ms + REFUSED_MS);
        });
        if gone {
            self.forget(conversation, actions);
        }
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.open = false;
        self.stamps.disconnected();
        self.account.pull = None;
        self.account.due_ms = None;
        self.unnamed.unanswered();
        self.logs.disconnected();
    }

    /// The end of a step: gives up what takes too long, asks for what is due, and stores the horizon once it holds.
    pub fn finish(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        if !self.open {
            return;
        }
        self.expire(now_ms);
        self.ask_account(now_ms, actions);
        while self.pulls() < PULLS_MAX {
            let Some(conversation) = self.logs.most_wanted(now_ms, self.shown) else { break };
            self.ask(now_ms, conversation, actions);
        }
        if self.promised > self.horizon && self.is_caught_up() {
            self.horizon = self.promised;
            actions.push(Action::Store(StoreAction::SetHorizon { horizon: self.horizon }));
        }
    }

    fn expire(&mut self, now_ms: u64) {
        let late = |pull: &Option<Pull>| pull.is_some_and(|pull| now_ms >= pull.until_ms);
        if late(&self.account.pull) {
            self.account.pull = None;
            self.unnamed.unanswered();
            self.account.due_ms = Some(now_ms);
        }
        for conversation in self.logs.late(now_ms) {
            self.logs.change(conversation, |log| {
                log.pull = None;
                log.due_ms = Some(now_ms);
            });
        }
    }

    /// How many requests are under way.
    pub fn pulls(&self) -> usize {
        let account = usize::from(self.account.pull.is_some());
        account + self.logs.pulls().len()
    }

    fn ask(&mut self, now_ms: u64, conversation: ConversationId, actions: &mut Vec<Action>) {
        let stream = Stream::Conversation(conversation);
        let items_max = Some(if self.shown == Some(conversation) { SHOWN_ITEMS } else { UNSEEN_ITEMS });
        let Self { logs, breaker, last_request, .. } = self;
        logs.change(conversation, |log| {
            let after = match breaker.ask(now_ms, stream, log.cursor) {
                Allowed::Events => log.cursor,
                Allowed::Window => None,
                Allowed::NotBefore(due_ms) => {
                    log.due_ms = Some(due_ms);
                    actions.push(Action::Tell(Change::Status));
                    return;
                }
            };
            *last_request += 1;
            let request = *last_request;
            log.due_ms = None;
            log.pull = Some(Pull { request, until_ms: now_ms + PULL_MS_MAX });
            actions.push(Action::Send(ClientFrame::Pull { request, stream, after, items_max }));
        });
    }

    fn ask_account(&mut self, now_ms: u64, actions: &mut Vec<Action>) {
        let waits = self.account.due_ms.is_some_and(|due_ms| now_ms < due_ms);
        if self.account.pull.is_some() || !self.asks_account() || waits {
            return;
        }
        let account = &mut self.account;
        let cursor = (!account.whole).then_some(Seq(account.rev));
        let after = match self.breaker.ask(now_ms, Stream::Account, cursor) {
            Allowed::Events => cursor,
            Allowed::Window => None,
            Allowed::NotBefore(due_ms) => {
                account.due_ms = Some(due_ms);
                actions.push(Action::Tell(Change::Status));
                return;
            }
        };
        self.last_request += 1;
        account.due_ms = None;
        account.pull = Some(Pull { request: self.last_request, until_ms: now_ms + PULL_MS_MAX });
        self.unnamed.ask();
        let (request, stream) = (self.last_request, Stream::Account);
        actions.push(Action::Send(ClientFrame::Pull { request, stream, after, items_max: None }));
    }

    /// Whether there is something that the account stream has to be asked.
    fn asks_account(&self) -> bool {
        self.account.is_behind() || self.unnamed.is_open()
    }

    /// The most pushes of one conversation that are held.
    pub fn held_max(&self) -> usize {
        self.logs.held_max()
    }

    /// Conversations whose pushes are held although nobody has said that the account is a member: at most
    /// [`STRANGERS_MAX`].
    pub fn strangers(&self) -> usize {
        self.logs.strangers().count()
    }

    /// Whether an answer is under way, behind which everything else on the line has to wait.
    pub fn is_pulling(&self) -> bool {
        self.pulls() > 0
    }

    /// When `finish` has something to do.
    pub fn deadline(&self) -> Option<u64> {
        if !self.open {
            return None;
        }
        let under_way = self.logs.pulls().map(|pull| pull.until_ms);
        let next = if self.pulls() >= PULLS_MAX { None } else { self.logs.next_due_ms() };
        let of_account = match self.account.pull {
            Some(pull) => Some(pull.until_ms),
            None if !self.asks_account() => None,
            None => self.account.due_ms,
        };
        under_way.chain(next).chain(of_account).min()
    }
}

impl Account {
    fn is_behind(&self) -> bool {
        self.whole || self.rev < self.head
    }
}
