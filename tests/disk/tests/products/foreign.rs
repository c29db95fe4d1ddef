//! Databases that must be left alone: newer, damaged, another program's (rows 52 and 55 of the failure catalogue).
//!
//! What is precious is refused with a sentence that says what to do, and not one byte of any file changes, the
//! write-ahead log that a crash left included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fil_client::store::{OpenError, Store};
use fil_disk::Dice;
use fil_protocol::Epoch;
use fil_server::store::StoreError;
use fil_server::store::sqlite::SqliteStore;
use rusqlite::Connection;

use crate::damage::{DAMAGES, below};
use crate::fixtures::{copy, releases};
use crate::number;
use crate::server::people;
use crate::stage::folder;

/// The newest fixture of a program.
fn fixture(program: &str) -> PathBuf {
    releases().pop().expect("a release").join(program)
}

/// Every file with its bytes. Shared memory is left out: it is made anew whenever a database is looked at.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries =
        std::fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry").path());
    let kept = entries.filter(|path| !path.to_string_lossy().ends_with("-shm"));
    kept.map(|path| (path.clone(), std::fs::read(&path).expect("the file can be read"))).collect()
}

/// Changes a database and leaves the change in its log, as a process that is killed does.
fn change_in_the_log(file: &Path, sql: &str) {
    let scratch = folder();
    let work = scratch.path().join("work.db");
    let log = |file: &Path| PathBuf::from(format!("{}-wal", file.display()));
    for (from, to) in [(file.to_owned(), work.clone()), (log(file), log(&work))] {
        if from.exists() {
            std::fs::copy(from, to).expect("the file can be copied");
        }
    }
    let db = Connection::open(&work).expect("it opens");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;").expect("it takes settings");
    db.execute_batch(sql).expect("it takes the change");
    std::fs::copy(&work, file).expect("the file can be copied");
    std::fs::copy(log(&work), log(file)).expect("the log can be copied");
}

fn open_client(folder: &Path) -> Result<(), OpenError> {
    Store::open(folder, people()[1].0.account).map(drop)
}

fn open_server(folder: &Path) -> Result<(), StoreError> {
    SqliteStore::open(&folder.join("fil.db"), Epoch::from([1; 16])).map(drop)
}

/// A newer version has been here and was killed: the older one says so and touches nothing, and the newer one finds
/// what was in the log.
#[test]
fn a_newer_database_is_refused_untouched_with_its_log() {
    let newer = "PRAGMA user_version = 99";
    let there = folder();
    copy(&fixture("client"), there.path());
    change_in_the_log(&there.path().join("local.db"), newer);
    let before = bytes(there.path());
    let error = open_client(there.path()).expect_err("it is newer");
    assert!(matches!(error, OpenError::Newer { found: 99, .. }) && error.to_string().contains("update Fil"), "{error}");
    assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);

    let there = folder();
    copy(&fixture("server"), there.path());
    change_in_the_log(&there.path().join("fil.db"), newer);
    let before = bytes(there.path());
    let error = open_server(there.path()).expect_err("it is newer");
    assert!(matches!(error, StoreError::NewerDatabase { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("update fil-server"), "{error}");
    assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
}

/// Another program's database under our name stays another program's.
#[test]
fn the_database_of_another_program_is_refused_untouched() {
    let there = folder();
    let file = there.path().join("fil.db");
    change_in_the_log(&file, "CREATE TABLE recipe (name); INSERT INTO recipe VALUES ('crêpes')");
    let before = bytes(there.path());
    let error = open_server(there.path()).expect_err("it is not ours");
    assert!(error.to_string().contains("not a database of Fil"), "{error}");
    assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
}

/// Random damage of `local.db`: it opens with what SQLite finds sound, or is refused as damaged with nothing touched.
/// Never a panic, and never another kind of error.
#[test]
fn a_damaged_local_database_opens_sound_or_is_refused_untouched() {
    let (mut refused, mut opened) = (0, 0);
    for seed in 0..number("FIL_DAMAGES").unwrap_or(60) {
        let mut dice = Dice::new(seed as u64);
        let there = folder();
        copy(&fixture("client"), there.path());
        let place = if dice.throw(3) == 0 { "local.db-wal" } else { "local.db" };
        let (name, damage) = DAMAGES[below(DAMAGES.len(), &mut dice)];
        println!("damage {seed}: {name} in {place}");
        let file = there.path().join(place);
        let mut content = std::fs::read(&file).expect("the file is there");
        damage(&mut content, &mut dice);
        std::fs::write(&file, content).expect("the file can be written");
        let before = bytes(there.path());
        match open_client(there.path()) {
            Ok(()) => opened += 1,
            Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => {
                refused += 1;
                assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
            }
            Err(error) => panic!("damage {seed} ({name} in {place}): {error:?}"),
        }
    }
    println!("{refused} refused, {opened} opened");
    assert!(refused > 10 && opened > 0, "{refused} refused, {opened} opened");
}

/// Random damage of the server's database: what is refused is refused as damaged, with nothing touched.
#[test]
fn a_damaged_server_database_that_is_refused_is_untouched() {
    let (mut refused, mut opened) = (0, 0);
    for seed in 0..number("FIL_DAMAGES").unwrap_or(60) {
        let mut dice = Dice::new(seed as u64);
        let there = folder();
        copy(&fixture("server"), there.path());
        let (name, damage) = DAMAGES[below(DAMAGES.len(), &mut dice)];
        println!("damage {seed}: {name}");
        let file = there.path().join("fil.db");
        // Half of them in the first page, where everything begins.
        let mut content = std::fs::read(&file).expect("the file is there");
        let len = if dice.throw(2) == 0 { 4_096 } else { content.len() };
        let mut part = content[..len].to_vec();
        damage(&mut part, &mut dice);
        let rest = if part.len() == len { content.split_off(len) } else { Vec::new() };
        std::fs::write(&file, [part, rest].concat()).expect("the file can be written");
        let before = bytes(there.path());
        match open_server(there.path()) {
            Ok(()) => opened += 1,
            Err(StoreError::Damaged(_) | StoreError::NewerDatabase { .. }) => {
                refused += 1;
                assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
            }
            Err(error) => panic!("damage {seed} ({name}): {error:?}"),
        }
    }
    println!("{refused} refused, {opened} opened");
    assert!(refused > 5 && opened > 0, "{refused} refused, {opened} opened");
}

/// The files that differ, appeared or went.
fn changed(before: &BTreeMap<PathBuf, Vec<u8>>, after: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<String> {
    let all = before.keys().chain(after.keys());
    let differs = all.filter(|path| before.get(*path) != after.get(*path));
    let mut changed: Vec<String> = differs.map(|path| path.display().to_string()).collect();
    changed.sort();
    changed.dedup();
    changed
}
