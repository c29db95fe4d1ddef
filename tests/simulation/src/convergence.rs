//! What every screen must show at any moment, and what must hold once everybody has settled: every client shows what
//! the server has (invariants 1, 2 and 3).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fil_client::store::{Bubble, CommandState, Mark, Projection, Written};
use fil_protocol::{Command, ConversationId, Item, ItemBody, MessageId, OrganisationId, Seq};
use fil_server::node::Actor;
use fil_server::store::{ConversationRow, MemberRow, OrganisationReader, ReadStore, StoreError};

use crate::device::Device;
use crate::person::Unseen;
use crate::received::Received;

/// All items of the server's conversations, as of one moment: read once, however many devices are compared with them.
pub type Logs = BTreeMap<(OrganisationId, ConversationId), Vec<Item>>;

/// Compares a device with the server, value by value. The error names the first difference.
pub fn compare(device: &mut Device, reads: &mut dyn ReadStore, logs: &mut Logs) -> Result<(), Unseen> {
    let actor = device.actor;
    let Some((reader, _)) = device.screen()? else { return Err(Unseen::Broken("the device is off".to_owned())) };
    let projections = reader.projections()?;
    explained(&device.received, &projections).map_err(Unseen::Broken)?;
    compare_with(actor, projections, reads, logs).map_err(Unseen::Broken)
}

fn compare_with(
    actor: Actor,
    projections: Vec<Projection>,
    reads: &mut dyn ReadStore,
    logs: &mut Logs,
) -> Result<(), String> {
    let mut cached: BTreeMap<ConversationId, Projection> =
        projections.into_iter().map(|projection| (projection.conversation, projection)).collect();

    let snapshot = reads.snapshot().map_err(text)?;
    let server = snapshot.organisation(actor.organisation).map_err(text)?;
    for (row, member) in server.conversations_of(actor.account).map_err(text)? {
        if !member.member {
            continue;
        }
        let id = row.head().conversation;
        let found = cached.remove(&id).ok_or(format!("{id} is missing"))?;
        if found.kept.last().map(|range| range.1) != Some(found.cursor) {
            return Err(format!("{id}: the cursor {} is outside of {:?}", found.cursor, found.kept));
        }
        let all = match logs.entry((actor.organisation, id)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(server.items_before(id, None, usize::MAX).map_err(text)?),
        };
        let expected = expected(&*server, &row, &member, &found.kept, all)?;
        if expected != found {
            return Err(difference(&expected, &found));
        }
    }
    match cached.keys().next() {
        Some(id) => Err(format!("{id} is kept though the account is no member")),
        None => Ok(()),
    }
}

/// What a client shows of a conversation if it shows what the server has, in the ranges that it keeps. Unread is a
/// recount.
fn expected(
    server: &dyn OrganisationReader,
    row: &ConversationRow,
    member: &MemberRow,
    kept: &[(Seq, Seq)],
    all: &[Item],
) -> Result<Projection, String> {
    let head = row.head();
    let unread = all.iter().filter(|item| item.seq > member.read.seq && is_message(item)).count() as u64;
    let is_kept = |item: &Item| kept.iter().any(|(low, high)| (*low..=*high).contains(&item.seq));
    Ok(Projection {
        conversation: head.conversation,
        kind: row.record.kind,
        title: row.record.title.clone(),
        cursor: head.seq,
        members: server.members(head.conversation).map_err(text)?,
        kept: kept.to_vec(),
        items: all.iter().filter(|item| is_kept(item)).cloned().collect(),
        unread,
        read: member.read.seq,
    })
}

fn difference(expected: &Projection, found: &Projection) -> String {
    let id = expected.conversation;
    let item = expected.items.iter().zip(&found.items).find(|(expected, found)| expected != found);
    if let Some((expected, found)) = item {
        return format!("{id}: the server has {expected:?}, the client {found:?}");
    }
    let without_items = |of: &Projection| Projection { items: Vec::new(), ..of.clone() };
    format!(
        "{id}: the server has {} items and {:?}, the client {} and {:?}",
        expected.items.len(),
        without_items(expected),
        found.items.len(),
        without_items(found)
    )
}

fn is_message(item: &Item) -> bool {
    matches!(item.body, ItemBody::Message { .. })
}

/// What holds at any moment on any device, however far behind it is: where it has every item after the read position,
/// the unread count equals a recount of them (invariant 3).
pub fn recount(projections: &[Projection]) -> Result<(), String> {
    for projection in projections {
        let Projection { conversation, read, cursor, unread, .. } = projection;
        let whole = projection.kept.iter().any(|(low, high)| *low <= read.next() && high >= cursor);
        let count = projection.items.iter().filter(|item| item.seq > *read && is_message(item)).count() as u64;
        if whole && count != *unread {
            return Err(format!("{conversation}: {unread} unread by the formula, {count} by a recount"));
        }
    }
    Ok(())
}

/// The stretches that a device says it keeps are those that it was given.
pub fn explained(received: &Received, projections: &[Projection]) -> Result<(), String> {
    projections.iter().try_for_each(|projection| received.explains(projection))
}

/// The half of the bijection that needs no cache, and so holds on a damaged one too: a message that was never
/// transmitted, or was refused, is on the screen with its mark, once.
pub fn outbox_is_drawn(commands: &[Written], bubbles: &[Bubble]) -> Result<(), String> {
    for written in commands {
        let Command::SendMessage { message, .. } = &written.command else { continue };
        let expected = match written.state {
            CommandState::Waiting if !written.transmitted => Mark::Queued,
            CommandState::Rejected(_) => Mark::Rejected,
            CommandState::Waiting | CommandState::Settled(_) => continue,
        };
        let drawn: Vec<_> = bubbles.iter().filter(|bubble| bubble.message == *message).collect();
        // What was refused after it had been written, and is there again, is drawn from the cache.
        let cached = drawn.is_empty() && expected == Mark::Rejected;
        if !cached && (drawn.len() != 1 || drawn[0].mark != expected) {
            return Err(format!("{message} is {:?} in the outbox and {drawn:?} on screen", written.state));
        }
    }
    Ok(())
}

/// No row of the outbox without its bubble, and no bubble without its row (row 21 of the failure catalogue): a message
/// that waits or was refused is on the screen, once, from the cache or with the right mark; and whatever the screen
/// draws over the cache is in the outbox or in the journal.
pub fn bijection(projections: &[Projection], commands: &[Written], bubbles: &[Bubble]) -> Result<(), String> {
    let cached = |message: MessageId| {
        projections.iter().flat_map(|projection| &projection.items).any(|item| item.body.message() == Some(message))
    };
    let mut drawn: BTreeMap<MessageId, &Bubble> = BTreeMap::new();
    for bubble in bubbles {
        if drawn.insert(bubble.message, bubble).is_some() || cached(bubble.message) {
            return Err(format!("{} is on the screen twice", bubble.message));
        }
    }
    for written in commands {
        let Command::SendMessage { message, conversation, .. } = &written.command else { continue };
        let expected = match written.state {
            CommandState::Waiting => Mark::Queued,
            CommandState::Rejected(_) => Mark::Rejected,
            CommandState::Settled(seq) => {
                let known = projections.iter().find(|projection| projection.conversation == *conversation);
                if known.is_some_and(|known| known.cursor >= seq) {
                    // The cache speaks: the item is there, was deleted, or lies where nothing is kept.
                    continue;
                }
                Mark::Sent(seq)
            }
        };
        match drawn.remove(message) {
            Some(bubble) if bubble.mark == expected => {}
            None if cached(*message) => {}
            found => return Err(format!("{message} is {:?} in the outbox and {found:?} on screen", written.state)),
        }
    }
    match drawn.into_values().next() {
        Some(bubble) => Err(format!("{bubble:?} is on the screen and nowhere else")),
        None => Ok(()),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn text(error: StoreError) -> String {
    format!("the server's store: {error}")
}
