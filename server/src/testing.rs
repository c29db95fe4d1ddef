//! What the tests share: a store in a folder of its own, two organisations with people in them, and short words for
//! commands.

use std::path::Path;

use fil_protocol::{
    AccountId, Command, ConversationId, ConversationKind, ConversationRecord, DeviceId, Epoch, Generation, MessageId,
    OrganisationId, Position, Profile, Role, Seq,
};
use tempfile::TempDir;

use crate::actor::Actor;
use crate::relay::{self, Decision};
use crate::store::sqlite::SqliteStore;
use crate::store::{AccountRow, Membership, NewDevice, OrganisationReader, OrganisationRow, OrganisationWriter, Store};

/// The server's clock when a test begins.
pub(crate) const NOW_MS: u64 = 1_800_000_000_000;

/// The people of the first organisation, in the order of their ids.
pub(crate) const ADA: u8 = 1;
pub(crate) const BEN: u8 = 2;
pub(crate) const EVE: u8 = 3;
/// The only person of the second organisation.
pub(crate) const MALLORY: u8 = 9;

/// A store in a folder that goes away with it.
pub(crate) struct House {
    pub(crate) store: Box<dyn Store>,
    pub(crate) folder: TempDir,
}

impl House {
    /// A new database with everybody in it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Box::new(SqliteStore::open(&folder.path().join("fil.db"), epoch(1)).unwrap());
        let mut house = Self { store, folder };
        populate(house.store.as_mut());
        house
    }

    /// Runs something in a committed transaction of the first organisation.
    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&dyn OrganisationWriter) -> T) -> T {
        let transaction = self.store.begin().unwrap();
        let organisation = transaction.organisation(organisation(1)).unwrap();
        let value = work(organisation.as_ref());
        drop(organisation);
        transaction.commit().unwrap();
        value
    }

    /// Reads the first organisation's committed state.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&dyn OrganisationReader) -> T) -> T {
        let mut reads = self.store.open_reads().unwrap();
        let snapshot = reads.snapshot().unwrap();
        let organisation = snapshot.organisation(organisation(1)).unwrap();
        work(organisation.as_ref())
    }

    /// Applies a command in a transaction of its own.
    pub(crate) fn apply(&mut self, who: u8, command: &Command) -> Decision {
        self.apply_at(who, command, NOW_MS)
    }

    /// The same at a given time.
    pub(crate) fn apply_at(&mut self, who: u8, command: &Command, now_ms: u64) -> Decision {
        let actor = actor(who);
        let transaction = self.store.begin().unwrap();
        let organisation = transaction.organisation(actor.organisation).unwrap();
        let decision = relay::apply(organisation.as_ref(), &actor, command, now_ms).unwrap();
        drop(organisation);
        transaction.commit().unwrap();
        decision
    }

    /// The whole database as text, to see that something changed nothing.
    pub(crate) fn dump(&self) -> String {
        dump(self.folder.path())
    }
}

/// The whole database in this folder as text.
pub(crate) fn dump(folder: &Path) -> String {
    let connection = rusqlite::Connection::open(folder.join("fil.db")).unwrap();
    let mut dump = String::new();
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<rusqlite::types::Value> = (0..columns).map(|column| row.get(column).unwrap()).collect();
            dump.push_str(&format!("{table} {values:?}\n"));
        }
    }
    dump
}

/// Two organisations: Ada, Ben and Eve in the first, Mallory in the second. Everybody has one device.
pub(crate) fn populate(store: &mut dyn Store) {
    let transaction = store.begin().unwrap();
    for (number, slug) in [(1, "brigade"), (2, "clinic")] {
        let row = OrganisationRow { id: organisation(number), slug: slug.to_owned(), name: slug.to_owned() };
        transaction.create_organisation(&row).unwrap();
    }
    for (who, name) in [(ADA, "Ada Lovelace"), (BEN, "Ben Élu"), (EVE, "Eve"), (MALLORY, "Mallory")] {
        let actor = actor(who);
        let organisation = transaction.organisation(actor.organisation).unwrap();
        let profile = profile(who, name);
        let row = AccountRow { profile, password_hash: None, created_at_ms: NOW_MS, disabled_at_ms: None };
        organisation.create_account(&row).unwrap();
        let name = format!("device of {name}");
        let (device, account) = (actor.device, actor.account);
        organisation.create_device(&NewDevice { device, account, name, created_at_ms: NOW_MS }).unwrap();
    }
    transaction.commit().unwrap();
}

/// Makes somebody a member of this many more groups, in one transaction.
pub(crate) fn fill_with_conversations(house: &mut House, who: u8, count: usize) {
    house.write(|organisation| {
        for number in 0..count as u64 {
            let conversation = ConversationId::from_parts(1_000 + number, &[0; 10]);
            let record = ConversationRecord { conversation, kind: ConversationKind::Group, title: None };
            organisation.create_conversation(&record).unwrap();
            let at = Position { seq: Seq(1), sent: 0 };
            let role = Role::Member;
            let membership = Membership { conversation, account: account(who), member: true, role, at };
            organisation.set_membership(membership).unwrap();
        }
    });
}

fn profile(who: u8, name: &str) -> Profile {
    let handle = name.split(' ').next().unwrap().to_lowercase();
    Profile { account: account(who), handle, name: name.to_owned() }
}

pub(crate) fn epoch(number: u8) -> Epoch {
    Epoch::from_parts(1, &[number; 10])
}

pub(crate) fn organisation(number: u8) -> OrganisationId {
    OrganisationId::from_parts(1, &[number; 10])
}

pub(crate) fn account(who: u8) -> AccountId {
    AccountId::from_parts(1, &[who; 10])
}

pub(crate) fn actor(who: u8) -> Actor {
    let organisation = organisation(if who == MALLORY { 2 } else { 1 });
    Actor { organisation, account: account(who), device: DeviceId::from_parts(2, &[who; 10]) }
}

pub(crate) fn generation(number: u8) -> Generation {
    Generation::from_parts(1, &[number; 10])
}

pub(crate) fn group(number: u8) -> ConversationId {
    ConversationId::from_parts(1, &[number; 10])
}

pub(crate) fn direct(one: u8, other: u8) -> ConversationId {
    ConversationId::direct(actor(one).organisation, account(one), account(other))
}

pub(crate) fn message(number: u8) -> MessageId {
    MessageId::from_parts(1, &[number; 10])
}

pub(crate) fn create_group(number: u8, title: &str, members: &[u8]) -> Command {
    Command::CreateConversation {
        conversation: group(number),
        kind: ConversationKind::Group,
        title: Some(title.to_owned()),
        members: members.iter().copied().map(account).collect(),
    }
}

pub(crate) fn create_direct(one: u8, other: u8) -> Command {
    Command::CreateConversation {
        conversation: direct(one, other),
        kind: ConversationKind::Direct,
        title: None,
        members: vec![account(other)],
    }
}

pub(crate) fn send(conversation: ConversationId, number: u8, text: &str) -> Command {
    Command::SendMessage { conversation, message: message(number), text: text.to_owned(), composed_at_ms: NOW_MS }
}

pub(crate) fn edit(conversation: ConversationId, number: u8, text: &str) -> Command {
    Command::EditMessage { conversation, message: message(number), text: text.to_owned() }
}

pub(crate) fn delete(conversation: ConversationId, number: u8) -> Command {
    Command::DeleteMessage { conversation, message: message(number) }
}

pub(crate) fn add(conversation: ConversationId, who: u8) -> Command {
    Command::AddMember { conversation, account: account(who) }
}

pub(crate) fn remove(conversation: ConversationId, who: u8) -> Command {
    Command::RemoveMember { conversation, account: account(who) }
}

pub(crate) fn rename(conversation: ConversationId, title: &str) -> Command {
    Command::SetTitle { conversation, title: title.to_owned() }
}
