//! What must hold after every step: the server's log and the frames that leave the server.
//!
//! The oracle keeps a copy of the log as it was first committed, and looks at everything that is added to it:
//! - numbers have no gap, times never go back (invariant 4);
//! - a message is in one log, once, though it may have been sent many times (invariant 1);
//! - the messages of one device stand in the order in which send was pressed (invariant 1);
//! - what was committed is there after every crash (invariant 1);
//! - nothing stands in the log that nobody has pressed, and no press has more than one effect (invariant 1);
//! - an acknowledgement names the event that did what was asked for; a number has one body and one verdict (invariant 1);
//! - what a member has written was written by a member; what was deleted is blank in the log, its edits too (invariant 4);
//! - every frame says what the log says; none about a conversation reaches anybody who is not its member as of that
//!   commit, and nothing crosses an organisation (invariant 4);
//! - how far an account has read never goes back (invariant 3);
//! - a new history begins only with a restore.
//!
//! Here: what is committed. `log`: the copy of one log; `frames`: what leaves the server; `verdicts`: what was asked for
//! and answered.
//!
//! A restore from a backup is the one thing that may take events away; what the backup holds is then looked at anew.

mod frames;
mod log;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet};

use fil_client::store::Projection;
use fil_protocol::limits::COMMANDS_IN_FLIGHT_MAX;
use fil_protocol::{
    AccountId, ClientFrame, Command, ConversationId, Epoch, Event, Generation, KnownEvent, MembershipChange, MessageId,
    OrganisationId, Seq,
};
use fil_server::node::{Actor, ConnectionId};
use fil_server::store::{OrganisationReader, ReadStore, StoreError};

use self::log::Log;
use self::verdicts::Verdicts;
use crate::person::{People, Pressed};

/// Verdicts that the server keeps for a device, at most: a client acknowledges after half of those that may be under way,
/// and once more as many as are under way, thrice over, where acknowledgements are lost.
const VERDICTS_MAX: u64 = 4 * COMMANDS_IN_FLIGHT_MAX as u64;

type Place = (OrganisationId, ConversationId);

/// The oracle.
pub struct Oracle {
    cast: Vec<Actor>,
    logs: BTreeMap<Place, Log>,
    placed: BTreeMap<MessageId, ConversationId>,
    horizon: Option<u64>,
    verdicts: Verdicts,
    /// The history that the server is in.
    epoch: Option<Epoch>,
    /// The history that ended with the last step: a hello whose evidence ends it is answered before that.
    ended: Option<Epoch>,
    /// Every conversation that anybody ever asked for: one may be created and left by all within one commit.
    named: BTreeSet<Place>,
    /// Every text that a message had in the log.
    texts: BTreeMap<MessageId, BTreeSet<String>>,
    /// Messages that were deleted.
    deleted: BTreeSet<MessageId>,
    /// Who was ever removed from where, in any history.
    left: BTreeSet<(AccountId, ConversationId)>,
    /// How often the server was restored.
    restores: u64,
    /// Every history that there has been.
    epochs: BTreeSet<Epoch>,
    /// How far each account has read, and as of which revision of its stream that was told.
    read: BTreeMap<(AccountId, ConversationId), (u64, Seq)>,
}

impl Oracle {
    /// An oracle for these devices.
    pub fn new(cast: Vec<Actor>) -> Self {
        Self {
            cast,
            logs: BTreeMap::new(),
            placed: BTreeMap::new(),
            horizon: None,
            verdicts: Verdicts::default(),
            epoch: None,
            ended: None,
            named: BTreeSet::new(),
            texts: BTreeMap::new(),
            deleted: BTreeSet::new(),
            left: BTreeSet::new(),
            restores: 0,
            epochs: BTreeSet::new(),
            read: BTreeMap::new(),
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
        self.read.clear();
        self.horizon = None;
        self.restores += 1;
        self.verdicts.restored();
    }

    /// Whether the server was ever restored.
    pub fn was_restored(&self) -> bool {
        self.restores > 0
    }

    /// How many histories there have been.
    pub fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// Whether a message was deleted.
    pub fn is_deleted(&self, message: MessageId) -> bool {
        self.deleted.contains(&message)
    }

    /// Whether a message had this text in the log, or was deleted.
    pub fn had(&self, message: MessageId, text: &str) -> bool {
        self.deleted.contains(&message) || self.texts.get(&message).is_some_and(|texts| texts.contains(text))
    }

    /// The last event of a conversation that was committed up to this horizon.
    pub fn head_at(&self, organisation: OrganisationId, conversation: ConversationId, horizon: u64) -> Seq {
        self.logs.get(&(organisation, conversation)).map_or(Seq::ZERO, |log| log.head_at(horizon))
    }

    /// The text that a message has now; none if it is not in the log, or blank.
    pub fn text_of(&self, message: MessageId) -> Option<&str> {
        let events = self.logs.values().flat_map(|log| &log.events);
        let mut texts = events.filter_map(|event| match event.known() {
            Some(KnownEvent::Message { id, text, .. } | KnownEvent::Edit { message: id, text, .. }) => {
                (*id == message).then_some(text.as_str())
            }
            _ => None,
        });
        texts.next_back()
    }

    /// Whether a message may be gone for good: its author was removed from the conversation, whereupon every trace of it
    /// left the author's devices, and then the server lost it too.
    pub fn may_be_gone(&self, pressed: &Pressed) -> bool {
        let account = self.cast.get(pressed.device).map(|actor| actor.account);
        self.was_restored() && account.is_some_and(|account| self.left.contains(&(account, pressed.conversation)))
    }

    /// A device has sent a command under a number of this generation.
    pub fn asked(&mut self, device: usize, generation: Generation, no: u64, command: &Command) -> Result<(), String> {
        if let Some(actor) = self.cast.get(device) {
            self.named.insert((actor.organisation, command.conversation()));
        }
        self.verdicts.asked((device, generation, no), command)
    }

    /// A frame of a device arrives at the server.
    pub fn arrives(&mut self, connection: ConnectionId, device: usize, frame: &ClientFrame) {
        self.verdicts.arrives(connection, device, frame);
    }

    /// How often a device has asked for this and had a verdict.
    pub fn judged(&self, device: usize, command: &Command) -> usize {
        self.verdicts.judged(device, command)
    }

    /// Whether the server has rejected this command of a device.
    pub fn rejected(&self, device: usize, command: &Command) -> bool {
        self.verdicts.rejected(device, command)
    }

    /// How far an account's own messages, and its joining, have moved its read position.
    pub fn moved_to(&self, account: AccountId, conversation: ConversationId) -> Seq {
        let logs = self.logs.iter().filter(|(place, _)| place.1 == conversation);
        let moves = logs.flat_map(|(_, log)| {
            let own = log.events.iter().filter(|event| event.author == account);
            let joined = log.changes.iter().filter(|(_, who, joined)| *who == account && *joined);
            own.map(|event| event.seq).chain(joined.map(|change| change.0))
        });
        moves.max().unwrap_or(Seq::ZERO)
    }

    /// What a client in this organisation shows of a conversation, if it has come as far as the log.
    pub fn check_shown(&self, organisation: OrganisationId, shown: &Projection) -> Result<(), String> {
        self.logs.get(&(organisation, shown.conversation)).map_or(Ok(()), |log| log.check_shown(shown))
    }

    /// Whether an account was ever removed from a conversation, in any history.
    pub fn has_left(&self, account: AccountId, conversation: ConversationId) -> bool {
        self.left.contains(&(account, conversation))
    }

    /// Whether there is such a conversation.
    pub fn has_conversation(&self, conversation: ConversationId) -> bool {
        self.logs.iter().any(|(place, log)| place.1 == conversation && !log.events.is_empty())
    }

    /// Looks at what was committed since the last look.
    pub fn look(&mut self, reads: &mut dyn ReadStore, people: &People) -> Result<(), String> {
        for log in self.logs.values_mut() {
            log.begin();
        }
        let snapshot = reads.snapshot().map_err(text)?;
        // A new history makes every client read everything again, so it wants a restore as its reason.
        let epoch = snapshot.epoch().map_err(text)?;
        let before = self.epoch.replace(epoch);
        self.ended = before.filter(|before| *before != epoch);
        self.epochs.insert(epoch);
        if self.epochs.len() as u64 > 1 + self.restores {
            return Err(format!("{} histories after {} restores", self.epochs.len(), self.restores));
        }
        let horizon = snapshot.committed_horizon().map_err(text)?;
        if self.horizon == Some(horizon) {
            return Ok(());
        }
        self.horizon = Some(horizon);
        for organisation in self.cast.iter().map(|actor| actor.organisation).collect::<BTreeSet<_>>() {
            let reader = snapshot.organisation(organisation).map_err(text)?;
            for device in self.cast.iter().filter(|actor| actor.organisation == organisation) {
                let Some(progress) = reader.progress(device.device).map_err(text)? else { continue };
                let kept = progress.applied.saturating_sub(progress.acknowledged);
                if kept > VERDICTS_MAX {
                    return Err(format!("{kept} verdicts are kept for {}", device.device));
                }
            }
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
            if let KnownEvent::Deletion { message, target } = known {
                let from = Seq(target.0 - 1);
                let found = reader.events_after(conversation, from, usize::MAX, usize::MAX).map_err(text)?;
                log.bury(conversation, message, target, &found.unwrap_or_default())?;
            }
            check_pressed(log, conversation, &event, &known, people, self.restores)?;
            match &known {
                KnownEvent::Message { id, text, .. } | KnownEvent::Edit { message: id, text, .. } => {
                    self.texts.entry(*id).or_default().insert(text.clone());
                }
                KnownEvent::Deletion { message, .. } | KnownEvent::Tombstone { message, .. } => {
                    self.deleted.insert(*message);
                }
                _ => {}
            }
            log.follow(&event, &known);
            self.left.extend(log.changes.iter().filter(|change| !change.2).map(|change| (change.1, conversation)));
            log.events.push(event);
        }
        if let Some(horizon) = self.horizon.filter(|_| log.head() > after) {
            log.ends.push((horizon, log.head()));
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
                if before != now {
                    return Err(format!("{conversation}: {} is another one after the crash", before.seq));
                }
            }
        }
        Ok(())
    }
}

/// Nothing is in the log that nobody has pressed, and no press has more than one effect. Only a restored server may be
/// offered an edit once more whose number it no longer knows.
fn check_pressed(
    log: &mut Log,
    conversation: ConversationId,
    event: &Event,
    known: &KnownEvent,
    people: &People,
    restores: u64,
) -> Result<(), String> {
    let once = |log: &mut Log, text: &str, times_max: u64| {
        let times = log.written.entry(text.to_owned()).or_default();
        *times += 1;
        let (times, seq) = (*times, event.seq);
        if times <= times_max { Ok(()) } else { Err(format!("{conversation}: {seq} says {text:?} the {times}th time")) }
    };
    match known {
        KnownEvent::Message { text, .. } => {
            if !people.ledger.wrote(text) {
                return Err(format!("{conversation}: nobody wrote {text:?}"));
            }
        }
        KnownEvent::Edit { text, .. } => {
            if !people.ledger.wrote(text) {
                return Err(format!("{conversation}: nobody wrote {text:?}"));
            }
            once(log, text, 1 + restores)?;
        }
        KnownEvent::Title { title } => {
            if !people.ledger.wrote(title) {
                return Err(format!("{conversation}: nobody called it {title:?}"));
            }
            once(log, title, 1)?;
        }
        KnownEvent::Membership { member, change } => {
            let (author, account) = (event.author, member.account());
            let joined = *change == MembershipChange::Joined;
            let times = log.moves.get(&(author, account, joined)).copied().unwrap_or(0);
            let command = if joined {
                Command::AddMember { conversation, account }
            } else {
                Command::RemoveMember { conversation, account }
            };
            if times >= people.ledger.pressed(author, &command) {
                return Err(format!("{conversation}: {} is {command:?} of {author} once too often", event.seq));
            }
        }
        KnownEvent::Created { .. } | KnownEvent::Deletion { .. } | KnownEvent::Tombstone { .. } => {}
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn text(error: StoreError) -> String {
    format!("the server's store: {error}")
}
