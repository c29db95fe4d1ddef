//! What the screens draw once everybody has settled: the list of conversations and the newest page of every timeline are
//! what the server has, in the screen's words.

use std::collections::BTreeSet;

use fil_client::bridge::types::{self, ConversationRow, Timeline};
use fil_client::store::CommandState;
use fil_protocol::{ConversationId, ConversationKind, Item, ItemBody, MembershipChange, Profile};
use fil_server::store::{ConversationRow as Kept, MemberRow, OrganisationReader, ReadStore, StoreError};

use crate::device::Device;

/// Items that a person wants to see of a timeline.
const PAGE_ITEMS: u32 = 50;

/// Compares what a device draws with what the server has.
pub fn compare(device: &mut Device, reads: &mut dyn ReadStore) -> Result<(), String> {
    let (actor, me) = (device.actor, device.profile.clone());
    let text = |error: StoreError| format!("the server's store: {error}");
    let unreadable = |error: fil_client::store::StoreError| format!("the screen cannot be read: {error}");
    let (reader, _) = device.screen().map_err(unreadable)?.ok_or("the device is off")?;
    let rows = reader.conversation_rows(&me).map_err(unreadable)?;
    // Where something waits or was refused, the outbox is drawn over what the server has.
    let commands = reader.commands().map_err(unreadable)?;
    let open = commands.iter().filter(|row| !matches!(row.state, CommandState::Settled(_)));
    let drawn_over: BTreeSet<ConversationId> = open.map(|row| row.command.conversation()).collect();
    let mut listed = BTreeSet::new();

    let snapshot = reads.snapshot().map_err(text)?;
    let server = snapshot.organisation(actor.organisation).map_err(text)?;
    for (kept, member) in server.conversations_of(actor.account).map_err(text)? {
        let id = kept.head().conversation;
        if !member.member {
            continue;
        }
        let row = rows.iter().find(|row| row.id == id.to_string()).ok_or(format!("{id} is not in the list"))?;
        listed.insert(row.id.clone());
        let page = reader.opened_timeline(&me, id, PAGE_ITEMS).map_err(unreadable)?;
        let page = page.ok_or(format!("{id} has no timeline"))?;
        let over = drawn_over.contains(&id);
        compare_one(&me, &*server, (&kept, &member), row, &page, over).map_err(|what| format!("{id}: {what}"))?;
    }
    // Beside the server's there are those in which something awaits a decision.
    listed.extend(drawn_over.iter().map(ConversationId::to_string));
    match rows.iter().find(|row| !listed.contains(&row.id)) {
        None => Ok(()),
        Some(stray) => {
            let of_it: Vec<_> =
                commands.iter().filter(|row| row.command.conversation().to_string() == stray.id).collect();
            Err(format!("in the list, and unknown to the server: {stray:?}, {of_it:?}"))
        }
    }
}

fn compare_one(
    me: &Profile,
    server: &dyn OrganisationReader,
    (kept, member): (&Kept, &MemberRow),
    row: &ConversationRow,
    page: &Timeline,
    over: bool,
) -> Result<(), String> {
    let text = |error: StoreError| format!("the server's store: {error}");
    let id = kept.head().conversation;
    let items = server.items_before(id, None, usize::MAX).map_err(text)?;
    let members = server.members(id).map_err(text)?;
    let unread = |item: &&Item| item.seq > member.read.seq && matches!(item.body, ItemBody::Message { .. });
    let unread = items.iter().filter(unread).count() as u64;
    let other = members.iter().find(|member| member.account() != me.account);
    let title = match kept.record.kind {
        ConversationKind::Direct => other.map(|other| other.profile.name.clone()),
        ConversationKind::Group => kept.record.title.clone(),
    };
    let expected = (members.len() as u64, unread, title.unwrap_or_default(), unread, kept.head().seq.0);
    let shown = (u64::from(row.members), row.unread, row.title.clone(), page.unread, page.head);
    if shown != expected && !over {
        return Err(format!("{shown:?} is drawn instead of {expected:?}"));
    }
    let sent: Vec<_> = page.items.iter().filter(|item| item.seq.is_some()).collect();
    let expected: Vec<&Item> = items.iter().filter(|item| item.seq.0 >= page.from).collect();
    let reaches = items.last().is_none_or(|newest| page.from <= newest.seq.0);
    if !reaches || sent.iter().map(|item| item.seq).ne(expected.iter().map(|item| Some(item.seq.0))) {
        return Err(format!("the newest page has {} items from {} on", sent.len(), page.from));
    }
    if over {
        return Ok(());
    }
    for (drawn, item) in sent.iter().zip(&expected) {
        let same = says(&drawn.body, &item.body)
            && (drawn.at_ms, drawn.own) == (item.at_ms, item.author == me.account)
            && drawn.author.account == item.author.to_string();
        if !same {
            return Err(format!("{drawn:?} is drawn instead of {item:?}"));
        }
    }
    match (&row.last, items.last()) {
        (Some(last), Some(newest)) if says(&last.body, &newest.body) && last.at_ms == newest.at_ms => Ok(()),
        (None, None) => Ok(()),
        (last, newest) => Err(format!("the list says {last:?} instead of {newest:?}")),
    }
}

/// Whether the screen says what the item says.
fn says(drawn: &types::ItemBody, item: &ItemBody) -> bool {
    match (drawn, item) {
        (types::ItemBody::Message { id, text, edited }, ItemBody::Message { id: of, text: said, edited: was, .. }) => {
            *id == of.to_string() && text == said && edited == was
        }
        (types::ItemBody::Deleted, ItemBody::Deleted { .. }) | (types::ItemBody::Created, ItemBody::Created { .. }) => {
            true
        }
        (types::ItemBody::Joined { person }, ItemBody::Membership { member, change: MembershipChange::Joined })
        | (types::ItemBody::Left { person }, ItemBody::Membership { member, change: MembershipChange::Left }) => {
            person.account == member.account().to_string()
        }
        (types::ItemBody::Title { title }, ItemBody::Title { title: said }) => title == said,
        _ => false,
    }
}
