//! What must hold once everybody has settled: every client shows what the server has (invariants 2 and 3).

use std::collections::BTreeMap;

use fil_client::store::{CommandState, Projection};
use fil_protocol::{Command, ConversationId, Item, ItemBody};
use fil_server::store::{OrganisationReader, ReadStore, StoreError};

use crate::device::Device;
use crate::oracle::Oracle;
use crate::person::People;

/// Compares a device with the server. The error names the first difference.
pub fn compare(device: &mut Device, reads: &mut dyn ReadStore) -> Result<(), String> {
    let actor = device.actor;
    let session = device.session().ok_or("the device is off")?;
    let mut reader = session.reader().map_err(|error| error.to_string())?;
    let projections = reader.projections().map_err(|error| error.to_string())?;
    let mut cached: BTreeMap<ConversationId, Projection> =
        projections.into_iter().map(|projection| (projection.conversation, projection)).collect();

    let snapshot = reads.snapshot().map_err(text)?;
    let server = snapshot.organisation(actor.organisation).map_err(text)?;
    for (row, member) in server.conversations_of(actor.account).map_err(text)? {
        if !member.member {
            continue;
        }
        let id = row.head().conversation;
        let projection = cached.remove(&id).ok_or(format!("{id} is missing"))?;
        same(&projection.title, &row.record.title, id, "title")?;
        same(&projection.kind, &row.record.kind, id, "kind")?;
        same(&projection.cursor, &row.head().seq, id, "cursor")?;
        same(&projection.members, &server.members(id).map_err(text)?, id, "members")?;
        same(&projection.read, &member.read.seq, id, "read position")?;
        compare_items(&projection, &*server)?;
    }
    match cached.keys().next() {
        Some(id) => Err(format!("{id} is kept though the account is no member")),
        None => Ok(()),
    }
}

fn compare_items(projection: &Projection, server: &dyn OrganisationReader) -> Result<(), String> {
    let id = projection.conversation;
    let all = server.items_before(id, None, usize::MAX).map_err(text)?;
    let is_kept = |item: &&Item| projection.kept.iter().any(|(low, high)| (*low..=*high).contains(&item.seq));
    let expected: Vec<&Item> = all.iter().filter(is_kept).collect();
    let found: Vec<&Item> = projection.items.iter().collect();
    if expected != found {
        let differs = expected.iter().zip(&found).find(|(expected, found)| expected != found);
        return Err(format!(
            "{id}: {} items expected, {} found, kept {:?}; first difference {differs:?}",
            expected.len(),
            found.len(),
            projection.kept
        ));
    }
    if projection.kept.last().map(|range| range.1) != Some(projection.cursor) {
        return Err(format!("{id}: the cursor {} is outside of {:?}", projection.cursor, projection.kept));
    }
    let is_unread = |item: &&Item| item.seq > projection.read && matches!(item.body, ItemBody::Message { .. });
    let recount = all.iter().filter(is_unread).count() as u64;
    same(&projection.unread, &recount, id, "unread")
}

/// What holds at any moment on any device, however far behind it is: where it has every item after the read position,
/// the unread count equals a recount of them (invariant 3).
pub fn recount(projections: &[Projection]) -> Result<(), String> {
    for projection in projections {
        let Projection { conversation, read, cursor, unread, .. } = projection;
        let whole = projection.kept.iter().any(|(low, high)| *low <= read.next() && high >= cursor);
        let is_unread = |item: &&Item| item.seq > *read && matches!(item.body, ItemBody::Message { .. });
        let count = projection.items.iter().filter(is_unread).count() as u64;
        if whole && count != *unread {
            return Err(format!("{conversation}: {unread} unread by the formula, {count} by a recount"));
        }
    }
    Ok(())
}

/// Every press of send has led somewhere: into the log, or to a rejection that the person sees, or it was taken back.
pub fn account_for(devices: &mut [Device], people: &People, oracle: &Oracle) -> Result<(), String> {
    let mut rejected = Vec::new();
    for device in devices {
        let session = device.session().ok_or("a device is off")?;
        let mut reader = session.reader().map_err(|error| error.to_string())?;
        for written in reader.commands().map_err(|error| error.to_string())? {
            match written.state {
                CommandState::Waiting => return Err(format!("row {:?} still waits", written.row)),
                CommandState::Rejected(_) => rejected.extend(written.command.message()),
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
    for message in people.pressed.keys() {
        let led_somewhere = oracle.has(*message) || rejected.contains(message) || people.given_up.contains(message);
        if !led_somewhere {
            return Err(format!("{message} is lost"));
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(client: &T, server: &T, id: ConversationId, what: &str) -> Result<(), String> {
    if client == server {
        return Ok(());
    }
    Err(format!("{id}: {what}: the client has {client:?}, the server {server:?}"))
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn text(error: StoreError) -> String {
    format!("the server's store: {error}")
}
