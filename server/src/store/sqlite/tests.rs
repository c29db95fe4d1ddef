//! The contract, and what only SQLite has: files, versions, damage, what is left in the bytes.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fil_protocol::{
    ConversationId, ConversationKind, ConversationRecord, DeviceId, Item, ItemBody, Position, Role, Seq,
};
use rusqlite::Connection;

use super::organisation::Organisation;
use super::working::Working;
use super::{SqliteStore, back_up, check_engine, inspect, migrations};
use crate::store::contract::{Made, store_contract};
use crate::store::{
    Membership, NewDevice, ReadAccounts, ReadConversations, ReadDevices, ReadMembers, Store, StoreError,
};
use crate::testing::{
    ADA, BEN, EVE, House, account, actor, create_group, delete, edit, epoch, group, organisation, send,
};

fn make() -> Made {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("fil.db"), epoch(1)).unwrap();
    (Box::new(store), Box::new(folder))
}

store_contract!(make);

#[test]
fn every_connection_is_durable_and_overwrites_what_it_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("fil.db"), epoch(1)).unwrap();
    let pragma = |name: &str| -> String {
        let value: rusqlite::types::Value = store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
        format!("{value:?}")
    };
    assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
    assert_eq!(pragma("synchronous"), "Integer(2)");
    assert_eq!(pragma("foreign_keys"), "Integer(1)");
    assert_eq!(pragma("secure_delete"), "Integer(1)");
    assert_eq!(pragma("user_version"), format!("Integer({})", migrations::NEWEST));
}

/// Row 53 of the failure catalogue: the fault is in the resetting of the log.
#[test]
fn an_engine_with_a_known_fault_is_refused() {
    assert!(check_engine(rusqlite::version_number()).is_ok());
    assert!(check_engine(3_051_003).is_ok());
    let error = check_engine(3_051_002).unwrap_err();
    assert_eq!(error.to_string(), "SQLite 3.51.2 is too old: at least 3.51.3 is needed");
}

/// What is committed is there after the process is gone, and opening again does not migrate again.
#[test]
fn a_database_is_found_again() {
    let house = {
        let mut house = House::new();
        house.apply(ADA, &create_group(1, "Crew", &[BEN]));
        house
    };
    let before = house.dump();
    let path = house.folder.path().join("fil.db");
    drop(house.store);
    let store = SqliteStore::open(&path, epoch(9)).unwrap();
    assert_eq!(store.open_reads().unwrap().snapshot().unwrap().epoch().unwrap(), epoch(1));
    assert_eq!(store.check_integrity().unwrap(), [""; 0]);
    drop(store);
    let again = House { store: Box::new(SqliteStore::open(&path, epoch(9)).unwrap()), folder: house.folder };
    assert_eq!(again.dump(), before);
}

/// A file that is not ours or is newer is refused, and not one byte of it changes.
#[test]
fn a_database_that_is_not_ours_or_newer_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let prepare = |name: &str, sql: &str| -> PathBuf {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        path
    };
    let newer =
        prepare("newer.db", "PRAGMA application_id = 0x46696c31; PRAGMA user_version = 999; CREATE TABLE t (x)");
    let foreign = prepare("foreign.db", "PRAGMA user_version = 1; CREATE TABLE recipe (name)");
    let garbage = folder.path().join("garbage.db");
    fs::write(&garbage, "this is no database, and longer than the header of one is, so that it must be read").unwrap();
    for (path, expected) in [(newer, "update fil-server"), (foreign, "not a database of Fil"), (garbage, "damaged")] {
        let before = fs::read(&path).unwrap();
        let error = SqliteStore::open(&path, epoch(1)).map(drop).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert!(back_up(&path, &folder.path().join("copy.db")).is_err());
    }
}

/// Row 52: a file that lost its content beside a log that has some is not a new one. SQLite would delete the log, for whoever
/// only reads too.
#[test]
fn an_emptied_database_is_refused_and_its_log_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("fil.db"), folder.path().join("fil.db-wal"));
    fs::write(&path, "").unwrap();
    fs::write(&log, "what was committed last").unwrap();
    for error in [
        SqliteStore::open(&path, epoch(1)).map(drop).unwrap_err(),
        back_up(&path, &folder.path().join("copy.db")).unwrap_err(),
        inspect(&path).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("the file is empty, its log is not"), "{error}");
        assert_eq!((fs::read(&path).unwrap().len(), fs::read(&log).unwrap().len()), (0, 23));
    }
    // A first start that was interrupted at once.
    fs::remove_file(&log).unwrap();
    SqliteStore::open(&path, epoch(1)).unwrap();
}

/// A bit that flips where the header says how the file is written: SQLite would read it, and call it read-only at the first
/// write. A file of another program is refused as such whatever stands there.
#[test]
fn a_header_that_asks_for_another_way_of_writing_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fil.db");
    drop(SqliteStore::open(&path, epoch(1)).unwrap());
    let sound = fs::read(&path).unwrap();
    for at in [18, 19] {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        let error = SqliteStore::open(&path, epoch(1)).map(drop).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged);
    }
}

/// A migration that fails halfway leaves the version before it.
#[test]
fn a_migration_is_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fil.db");
    let connection = Connection::open(&path).unwrap();
    // Ours by its mark, but with a table in the way of the last one of version 1.
    connection.execute_batch("PRAGMA application_id = 0x46696c31; CREATE TABLE idempotency (x)").unwrap();
    assert!(SqliteStore::open(&path, epoch(1)).is_err());
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(tables, ["idempotency"]);
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 0);
}

/// A backup taken while a transaction is open has what was committed before it, in one sound file.
#[test]
fn a_backup_is_one_consistent_file() {
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    house.apply(ADA, &send(group(1), 1, "before"));
    let (from, to) = (house.folder.path().join("fil.db"), house.folder.path().join("backup.db"));
    let transaction = house.store.begin().unwrap();
    let writer = transaction.organisation(organisation(1)).unwrap();
    crate::relay::apply(writer.as_ref(), &actor(ADA), &send(group(1), 2, "not committed"), 1).unwrap();
    back_up(&from, &to).unwrap();
    drop(writer);
    drop(transaction);
    assert!(!house.folder.path().join("backup.db-wal").exists());
    let copy = SqliteStore::open(&to, epoch(9)).unwrap();
    assert_eq!(copy.check_integrity().unwrap(), [""; 0]);
    let mut reads = copy.open_reads().unwrap();
    let snapshot = reads.snapshot().unwrap();
    assert_eq!(snapshot.epoch().unwrap(), epoch(1));
    let head = snapshot.organisation(organisation(1)).unwrap().conversation(group(1)).unwrap().unwrap().head;
    assert_eq!(head.seq, Seq(2));
}

/// After a deletion and [`Store::forget`] the words are in no file: not in the tables, the index of words or the log.
#[test]
fn deleted_words_are_in_no_file() {
    let mut house = House::new();
    let g = group(1);
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    // Enough other messages that the index has segments to merge.
    for number in 10..60 {
        house.apply(BEN, &send(g, number, "nothing special here"));
    }
    house.apply(ADA, &send(g, 1, "the xylophone is broken"));
    house.apply(ADA, &edit(g, 1, "the zweihander is broken"));
    assert!(house.store.forget().unwrap());
    assert!(occurs(house.folder.path(), b"xylophone"), "the test can see the words before the deletion");
    house.apply(ADA, &delete(g, 1));
    assert!(house.store.forget().unwrap());
    for word in [b"xylophone".as_slice(), b"zweihander", b"ylophon", b"weihande"] {
        assert!(!occurs(house.folder.path(), word), "{}", String::from_utf8_lossy(word));
    }
    assert!(occurs(house.folder.path(), b"special"));
    let found = house.read(|organisation| organisation.search(actor(ADA).account, "broken", None, None, 5).unwrap());
    assert_eq!(found, []);
    let items = house.read(|organisation| organisation.items_before(g, None, 99).unwrap());
    assert!(items.iter().any(|Item { body, .. }| matches!(body, ItemBody::Deleted { .. })));
}

/// A reader in the middle of its snapshot keeps the log, and nobody waits for it; the next call empties the log.
#[test]
fn forgetting_does_not_wait_for_readers() {
    let mut house = House::new();
    let mut reads = house.store.open_reads().unwrap();
    let snapshot = reads.snapshot().unwrap();
    house.apply(ADA, &create_group(1, "Crew", &[]));
    assert!(!house.store.forget().unwrap());
    house.apply(ADA, &send(group(1), 1, "written all the same"));
    drop(snapshot);
    assert!(house.store.forget().unwrap());
    assert_eq!(fs::metadata(house.folder.path().join("fil.db-wal")).unwrap().len(), 0);
}

/// A row that the writer keeps in memory is read again after another process has written.
#[test]
fn what_another_process_writes_is_seen() {
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    house.apply(ADA, &send(group(1), 1, "hello"));
    let device = actor(ADA).device;
    assert!(house.write(|organisation| organisation.progress(device).unwrap().unwrap().active));
    let mut beside = SqliteStore::open(&house.folder.path().join("fil.db"), epoch(1)).unwrap();
    let transaction = beside.begin().unwrap();
    transaction.organisation(organisation(1)).unwrap().revoke_device(device, 5).unwrap();
    transaction.commit().unwrap();
    assert!(!house.write(|organisation| organisation.progress(device).unwrap().unwrap().active));
}

/// The common questions are answered from their indexes, in order, and nothing is sorted or looked through: a search of
/// the whole table would not fail, only slow everything down as it grows.
#[test]
fn the_common_questions_use_their_indexes() {
    let (folder, store) = {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("fil.db"), epoch(1)).unwrap();
        (folder, store)
    };
    let plan = |sql: &str, parameters: usize| -> Vec<String> {
        let mut statement = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let parameters = rusqlite::params_from_iter(0..parameters);
        statement.query_map(parameters, |row| row.get(3)).unwrap().map(Result::unwrap).collect()
    };
    let key = "organisation=? AND conversation=?";
    assert_eq!(
        plan(super::item::MESSAGE, 3),
        ["SEARCH event USING INDEX event_message (message=? AND organisation=? AND conversation=?)"]
    );
    assert_eq!(plan(super::item::BEFORE, 4), [format!("SEARCH event USING INDEX event_with_item ({key} AND seq<?)")]);
    assert_eq!(
        plan(super::event::AFTER, 4),
        [
            "MERGE (UNION ALL)",
            "LEFT",
            &format!("SEARCH event USING INDEX event_with_item ({key} AND seq>?)"),
            "RIGHT",
            &format!("SEARCH event USING INDEX event_alone ({key} AND seq>?)"),
        ]
    );
    drop(folder);
}

/// What a store says when a second process holds the writer.
#[test]
fn the_errors_of_sqlite_are_told_apart() {
    let error =
        |code: i32| StoreError::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)).to_string();
    assert_eq!(error(rusqlite::ffi::SQLITE_BUSY), "the database is in use by another process");
    assert_eq!(error(rusqlite::ffi::SQLITE_FULL), "the disk is full");
    assert!(error(rusqlite::ffi::SQLITE_CORRUPT).starts_with("the database is damaged"));
    assert!(error(rusqlite::ffi::SQLITE_NOTADB).starts_with("the database is damaged"));
    assert!(error(rusqlite::ffi::SQLITE_IOERR).starts_with("the database failed"));
}

fn occurs(folder: &Path, word: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(word.len()).any(|window| window == word)
    })
}

/// What is asked about one account costs what that account has, however many others its organisation has: the same steps of
/// SQLite's machine beside three hundred more conversations and devices. A plan that reads a whole table shows here.
#[test]
fn a_question_about_an_account_costs_what_the_account_has() {
    let mut house = House::new();
    house.apply(ADA, &create_group(1, "Crew", &[BEN]));
    // One is there before, so that a search ends at a neighbour's row in both cases.
    add_neighbours(&mut house, 0..1);
    let before = steps_of_questions(&house);
    add_neighbours(&mut house, 1..300);
    assert_eq!(steps_of_questions(&house), before);
}

/// Eve gets a device and a conversation for each number.
fn add_neighbours(house: &mut House, numbers: Range<u64>) {
    house.write(|organisation| {
        for number in numbers {
            let (account, device) = (account(EVE), DeviceId::from_parts(500 + number, &[0; 10]));
            let name = "Eve's".to_owned();
            organisation.create_device(&NewDevice { device, account, name, created_at_ms: 1 }).unwrap();
            let conversation = ConversationId::from_parts(500 + number, &[0; 10]);
            let record = ConversationRecord { conversation, kind: ConversationKind::Group, title: None };
            organisation.create_conversation(&record).unwrap();
            let (role, at) = (Role::Member, Position { seq: Seq(0), sent: 0 });
            organisation.set_membership(Membership { conversation, account, member: true, role, at }).unwrap();
        }
    });
}

/// The steps that SQLite's machine takes for each question about Ada.
fn steps_of_questions(house: &House) -> Vec<(&'static str, u64)> {
    let mut connection = Connection::open(house.folder.path().join("fil.db")).unwrap();
    super::configure(&connection).unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let count = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(count)).unwrap();
    let (working, ada) = (Working::default(), actor(ADA));
    let organisation = Organisation::open(&connection, ada.organisation, &working).unwrap();
    let mut counted = Vec::new();
    let mut ask = |name, rows: usize| counted.push((name, steps.swap(0, Ordering::Relaxed), rows));
    ask("organisation", 1);
    ask("device", organisation.device(ada.device).unwrap().iter().count());
    ask("devices_of", organisation.devices_of(ada.account).unwrap().len());
    ask("progress", organisation.progress(ada.device).unwrap().iter().count());
    ask("account", organisation.account(ada.account).unwrap().iter().count());
    ask("account_rev", organisation.account_rev(ada.account).unwrap() as usize);
    ask("conversations_of", organisation.conversations_of(ada.account).unwrap().len());
    ask("count_conversations", organisation.count_conversations(ada.account).unwrap() as usize);
    ask("entries", organisation.entries(ada.account).unwrap().len());
    ask("entries_after", organisation.entries_after(ada.account, 0, 100).unwrap().len());
    ask("members", organisation.members(group(1)).unwrap().len());
    ask("count_members", organisation.count_members(group(1)).unwrap() as usize);
    counted
        .into_iter()
        .map(|(name, steps, rows)| {
            assert!(rows > 0, "{name} found nothing");
            (name, steps)
        })
        .collect()
}
