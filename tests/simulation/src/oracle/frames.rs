//! What a frame that leaves the server may say, and to whom.

use std::collections::BTreeSet;

use fil_protocol::{
    AccountChanges, AccountEntry, AccountId, ConversationId, ErrorCode, Head, KnownAccountEntry, Outcome, ServerFrame,
    Verdict, Welcome, Window,
};
use fil_server::node::{Actor, ConnectionId};

use super::log::Log;
use super::verdicts::did;
use super::{Oracle, Place};

impl Oracle {
    /// Looks at a frame that leaves the server for a device. It is read after the commit of its step, so it says what the
    /// log says now; a push says what its own commit has added.
    pub fn frame(&mut self, connection: ConnectionId, device: usize, frame: &ServerFrame) -> Result<(), String> {
        let Some(actor) = self.cast.get(device).copied() else { return Ok(()) };
        match frame {
            ServerFrame::Event { conversation, event, .. } => {
                let log = self.log(&actor, conversation)?;
                log.may_hear(actor.account, event.seq)?;
                log.check_pushed(event).map_err(|what| format!("{conversation}: {what}"))
            }
            ServerFrame::Events { conversation, after, events, .. } => {
                let log = self.log(&actor, conversation)?;
                log.may_read(actor.account)?;
                let followed = usize::try_from(after.0).ok().and_then(|after| log.events.get(after..));
                if followed == Some(&events[..]) {
                    return Ok(());
                }
                Err(format!("{conversation}: {events:?} were pulled after {after}, the log says {followed:?}"))
            }
            ServerFrame::Window { window, .. } => self.window(&actor, window),
            ServerFrame::Account(changes) => self.account(&actor, changes),
            ServerFrame::Welcome(welcome) => self.welcome(connection, device, &actor, welcome),
            ServerFrame::Heartbeat { heads, .. } => self.heads(&actor, heads),
            ServerFrame::Verdict(verdict) => self.verdict(connection, device, &actor, verdict),
            ServerFrame::Error { error, .. } if error.code == ErrorCode::OutOfOrder => {
                self.verdicts.out_of_order(connection)
            }
            ServerFrame::Error { .. } | ServerFrame::Pong | ServerFrame::GoingAway { .. } => Ok(()),
        }
    }

    fn log(&self, actor: &Actor, conversation: &ConversationId) -> Result<&Log, String> {
        let place: Place = (actor.organisation, *conversation);
        let missing = || format!("{} hears of {conversation}, which its organisation does not have", actor.account);
        self.logs.get(&place).ok_or_else(missing)
    }

    /// A window shows what the log comes to.
    fn window(&self, actor: &Actor, window: &Window) -> Result<(), String> {
        let conversation = window.record.conversation;
        let log = self.log(actor, &conversation)?;
        log.may_read(actor.account)?;
        let items = log.items();
        let newest: Vec<_> = items.range(window.from..).map(|(_, item)| item.clone()).collect();
        let changed = window.changed.iter().all(|item| items.get(&item.seq) == Some(item));
        let members: BTreeSet<AccountId> = window.members.iter().map(fil_protocol::Member::account).collect();
        if window.as_of.seq == log.head() && newest == window.items && changed && members == log.members {
            return Ok(());
        }
        Err(format!("{conversation}: {window:?} is not what the log comes to: {newest:?}, {:?}", log.members))
    }

    /// Entries of the account stream are of conversations that the account is or was in, and say so rightly.
    fn account(&mut self, actor: &Actor, changes: &AccountChanges) -> Result<(), String> {
        let mut named = BTreeSet::new();
        for entry in &changes.entries {
            let AccountEntry::Known(KnownAccountEntry::Conversation(entry)) = entry else { continue };
            let log = self.log(actor, &entry.conversation)?;
            let known = match changes.request {
                // A step pushes what happened in it, in order.
                None => log.was(actor.account, entry.member),
                Some(_) => log.members.contains(&actor.account) == entry.member,
            };
            let was_there = log.changes.iter().any(|(_, account, _)| *account == actor.account);
            if !known || !was_there || entry.read.seq > log.head() {
                return Err(format!("{} is told {entry:?}, the log ends at {}", actor.account, log.head()));
            }
            // Of two things that were said of one conversation, the one of the newer revision has read as far or further.
            // They may leave in any order.
            let now = (changes.rev, entry.read.seq);
            let before = *self.read.entry((actor.account, entry.conversation)).or_insert(now);
            let (earlier, later) = if now.0 < before.0 { (now, before) } else { (before, now) };
            if later.1 < earlier.1 {
                let (account, far, back) = (actor.account, earlier.1, later.1);
                return Err(format!("{}: {account} has read up to {far}, and then up to {back}", entry.conversation));
            }
            self.read.insert((actor.account, entry.conversation), later);
            named.insert(entry.conversation);
        }
        let missing = |place: &&Place| place.0 == actor.organisation && !named.contains(&place.1);
        let of_account = self.logs.iter().filter(|(_, log)| log.members.contains(&actor.account));
        match of_account.map(|(place, _)| place).find(missing) {
            Some((_, missing)) if changes.full => Err(format!("{} is not told of {missing}", actor.account)),
            _ => Ok(()),
        }
    }

    fn heads(&self, actor: &Actor, heads: &[Head]) -> Result<(), String> {
        heads.iter().try_for_each(|head| {
            let log = self.log(actor, &head.conversation)?;
            log.may_read(actor.account).map_err(|what| format!("a head: {what}"))?;
            if head.seq == log.head() {
                Ok(())
            } else {
                Err(format!("{head:?} is told, the log ends at {}", log.head()))
            }
        })
    }

    fn welcome(
        &mut self,
        connection: ConnectionId,
        device: usize,
        actor: &Actor,
        welcome: &Welcome,
    ) -> Result<(), String> {
        let epoch = Some(welcome.epoch);
        if welcome.profile.account != actor.account || (self.epoch != epoch && self.ended != epoch) {
            return Err(format!("{} is welcome as {:?}", actor.account, welcome.profile));
        }
        if welcome.diverged && !self.was_restored() {
            return Err(format!("{} hears of another history, and nothing was restored", actor.account));
        }
        self.verdicts.welcomed(connection, welcome.applied);
        self.heads(actor, &welcome.heads)?;
        for verdict in &welcome.verdicts {
            if verdict.no > welcome.applied {
                return Err(format!("{verdict:?} beyond {}, which was applied last", welcome.applied));
            }
            self.verdict(connection, device, actor, verdict)?;
        }
        Ok(())
    }

    /// An acknowledgement names the event that did what was asked for, and is in the log.
    fn verdict(
        &mut self,
        connection: ConnectionId,
        device: usize,
        actor: &Actor,
        verdict: &Verdict,
    ) -> Result<(), String> {
        let generation = self.verdicts.generation(connection).ok_or("a verdict before hello")?;
        let command = self.verdicts.given((device, generation, verdict.no), verdict)?.clone();
        let Outcome::Applied { seq } = verdict.outcome else { return Ok(()) };
        let conversation = command.conversation();
        match self.log(actor, &conversation)?.event(seq) {
            Some(event) if did(&command, actor.account, event) => Ok(()),
            Some(event) => Err(format!("{command:?} is acknowledged as {event:?}")),
            None => Err(format!("{seq} of {conversation} is acknowledged and not in the log")),
        }
    }
}
