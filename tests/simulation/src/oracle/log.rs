//! The copy of one log: its events as they were committed, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use fil_client::store::Projection;
use fil_protocol::{
    AccountId, ConversationId, Event, EventBody, Item, ItemBody, KnownEvent, Member, MembershipChange, Seq,
};

/// The copy of one log.
#[derive(Default)]
pub(super) struct Log {
    pub(super) events: Vec<Event>,
    /// Where it ended, by the horizon of the commit.
    pub(super) ends: Vec<(u64, Seq)>,
    /// How many events there were when the step began.
    pub(super) before: usize,
    /// Who is a member as of the last event.
    pub(super) members: BTreeSet<AccountId>,
    /// Who joined and left, and when.
    pub(super) changes: Vec<(Seq, AccountId, bool)>,
    /// The last press whose message is here, for each device.
    pub(super) last_press: BTreeMap<usize, u64>,
    /// How often each text of an edit, and each title, was written.
    pub(super) written: BTreeMap<String, u64>,
    /// How often each author has brought about each change of membership.
    pub(super) moves: BTreeMap<(AccountId, AccountId, bool), usize>,
}

impl Log {
    /// A step of the server begins.
    pub(super) fn begin(&mut self) {
        self.before = self.events.len();
    }

    /// The number of the last event.
    pub(super) fn head(&self) -> Seq {
        Seq(self.events.len() as u64)
    }

    /// The number of the last event that was committed up to this horizon.
    pub(super) fn head_at(&self, horizon: u64) -> Seq {
        let count = self.ends.partition_point(|(committed, _)| *committed <= horizon);
        count.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(Seq::ZERO, |(_, seq)| *seq)
    }

    /// An event.
    pub(super) fn event(&self, seq: Seq) -> Option<&Event> {
        self.events.get(usize::try_from(seq.0.checked_sub(1)?).ok()?)
    }

    /// Only members write.
    pub(super) fn check_author(
        &self,
        conversation: ConversationId,
        event: &Event,
        known: &KnownEvent,
    ) -> Result<(), String> {
        if self.members.contains(&event.author) || matches!(known, KnownEvent::Created { .. }) {
            return Ok(());
        }
        Err(format!("{conversation}: {} is of {}, who is no member", event.seq, event.author))
    }

    /// Takes note of who joined and left.
    pub(super) fn follow(&mut self, event: &Event, known: &KnownEvent) {
        let changes: Vec<(AccountId, bool)> = match known {
            KnownEvent::Created { members, .. } => members.iter().map(|member| (member.account(), true)).collect(),
            KnownEvent::Membership { member, change } => {
                let joined = *change == MembershipChange::Joined;
                *self.moves.entry((event.author, member.account(), joined)).or_default() += 1;
                vec![(member.account(), joined)]
            }
            _ => Vec::new(),
        };
        for (account, joined) in changes {
            if joined {
                self.members.insert(account);
            } else {
                self.members.remove(&account);
            }
            self.changes.push((event.seq, account, joined));
        }
    }

    /// A message was deleted: the copy is blank where the log has to be. `found` is the log from the target on.
    pub(super) fn bury(
        &mut self,
        conversation: ConversationId,
        message: fil_protocol::MessageId,
        target: Seq,
        found: &[Event],
    ) -> Result<(), String> {
        for event in found {
            let seq = event.seq;
            if let Some(KnownEvent::Message { id, .. } | KnownEvent::Edit { message: id, .. }) = event.known()
                && *id == message
            {
                return Err(format!("{conversation}: {message} was deleted, and {seq} still says {:?}", event.body));
            }
            let Some(copy) = usize::try_from(seq.0 - 1).ok().and_then(|at| self.events.get_mut(at)) else { continue };
            let blank = match copy.known() {
                Some(KnownEvent::Message { id, sent, .. }) if *id == message => Some(*sent),
                Some(KnownEvent::Edit { message: id, .. }) if *id == message => None,
                _ => continue,
            };
            copy.body = EventBody::Known(KnownEvent::Tombstone { message, sent: blank });
            if copy != event {
                return Err(format!("{conversation}: {seq} was buried as {event:?} instead of {copy:?}"));
            }
        }
        match found.first().filter(|event| event.seq == target).and_then(Event::known) {
            Some(KnownEvent::Tombstone { message: id, sent: Some(_) }) if *id == message => Ok(()),
            first => Err(format!("{conversation}: {target} was deleted and says {first:?}")),
        }
    }

    /// A push goes to the members as of its commit.
    pub(super) fn may_hear(&self, account: AccountId, seq: Seq) -> Result<(), String> {
        let mut of_account = self.changes.iter().filter(|(at, who, _)| *who == account && *at <= seq);
        if of_account.next_back().is_some_and(|(_, _, joined)| *joined) {
            return Ok(());
        }
        Err(format!("{account} hears of {seq} without being a member"))
    }

    /// Everything else is read after the commit, and goes to the members that it has left.
    pub(super) fn may_read(&self, account: AccountId) -> Result<(), String> {
        if self.members.contains(&account) {
            return Ok(());
        }
        Err(format!("{account} is told of a conversation without being a member"))
    }

    /// Whether an account is or was a member, or the contrary, at any moment since the step began.
    pub(super) fn was(&self, account: AccountId, member: bool) -> bool {
        let before = Seq(self.before as u64);
        let mut of_account = self.changes.iter().filter(|(_, who, _)| *who == account).rev();
        for (at, _, joined) in of_account.by_ref() {
            if *joined == member {
                return true;
            }
            if *at <= before {
                return false;
            }
        }
        !member
    }

    /// A pushed event is the log's. One whose message was deleted in the same commit is blank in the log already.
    pub(super) fn check_pushed(&self, event: &Event) -> Result<(), String> {
        let Some(known) = self.event(event.seq) else {
            return Err(format!("{} is pushed and not in the log", event.seq));
        };
        let of_message = match event.known() {
            Some(KnownEvent::Message { id, .. } | KnownEvent::Edit { message: id, .. }) => Some(*id),
            _ => None,
        };
        let buried_now = self.events[self.before..].iter().any(
            |event| matches!(event.known(), Some(KnownEvent::Deletion { message, .. }) if Some(*message) == of_message),
        );
        let same = (known.seq, known.at_ms, known.author) == (event.seq, event.at_ms, event.author);
        if known == event || (same && buried_now) {
            return Ok(());
        }
        Err(format!("{event:?} is pushed, and the log says {known:?}"))
    }

    /// A client that has come as far as the log shows what the log comes to, in the stretches that it keeps.
    pub(super) fn check_shown(&self, shown: &Projection) -> Result<(), String> {
        let id = shown.conversation;
        if shown.cursor > self.head() {
            return Err(format!("{id}: {} is shown, the log ends at {}", shown.cursor, self.head()));
        }
        if shown.cursor < self.head() {
            return Ok(());
        }
        let is_kept = |seq: &Seq| shown.kept.iter().any(|(low, high)| (*low..=*high).contains(seq));
        let items: Vec<Item> = self.items().into_iter().filter(|(seq, _)| is_kept(seq)).map(|(_, item)| item).collect();
        let members: BTreeSet<AccountId> = shown.members.iter().map(Member::account).collect();
        let title = self.events.iter().rev().find_map(|event| match event.known() {
            Some(KnownEvent::Title { title }) => Some(Some(title)),
            Some(KnownEvent::Created { title, .. }) => Some(title.as_ref()),
            _ => None,
        });
        if let Some((shown, item)) = shown.items.iter().zip(&items).find(|(shown, item)| shown != item) {
            return Err(format!("{id}: {shown:?} is shown, the log comes to {item:?}"));
        }
        if shown.items.len() != items.len() || members != self.members || title != Some(shown.title.as_ref()) {
            let (has, shows) = (items.len(), shown.items.len());
            return Err(format!("{id}: {shows} items are shown of {has}, {:?} of {:?}", shown.title, self.members));
        }
        Ok(())
    }

    /// What a timeline shows, with every change applied: what windows have to say.
    pub(super) fn items(&self) -> BTreeMap<Seq, Item> {
        let mut items: BTreeMap<Seq, Item> = BTreeMap::new();
        for event in &self.events {
            let Some(known) = event.known() else { continue };
            let Event { seq, at_ms, author, .. } = *event;
            if let Some(body) = ItemBody::from_event(known) {
                items.insert(seq, Item { seq, rev: seq, at_ms, author, body });
            }
            match known {
                KnownEvent::Edit { target, text, .. } => {
                    if let Some(Item { rev, body: ItemBody::Message { text: old, edited, .. }, .. }) =
                        items.get_mut(target)
                    {
                        (*rev, *old, *edited) = (seq, text.clone(), true);
                    }
                }
                KnownEvent::Deletion { target, .. } => {
                    if let Some(item) = items.get_mut(target) {
                        item.rev = seq;
                    }
                }
                _ => {}
            }
        }
        items
    }
}
