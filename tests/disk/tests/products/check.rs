//! What must hold on both sides, after every fault and at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fil_client::store::{CommandState, Projection};
use fil_protocol::{Command, ConversationId, Item, ItemBody, KnownEvent, MessageId, Seq};
use fil_server::store::OrganisationReader;
use fil_server::store::sqlite::inspect;
use rusqlite::{Connection, OpenFlags};

use crate::device::Device;
use crate::script::{direct, group};
use crate::stage::{Answered, Stage};

/// The server's database is whole: SQLite finds no damage, numbers have no gap, every item belongs to its event, and what
/// a device holds an acknowledgement of is there.
pub(crate) fn server_is_whole(stage: &Stage) {
    let inspection = inspect(&stage.server.path).expect("the server's database can be read");
    assert_eq!(inspection.damage, [""; 0]);
    assert_eq!(inspection.version, inspection.newest);
    let mut reads = stage.server.reads();
    let snapshot = reads.snapshot().expect("a snapshot");
    let organisation = snapshot.organisation(stage.devices[0].actor.organisation).expect("the organisation");
    for conversation in [direct(), group()] {
        log_is_whole(&*organisation, conversation);
    }
    for device in stage.devices.iter().filter(|device| device.session.is_some()) {
        for written in device.commands() {
            let CommandState::Settled(seq) = written.state else { continue };
            let conversation = written.command.conversation();
            let head = organisation.conversation(conversation).expect("readable").map_or(Seq::ZERO, |row| row.head.seq);
            assert!(seq <= head, "{:?} was acknowledged as {seq}, the log ends at {head}", written.command);
            if let Command::SendMessage { message, .. } = written.command {
                let item = organisation.message(conversation, message).expect("readable");
                assert_eq!(item.map(|item| item.seq), Some(seq), "{message} was acknowledged as {seq}");
            }
        }
    }
}

fn log_is_whole(organisation: &dyn OrganisationReader, conversation: ConversationId) {
    let Some(row) = organisation.conversation(conversation).expect("readable") else { return };
    let events = organisation.events_after(conversation, Seq::ZERO, usize::MAX, usize::MAX).expect("readable");
    let events = events.expect("the whole log");
    let numbers: Vec<u64> = events.iter().map(|event| event.seq.0).collect();
    assert_eq!(numbers, (1..=row.head.seq.0).collect::<Vec<_>>(), "{conversation}: a gap");
    // A transaction that was applied by half would leave an event without its item, or the other way round.
    let made: BTreeSet<Seq> = events
        .iter()
        .filter(|event| event.known().and_then(ItemBody::from_event).is_some())
        .map(|event| event.seq)
        .collect();
    let items = organisation.items_before(conversation, None, usize::MAX).expect("readable");
    assert_eq!(items.iter().map(|item| item.seq).collect::<BTreeSet<_>>(), made, "{conversation}");
    let sent = events.iter().filter(|event| {
        matches!(event.known(), Some(KnownEvent::Message { .. } | KnownEvent::Tombstone { sent: Some(_), .. }))
    });
    assert_eq!(sent.count() as u64, row.head.sent, "{conversation}: the count of messages");
}

/// A device's databases are whole, every promise is in them or was kept, and the cache has what its cursor says.
pub(crate) fn device_is_whole(stage: &Stage, index: usize) {
    let device = &stage.devices[index];
    for name in ["local.db", "cache.db"] {
        let path = device.folder.join(name);
        assert_eq!(integrity(&path), "ok", "{}", path.display());
    }
    let rows = device.commands();
    let mut reads = stage.server.reads();
    let snapshot = reads.snapshot().expect("a snapshot");
    let organisation = snapshot.organisation(device.actor.organisation).expect("the organisation");
    for press in stage.presses.iter().filter(|press| press.device == index) {
        let there = rows.iter().any(|row| row.command.message() == Some(press.message));
        let logged = organisation.message(press.conversation, press.message).expect("readable").is_some();
        match press.answered {
            Answered::Queued => assert!(there || logged, "{press:?} is lost"),
            Answered::Refused => assert!(!there && !logged, "{press:?} went out behind the person's back"),
            Answered::Unknown => {}
        }
    }
    for projection in device.projections() {
        kept_is_whole(&*organisation, &projection);
        kept_is_explained(device, &projection);
    }
    let drafts = drafts(device);
    for ((_, conversation), text) in stage.drafts.iter().filter(|((device, _), _)| *device == index) {
        assert_eq!(drafts.get(conversation).map_or("", String::as_str), text, "the draft in {conversation}");
    }
}

/// Within the ranges that the cache says it keeps, and up to its cursor, it has every item that the server has.
fn kept_is_whole(organisation: &dyn OrganisationReader, projection: &Projection) {
    let id = projection.conversation;
    let Projection { kept, cursor, .. } = projection;
    assert!(kept.last().is_none_or(|(_, high)| high == cursor), "{id}: cursor {cursor} beside {kept:?}");
    let all = organisation.items_before(id, None, usize::MAX).expect("readable");
    let has = |seq: &Seq| kept.iter().any(|(low, high)| (*low..=*high).contains(seq));
    let expected: Vec<Seq> = all.iter().map(|item| item.seq).filter(has).collect();
    let found: Vec<Seq> = projection.items.iter().map(|item| item.seq).collect();
    assert_eq!(found, expected, "{id}: kept {kept:?}");
}

/// Every stretch that the cache says it keeps begins at 1 or where a window began: otherwise something in front of it
/// was lost on the way, and the cache would be right about the rest (row 36 of the failure catalogue).
fn kept_is_explained(device: &Device, projection: &Projection) {
    let Projection { conversation, kept, .. } = projection;
    let began = device.windows.get(conversation);
    for (low, _) in kept {
        let explained = low.0 == 1 || began.is_some_and(|began| began.contains(low));
        assert!(explained, "{conversation}: {kept:?} is kept, and nothing that came begins at {low}");
    }
}

/// At the end of a day, when everybody is settled: both show what the server has; every promise was kept, once, in the
/// order of pressing send; nothing that was refused went out.
pub(crate) fn all_agree(stage: &Stage) {
    server_is_whole(stage);
    let mut reads = stage.server.reads();
    let snapshot = reads.snapshot().expect("a snapshot");
    for (index, device) in stage.devices.iter().enumerate() {
        device_is_whole(stage, index);
        let organisation = snapshot.organisation(device.actor.organisation).expect("the organisation");
        shows_what_the_server_has(device, &*organisation).unwrap_or_else(|what| panic!("device {index}: {what}"));
        promises_were_kept(stage, index, &*organisation);
    }
}

/// Whether a device's cache is what the server has, to the last field; the error says where not.
pub(crate) fn shows_what_the_server_has(device: &Device, organisation: &dyn OrganisationReader) -> Result<(), String> {
    let reader = device.session.as_ref().expect("the device is on").reader();
    let projections = reader.and_then(|mut reader| reader.projections()).map_err(|error| error.to_string())?;
    let mut projections: BTreeMap<ConversationId, Projection> =
        projections.into_iter().map(|projection| (projection.conversation, projection)).collect();
    for (row, member) in organisation.conversations_of(device.actor.account).expect("readable") {
        let id = row.record.conversation;
        if !member.member {
            continue;
        }
        let shown = projections.remove(&id).ok_or(format!("{id} is missing"))?;
        same(&(shown.cursor, shown.read), &(row.head.seq, member.read.seq), id)?;
        same(&(&shown.title, &shown.kind), &(&row.record.title, &row.record.kind), id)?;
        same(&shown.members, &organisation.members(id).expect("readable"), id)?;
        let all = organisation.items_before(id, None, usize::MAX).expect("readable");
        let has = |item: &&Item| shown.kept.iter().any(|(low, high)| (*low..=*high).contains(&item.seq));
        same(&shown.items.iter().collect::<Vec<_>>(), &all.iter().filter(has).collect::<Vec<_>>(), id)?;
        let unread = |item: &&Item| item.seq > shown.read && matches!(item.body, ItemBody::Message { .. });
        same(&shown.unread, &(all.iter().filter(unread).count() as u64), id)?;
    }
    if projections.is_empty() { Ok(()) } else { Err("it keeps what it is no member of".to_owned()) }
}

fn same<T: PartialEq + std::fmt::Debug>(shown: &T, expected: &T, id: ConversationId) -> Result<(), String> {
    if shown == expected { Ok(()) } else { Err(format!("{id}: {shown:?} instead of {expected:?}")) }
}

/// Every promise of a device was kept: once, in the order of pressing send.
pub(crate) fn promises_were_kept(stage: &Stage, index: usize, organisation: &dyn OrganisationReader) {
    let rejected: Vec<MessageId> = stage.devices[index]
        .commands()
        .into_iter()
        .filter(|row| matches!(row.state, CommandState::Rejected(_)))
        .filter_map(|row| row.command.message())
        .collect();
    let mut last: BTreeMap<ConversationId, Seq> = BTreeMap::new();
    for press in stage.presses.iter().filter(|press| press.device == index) {
        let item = organisation.message(press.conversation, press.message).expect("readable");
        if let Some(item) = &item {
            let before = last.insert(press.conversation, item.seq).unwrap_or(Seq::ZERO);
            assert!(before < item.seq, "{press:?} stands before what was written before it");
        }
        let told = rejected.contains(&press.message);
        match press.answered {
            Answered::Queued => assert!(item.is_some() != told, "{press:?}: in the log {item:?}, told {told}"),
            Answered::Refused => assert!(item.is_none() && !told, "{press:?} went out behind the person's back"),
            Answered::Unknown => {}
        }
    }
}

/// What SQLite says about a file. Changes nothing in it.
pub(crate) fn integrity(path: &Path) -> String {
    let check = || {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.query_row("PRAGMA integrity_check", [], |row| row.get(0))
    };
    check().unwrap_or_else(|error: rusqlite::Error| error.to_string())
}

/// What the composers hold.
pub(crate) fn drafts(device: &Device) -> BTreeMap<ConversationId, String> {
    let read = || -> rusqlite::Result<BTreeMap<ConversationId, String>> {
        let db = Connection::open_with_flags(device.folder.join("local.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = db.prepare("SELECT conversation, text FROM draft")?;
        let rows =
            statement.query_map([], |row| Ok((ConversationId::from(row.get::<_, [u8; 16]>(0)?), row.get(1)?)))?;
        rows.collect()
    };
    read().expect("the drafts can be read")
}
