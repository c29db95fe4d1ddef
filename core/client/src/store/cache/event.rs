//! Applying events: what each kind of event does to the cache.

use fil_protocol::{
    AccountId, ConversationId, Event, EventBody, Item, ItemBody, KnownEvent, MembershipChange, Position, Seq,
};
use rusqlite::Connection;

use super::{conversation, deletion, item, member, range, unknown};

/// Applies events that follow the cursor without a gap, and moves it. `me` is the signed-in account.
pub(crate) fn apply(
    db: &Connection,
    me: AccountId,
    conversation: ConversationId,
    events: &[Event],
) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    let mut sent = 0;
    let mut members = false;
    for event in events {
        match &event.body {
            EventBody::Known(known) => {
                members |= matches!(known, KnownEvent::Created { .. } | KnownEvent::Membership { .. });
                sent = sent.max(apply_known(db, me, conversation, event, known)?);
            }
            EventBody::Unknown(_) => unknown::keep_event(db, conversation, event)?,
        }
    }
    range::add(db, conversation, first.seq, last.seq)?;
    if members {
        conversation::count_members(db, conversation)?;
    }
    conversation::advance(db, conversation, last.seq, sent, last.at_ms)
}

/// One event. Answers the ordinal that it carries, or 0.
pub(super) fn apply_known(
    db: &Connection,
    me: AccountId,
    conversation: ConversationId,
    event: &Event,
    known: &KnownEvent,
) -> rusqlite::Result<u64> {
    if let KnownEvent::Created { kind, title, members } = known {
        conversation::describe(db, conversation, *kind, title.as_deref())?;
        member::replace(db, conversation, members)?;
    }
    if let Some(made) = Item::from_event(event) {
        item::put(db, conversation, &made)?;
    }
    match known {
        KnownEvent::Message { sent, .. } => {
            if event.author == me {
                conversation::read_to(db, conversation, Position { seq: event.seq, sent: *sent })?;
            }
            Ok(*sent)
        }
        KnownEvent::Tombstone { sent, .. } => Ok(sent.unwrap_or(0)),
        KnownEvent::Edit { target, text, .. } => edit(db, conversation, *target, event.seq, text).map(|()| 0),
        KnownEvent::Deletion { target, .. } => delete(db, conversation, *target, event.seq).map(|()| 0),
        KnownEvent::Membership { member, change: MembershipChange::Joined } => {
            member::join(db, conversation, member).map(|()| 0)
        }
        KnownEvent::Membership { member, change: MembershipChange::Left } => {
            member::leave(db, conversation, member).map(|()| 0)
        }
        KnownEvent::Title { title } => conversation::set_title(db, conversation, title).map(|()| 0),
        KnownEvent::Created { .. } => Ok(0),
    }
}

fn edit(db: &Connection, conversation: ConversationId, target: Seq, rev: Seq, new: &str) -> rusqlite::Result<()> {
    let Some(mut known) = item::get(db, conversation, target)? else { return Ok(()) };
    if let ItemBody::Message { text, edited, .. } = &mut known.body {
        new.clone_into(text);
        *edited = true;
        known.rev = rev;
        item::put(db, conversation, &known)?;
    }
    Ok(())
}

fn delete(db: &Connection, conversation: ConversationId, target: Seq, rev: Seq) -> rusqlite::Result<()> {
    deletion::insert(db, conversation, target)?;
    let Some(mut known) = item::get(db, conversation, target)? else { return Ok(()) };
    if let ItemBody::Message { id, sent, .. } | ItemBody::Deleted { id, sent } = known.body {
        known.body = ItemBody::Deleted { id, sent };
        known.rev = rev;
        item::put(db, conversation, &known)?;
    }
    Ok(())
}
