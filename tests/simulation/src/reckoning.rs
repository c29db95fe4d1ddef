//! The reckoning at the end: every press has led somewhere, and everybody's read position is where it was pressed.
//!
//! A message is in the log, or its person sees the refusal, or has taken it back. Anything else has had a verdict, and if
//! that was a refusal, the screen has said so. What a restored server has lost is offered again where that is possible
//! without undoing what others did since (DESIGN.md section 4): messages, edits, deletions and new conversations.

use std::collections::BTreeMap;

use fil_client::store::CommandState;
use fil_protocol::{Command, ConversationId, MessageId, Seq};
use fil_server::store::{ReadStore, StoreError};

use crate::cast::Cast;
use crate::device::Device;
use crate::ledger::Press;
use crate::oracle::Oracle;
use crate::person::People;

/// Every press has led somewhere.
pub fn account_for(devices: &mut [Device], people: &People, oracle: &Oracle) -> Result<(), String> {
    // Refused commands that their person sees, and those that wait for a conversation nobody has brought back.
    let mut seen: Vec<(usize, Command)> = Vec::new();
    for (index, device) in devices.iter_mut().enumerate() {
        let (reader, _) = device.screen().map_err(|error| error.to_string())?.ok_or("a device is off")?;
        let commands = reader.commands().map_err(|error| error.to_string())?;
        let projections = reader.projections().map_err(|error| error.to_string())?;
        let has = |id: ConversationId| projections.iter().any(|projection| projection.conversation == id);
        for written in commands {
            match written.state {
                CommandState::Waiting if has(written.command.conversation()) || !oracle.was_restored() => {
                    return Err(format!("row {:?} still waits", written.row));
                }
                CommandState::Waiting | CommandState::Rejected(_) => seen.push((index, written.command)),
                CommandState::Settled(seq) if seq == Seq::ZERO && !oracle.was_restored() => {
                    return Err(format!("device {index}: the verdict on {:?} was lost", written.command));
                }
                CommandState::Settled(_) => {
                    if let Command::SendMessage { message, .. } = written.command
                        && !oracle.has(message)
                    {
                        return Err(format!("{message} shows a tick and is not in the log"));
                    }
                }
            }
        }
    }
    let refused = |press: &Press| {
        seen.iter().any(|(device, command)| {
            let same_message = matches!(command, Command::SendMessage { .. })
                && matches!(press.command, Command::SendMessage { .. })
                && command.message() == press.command.message();
            // An edit before the first transmission has rewritten the row.
            *device == press.device && (*command == press.command || same_message)
        })
    };
    for press in last_edits(people) {
        let Press { device, command, .. } = press;
        let Command::EditMessage { message, text, .. } = command else { continue };
        let gone = people.pressed.get(message).is_some_and(|pressed| oracle.may_be_gone(pressed));
        let counts = !gone && !refused(press) && !oracle.rejected(*device, command);
        if let Some(now) = oracle.text_of(*message).filter(|now| counts && now != text) {
            return Err(format!("{message} was left as {text:?} and has become {now:?} again"));
        }
    }
    for press in people.ledger.presses().iter().filter(|press| !press.moot) {
        if !refused(press) && !led_somewhere(press, people, oracle) {
            let Press { device, command, .. } = press;
            return Err(format!("device {device}: {command:?} is lost"));
        }
    }
    Ok(())
}

/// The last edits of messages that were edited on one device alone: nobody else can have changed what they left.
fn last_edits(people: &People) -> impl Iterator<Item = &Press> {
    let mut last: BTreeMap<MessageId, Option<&Press>> = BTreeMap::new();
    for press in people.ledger.presses().iter().filter(|press| !press.moot) {
        if let Command::EditMessage { message, .. } = press.command {
            let known = last.entry(message).or_insert(Some(press));
            *known = known.filter(|known| known.device == press.device).map(|_| press);
        }
    }
    last.into_values().flatten()
}

fn led_somewhere(press: &Press, people: &People, oracle: &Oracle) -> bool {
    let Press { device, command, folded, .. } = press;
    let conversation = command.conversation();
    let message = command.message();
    let undone = oracle.rejected(*device, command) && people.reverted.contains(&(*device, conversation));
    // Whoever was removed has no trace of a conversation left that a restored server could be given.
    let gone = message.and_then(|message| people.pressed.get(&message)).is_some_and(|press| oracle.may_be_gone(press));
    let of_lost_message = message.is_some_and(|message| !oracle.has(message));
    let changed = match command {
        Command::SendMessage { message, .. } => {
            return oracle.has(*message) || people.given_up.contains(message) || gone;
        }
        Command::EditMessage { message, text, .. } => oracle.had(*message, text),
        Command::DeleteMessage { message, .. } => oracle.is_deleted(*message),
        Command::CreateConversation { .. } if oracle.was_restored() => {
            return oracle.has_conversation(conversation) || oracle.has_left(press.account, conversation);
        }
        Command::CreateConversation { .. } => oracle.has_conversation(conversation),
        Command::SetTitle { .. } | Command::AddMember { .. } | Command::RemoveMember { .. } => true,
    };
    if *folded || of_lost_message || gone || undone {
        return changed || of_lost_message || gone || undone;
    }
    changed && (oracle.was_restored() || is_judged(press, people, oracle))
}

/// Every press of this on this device has had a verdict of its own.
fn is_judged(press: &Press, people: &People, oracle: &Oracle) -> bool {
    let same = |other: &&Press| other.device == press.device && other.command == press.command;
    let pressed = people.ledger.presses().iter().filter(|press| !press.moot).filter(same).count();
    oracle.judged(press.device, &press.command) >= pressed
}

/// Everybody's read position is where it was pressed, or further where other devices and own messages have moved it; and
/// not where nobody has been.
pub fn reads(cast: &Cast, reads: &mut dyn ReadStore, people: &People, oracle: &Oracle) -> Result<(), String> {
    let text = |error: StoreError| format!("the server's store: {error}");
    let snapshot = reads.snapshot().map_err(text)?;
    for (actor, _) in &cast.0 {
        let server = snapshot.organisation(actor.organisation).map_err(text)?;
        for (row, member) in server.conversations_of(actor.account).map_err(text)? {
            let (account, id) = (actor.account, row.head().conversation);
            if !member.member {
                continue;
            }
            let read = member.read.seq;
            let pressed = people.ledger.reads().find(|(who, place, _)| (*who, *place) == (account, id));
            if let Some((_, _, seq)) = pressed.filter(|(_, _, seq)| *seq > read) {
                return Err(format!("{account} has read {id} up to {seq}, and the server says {read}"));
            }
            let furthest = people.ledger.claimed(account, id).max(oracle.moved_to(account, id));
            if read > row.head().seq || (read > furthest && !oracle.was_restored()) {
                return Err(format!("{account} has read {id} up to {furthest}, and the server says {read}"));
            }
        }
    }
    Ok(())
}
