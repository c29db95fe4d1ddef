//! Answers to pulls: the missing events, or a window if that is cheaper or the cursor is none of ours.

#[cfg(test)]
mod tests;

use fil_protocol::limits::{
    PULL_BYTES_MAX, PULL_ENTRIES_MAX, PULL_EVENTS_CHEAP_MAX, PULL_EVENTS_MAX, WINDOW_CHANGED_MAX, WINDOW_DELETED_MAX,
    WINDOW_ITEMS,
};
use fil_protocol::{
    AccountChanges, AccountEntry, ConversationId, Item, ItemBody, KnownAccountEntry, Seq, ServerFrame, Stream, Window,
};

use crate::actor::Actor;
use crate::history::{ReadError, covered_from, visible};
use crate::store::{ConversationRow, MemberRow, OrganisationReader, StoreError};

/// Members that a window names in about as many bytes as one event has.
const MEMBERS_PER_EVENT: u64 = 2;

/// A pull: see [`fil_protocol::ClientFrame::Pull`].
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// Chosen by the client, repeated in the answer.
    pub request: u64,
    /// Which stream.
    pub stream: Stream,
    /// The client's cursor.
    pub after: Option<Seq>,
    /// Items that a window should have at most.
    pub items_max: Option<u32>,
}

/// The answer to one pull, as of the reader's snapshot; without its stamp, which the node puts on.
pub fn answer(organisation: &dyn OrganisationReader, actor: &Actor, pull: Pull) -> Result<ServerFrame, ReadError> {
    match pull.stream {
        Stream::Account => Ok(ServerFrame::Account(account(organisation, actor, pull.request, pull.after)?)),
        Stream::Conversation(conversation) => events_or_window(organisation, actor, conversation, pull),
    }
}

/// The entries after a revision, or all if those are too many. A revision ahead of the server's is of another history,
/// and is answered with all, too.
///
/// All is one frame: an account has at most [`fil_protocol::limits::CONVERSATIONS_MAX`] conversations, of some 160 bytes
/// each, and what it left is not in it. What it left is in the entries after a revision, so those need their own bound.
fn account(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    request: u64,
    after: Option<Seq>,
) -> Result<AccountChanges, StoreError> {
    let rev = organisation.account_rev(actor.account)?;
    let changed = match after.map(|after| after.0).filter(|after| *after <= rev) {
        Some(after) => {
            let entries = organisation.entries_after(actor.account, after, PULL_ENTRIES_MAX + 1)?;
            (entries.len() <= PULL_ENTRIES_MAX).then_some((after, entries))
        }
        None => None,
    };
    let (after, full, entries) = match changed {
        Some((after, entries)) => (after, false, entries),
        None => (0, true, organisation.entries(actor.account)?),
    };
    let entries =
        entries.into_iter().map(|entry| AccountEntry::Known(KnownAccountEntry::Conversation(entry))).collect();
    Ok(AccountChanges { request: Some(request), after, rev, full, entries, stamp: None })
}

fn events_or_window(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    conversation: ConversationId,
    pull: Pull,
) -> Result<ServerFrame, ReadError> {
    let Pull { request, after, items_max, .. } = pull;
    let items_max = items_max.map(|items| (items as usize).clamp(1, WINDOW_ITEMS));
    let (row, member) = visible(organisation, actor, conversation)?;
    // A cursor ahead of the head is of another history: what the client has may be wrong below it, too.
    let after = after.filter(|after| *after <= row.head.seq);
    if let Some(after) = after
        && row.head.seq.0 - after.0 <= events_max(organisation, conversation, row.head.seq.0 - after.0, items_max)?
    {
        let events = organisation.events_after(conversation, after, PULL_EVENTS_MAX, PULL_BYTES_MAX)?;
        if let Some(events) = events {
            return Ok(ServerFrame::Events { request, conversation, after, events, stamp: None });
        }
    }
    let window = window(organisation, row, &member, after, items_max.unwrap_or(WINDOW_ITEMS))?;
    Ok(ServerFrame::Window { request, window, stamp: None })
}

/// How many events are an answer to a pull that misses so many. Who does not say how large a window should be gets events
/// as long as they are not too many. Everybody else gets them as long as a window is not cheaper: an item is as large as
/// an event, and a window names the members besides, which counts where there are hundreds.
fn events_max(
    organisation: &dyn OrganisationReader,
    conversation: ConversationId,
    missing: u64,
    items_max: Option<usize>,
) -> Result<u64, StoreError> {
    let (cheap, most) = (PULL_EVENTS_CHEAP_MAX as u64, PULL_EVENTS_MAX as u64);
    let Some(items_max) = items_max else { return Ok(most) };
    if missing <= cheap || missing > most {
        return Ok(cheap);
    }
    let members = organisation.count_members(conversation)? / MEMBERS_PER_EVENT;
    Ok((items_max as u64 + members).clamp(cheap, most))
}

/// The conversation as of now. Without a cursor nothing is known of what the client has, so it drops all that is older.
fn window(
    organisation: &dyn OrganisationReader,
    row: ConversationRow,
    member: &MemberRow,
    after: Option<Seq>,
    items_max: usize,
) -> Result<Window, StoreError> {
    let conversation = row.record.conversation;
    let newest = organisation.items_before(conversation, None, items_max)?;
    let items = newest[newest.len() - fitting(&newest)..].to_vec();
    let from = if items.len() < newest.len() { items[0].seq } else { covered_from(&newest, items_max) };
    let changed = match after {
        // What lies between the cursor and the window the client does not have: it comes as history, with its changes.
        Some(after) => {
            organisation.items_touched(conversation, after, from.min(after.next()), WINDOW_CHANGED_MAX + 1)?
        }
        None => Vec::new(),
    };
    let changed_bytes: usize = changed.iter().map(json_bytes).sum();
    let reset = after.is_none() || changed.len() > WINDOW_CHANGED_MAX || changed_bytes > PULL_BYTES_MAX;
    Ok(Window {
        members: organisation.members(conversation)?,
        deleted: organisation.deleted_between(conversation, member.read.seq, from, WINDOW_DELETED_MAX)?,
        record: row.record,
        items,
        from,
        as_of: row.head,
        changed: if reset { Vec::new() } else { changed },
        reset,
    })
}

/// How many of the newest items fit into [`PULL_BYTES_MAX`], one at least: fifty of the longest texts, written with
/// escapes, would be more than a connection may have queued.
fn fitting(items: &[Item]) -> usize {
    let mut bytes = 0;
    let fit = items.iter().rev().take_while(|item| {
        bytes += json_bytes(item);
        bytes <= PULL_BYTES_MAX
    });
    fit.count().max(1).min(items.len())
}

/// The size of an item in a frame, within some bytes.
fn json_bytes(item: &Item) -> usize {
    const ENVELOPE_BYTES: usize = 256;
    let text = match &item.body {
        ItemBody::Message { text, .. } => text.as_str(),
        ItemBody::Title { title } => title,
        ItemBody::Created { .. } | ItemBody::Membership { .. } | ItemBody::Deleted { .. } => "",
    };
    // A control character becomes `\u0000`, a quote or backslash gets one more.
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            0..=0x1f => 5,
            b'"' | b'\\' => 1,
            _ => 0,
        })
        .sum();
    ENVELOPE_BYTES + text.len() + escapes
}
