//! What must hold after every step: the server's log and the frames that leave the server.
//!
//! The oracle keeps a copy of the log as it was first committed, and looks at everything that is added to it:
//! - numbers have no gap, times never go back (invariant 4);
//! - a message is in one log, once, though it may have been sent many times (invariant 1);
//! - the messages of one device stand in the order in which send was pressed (invariant 1);
//! - what was committed is there after every crash (invariant 1);
//! - an acknowledgement names an event that is in the log (invariant 1);
//! - what a member has written was written by a member; what was deleted is blank in the log (invariant 4);
//! - no frame about a conversation reaches anybody who is not its member as of that commit, and nothing crosses an
//!   organisation (invariant 4).
//!
//! A restore from a backup is the one thing that may take events away; what the backup holds is then looked at anew.

use std::collections::{BTreeMap, BTreeSet};

use fil_protocol::{
    AccountId, ConversationId, Event, KnownEvent, MembershipChange, MessageId, OrganisationId, Outcome, Seq,
    ServerFrame, Verdict,
};
use fil_server::node::Actor;
use fil_server::store::{OrganisationReader, ReadStore, StoreError};

use crate::person::{People, Pressed};

type Place = (OrganisationId, ConversationId);

/// The copy of one log.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    /// Who is a member as of the last event.
    members: BTreeSet<AccountId>,
    /// Who was a member when the step began.
    members_before: BTreeSet<AccountId>,
    /// Who joined and left, and when.
    changes: Vec<(Seq, AccountId, bool)>,
    last_press: BTreeMap<usize, u64>,
}

/// The oracle.
pub struct Oracle {
    cast: Vec<Actor>,
    logs: BTreeMap<Place, Log>,
    placed: BTreeMap<MessageId, ConversationId>,
    horizon: Option<u64>,
    /// In which conversation a device's numbered command was to be applied.
    asked: BTreeMap<(usize, u64), ConversationId>,
    /// Every conversation that anybody ever asked for: one may be created and left by all within one commit.
    named: BTreeSet<Place>,
    /// Every text that a message had in the log.
    texts: BTreeMap<MessageId, BTreeSet<String>>,
    /// Messages that were deleted.
    deleted: BTreeSet<MessageId>,
    /// Who was ever removed from where, in any history.
    left: BTreeSet<(AccountId, ConversationId)>,
    /// Whether the server was ever restored.
    was_restored: bool,
}

impl Oracle {
    /// An oracle for these devices.
    pub fn new(cast: Vec<Actor>) -> Self {
        Self {
            cast,
            logs: BTreeMap::new(),
            placed: BTreeMap::new(),
            horizon: None,
            asked: BTreeMap::new(),
            named: BTreeSet::new(),
            texts: BTreeMap::new(),
            deleted: BTreeSet::new(),
            left: BTreeSet::new(),
            was_restored: false,
        }
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.logs.values().map(|log| log.events.len() as u64).sum()
    }

    /// Whether a message is in the log.
    pub fn has(&self, message: MessageId) -> bool {
        self.placed.contains_key(&message)
    }

    /// The server begins again from a backup: what was committed after it is gone, until it is offered again.
    pub fn restored(&mut self) {
        self.logs.clear();
        self.placed.clear();
        self.texts.clear();
        self.deleted.clear();
        self.horizon = None;
        self.was_restored = true;
    }

    /// Whether the server was ever restored.
    pub fn was_restored(&self) -> bool {
        self.was_restored
    }

    /// Whether a message was deleted.
    pub fn is_deleted(&self, message: MessageId) -> bool {
        self.deleted.contains(&message)
    }

    /// Whether a message had this text in the log, or was deleted.
    pub fn had(&self, message: MessageId, text: &str) -> bool {
        self.deleted.contains(&message) || self.texts.get(&message).is_some_and(|texts| texts.contains(text))
    }

    /// Whether a message may be gone for good: its author was removed from the conversation, whereupon every trace of it
    /// left the author's devices, and then the server lost it too.
    pub fn may_be_gone(&self, pressed: &Pressed) -> bool {
        let account = self.cast.get(pressed.device).map(|actor| actor.account);
        self.was_restored && account.is_some_and(|account| self.left.contains(&(account, pressed.conversation)))
    }

    /// A device has sent a command.
    pub fn asked(&mut self, device: usize, no: u64, conversation: ConversationId) {
        self.asked.insert((device, no), conversation);
        if let Some(actor) = self.cast.get(device) {
            self.named.insert((actor.organisation, conversation));
        }
    }

    /// Looks at what was committed since the last look.
    pub fn look(&mut self, reads: &mut dyn ReadStore, people: &People) -> Result<(), String> {
        for log in self.logs.values_mut() {
            log.members_before.clone_from(&log.members);
        }
        let snapshot = reads.snapshot().map_err(text)?;
        let horizon = snapshot.committed_horizon().map_err(text)?;
        if self.horizon == Some(horizon) {
            return Ok(());
        }
        self.horizon = Some(horizon);
        for organisation in self.cast.iter().map(|actor| actor.organisation).collect::<BTreeSet<_>>() {
            let reader = snapshot.organisation(organisation).map_err(text)?;
            for conversation in self.conversations(organisation, &*reader).map_err(text)? {
                self.look_at(organisation, conversation, &*reader, people)?;
            }
        }
        Ok(())
    }

    fn conversations(
        &self,
        organisation: OrganisationId,
        reader: &dyn OrganisationReader,
    ) -> Result<BTreeSet<ConversationId>, StoreError> {
        let mut all = BTreeSet::new();
        for (_, conversation) in self.named.iter().filter(|place| place.0 == organisation) {
            if reader.conversation(*conversation)?.is_some() {
                all.insert(*conversation);
            }
        }
        Ok(all)
    }

    fn look_at(
        &mut self,
        organisation: OrganisationId,
        conversation: ConversationId,
        reader: &dyn OrganisationReader,
        people: &People,
    ) -> Result<(), String> {
        let log = self.logs.entry((organisation, conversation)).or_default();
        let after = Seq(log.events.len() as u64);
        let new = reader.events_after(conversation, after, usize::MAX, usize::MAX).map_err(text)?;
        for event in new.ok_or("the log refuses to be read")? {
            let expected = log.events.len() as u64 + 1;
            if event.seq.0 != expected {
                return Err(format!("{conversation}: number {} follows {}", event.seq, expected - 1));
            }
            if log.events.last().is_some_and(|last| last.at_ms > event.at_ms) {
                return Err(format!("{conversation}: the time of {} goes back", event.seq));
            }
            let known = event.known().ok_or("an event of an unknown type in the log")?.clone();
            if let KnownEvent::Message { id, .. } | KnownEvent::Tombstone { message: id, sent: Some(_) } = known {
                if let Some(first) = self.placed.insert(id, conversation) {
                    return Err(format!("{id} is doubled: in {first} and as {} in {conversation}", event.seq));
                }
                let pressed = people.pressed.get(&id).ok_or("a message that nobody wrote")?;
                let last = log.last_press.insert(pressed.device, pressed.order).unwrap_or(0);
                if last > pressed.order {
                    return Err(format!("{conversation}: {} overtook a message of its device", event.seq));
                }
            }
            log.check_author(conversation, &event, &known)?;
            if let KnownEvent::Deletion { target, .. } = known {
                let before = Seq(target.0 - 1);
                let buried = reader.events_after(conversation, before, usize::MAX, usize::MAX).map_err(text)?;
                let first = buried.as_ref().and_then(|events| events.first()).and_then(Event::known);
                if !matches!(first, Some(KnownEvent::Tombstone { .. })) {
                    return Err(format!("{conversation}: {target} was deleted and still says {first:?}"));
                }
            }
            match &known {
                KnownEvent::Message { id, text, .. } | KnownEvent::Edit { message: id, text, .. } => {
                    self.texts.entry(*id).or_default().insert(text.clone());
                }
                KnownEvent::Deletion { message, .. } | KnownEvent::Tombstone { message, .. } => {
                    self.deleted.insert(*message);
                }
                _ => {}
            }
            log.follow(event.seq, &known);
            self.left.extend(log.changes.iter().filter(|change| !change.2).map(|change| (change.1, conversation)));
            log.events.push(event);
        }
        Ok(())
    }

    /// After the server's process began again: everything that was committed is still there.
    pub fn look_whole(&self, reads: &mut dyn ReadStore) -> Result<(), String> {
        let snapshot = reads.snapshot().map_err(text)?;
        for ((organisation, conversation), log) in &self.logs {
            let reader = snapshot.organisation(*organisation).map_err(text)?;
            let found = reader.events_after(*conversation, Seq::ZERO, usize::MAX, usize::MAX).map_err(text)?;
            let found = found.unwrap_or_default();
            if found.len() < log.events.len() {
                let (had, has) = (log.events.len(), found.len());
                return Err(format!("{conversation}: {had} events were committed, {has} survived the crash"));
            }
            for (before, now) in log.events.iter().zip(&found) {
                let buried = matches!(now.known(), Some(KnownEvent::Tombstone { .. }));
                if before != now && !buried {
                    return Err(format!("{conversation}: {} is another one after the crash", before.seq));
                }
            }
        }
        Ok(())
    }

    /// Looks at a frame that leaves the server for a device.
    pub fn frame(&self, device: usize, frame: &ServerFrame) -> Result<(), String> {
        let Some(actor) = self.cast.get(device) else { return Ok(()) };
        let log = |conversation: &ConversationId| {
            self.logs
                .get(&(actor.organisation, *conversation))
                .ok_or(format!("device {device} hears of {conversation}, which its organisation does not have"))
        };
        match frame {
            ServerFrame::Event { conversation, event } => {
                log(conversation)?.may_hear(actor.account, event.seq)?;
            }
            ServerFrame::Events { conversation, .. } => log(conversation)?.may_pull(actor.account)?,
            ServerFrame::Window { window, .. } => log(&window.record.conversation)?.may_pull(actor.account)?,
            ServerFrame::Verdict(Verdict { no, outcome: Outcome::Applied { seq } }) => {
                let conversation = self.asked.get(&(device, *no)).ok_or("a verdict on nothing")?;
                if seq.0 == 0 || seq.0 > log(conversation)?.events.len() as u64 {
                    return Err(format!("{seq} of {conversation} is acknowledged and not in the log"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Log {
    /// Only members write.
    fn check_author(&self, conversation: ConversationId, event: &Event, known: &KnownEvent) -> Result<(), String> {
        if self.members.contains(&event.author) || matches!(known, KnownEvent::Created { .. }) {
            return Ok(());
        }
        Err(format!("{conversation}: {} is of {}, who is no member", event.seq, event.author))
    }

    fn follow(&mut self, seq: Seq, event: &KnownEvent) {
        let changes: Vec<(AccountId, bool)> = match event {
            KnownEvent::Created { members, .. } => members.iter().map(|member| (member.account(), true)).collect(),
            KnownEvent::Membership { member, change } => {
                vec![(member.account(), *change == MembershipChange::Joined)]
            }
            _ => Vec::new(),
        };
        for (account, joined) in changes {
            if joined {
                self.members.insert(account);
            } else {
                self.members.remove(&account);
            }
            self.changes.push((seq, account, joined));
        }
    }

    /// A push goes to the members as of its commit.
    fn may_hear(&self, account: AccountId, seq: Seq) -> Result<(), String> {
        let mut of_account = self.changes.iter().filter(|(at, who, _)| *who == account && *at <= seq);
        if of_account.next_back().is_some_and(|(_, _, joined)| *joined) {
            return Ok(());
        }
        Err(format!("{account} hears of {seq} without being a member"))
    }

    /// A pull is answered somewhere within a step: it is wrong only for somebody who was no member throughout.
    fn may_pull(&self, account: AccountId) -> Result<(), String> {
        if self.members.contains(&account) || self.members_before.contains(&account) {
            return Ok(());
        }
        Err(format!("{account} pulls without being a member"))
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn text(error: StoreError) -> String {
    format!("the server's store: {error}")
}
