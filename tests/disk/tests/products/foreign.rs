//! Databases that must be left alone: newer, damaged, another program's (rows 52 and 55 of the failure catalogue).
//!
//! What is precious is refused with a sentence that says what to do, and not one byte of any file changes, the
//! write-ahead log that a crash left included. What is accepted is sound, and all that was committed is in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fil_client::store::{OpenError, Store};
use fil_disk::Dice;
use fil_protocol::Epoch;
use fil_server::store::StoreError;
use fil_server::store::sqlite::{SqliteStore, inspect};
use rusqlite::Connection;

use crate::check::integrity;
use crate::damage::{DAMAGES, WITHIN_PAGES, below};
use crate::fixtures::{copy, releases, version};
use crate::migrations::{Content, content};
use crate::number;
use crate::script::direct;
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
    for file in ["fil.db", "local.db"] {
        let there = folder();
        let recipes = "CREATE TABLE recipe (name); INSERT INTO recipe VALUES ('crêpes')";
        change_in_the_log(&there.path().join(file), recipes);
        let before = bytes(there.path());
        let error = match file {
            "fil.db" => open_server(there.path()).expect_err("it is not ours").to_string(),
            _ => open_client(there.path()).expect_err("it is not ours").to_string(),
        };
        assert!(error.contains("not a database of Fil"), "{error}");
        assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
    }
}

/// A version number of `local.db` that its tables do not have is damage: the update from there would fail in the middle.
#[test]
fn a_local_database_of_a_wrong_version_is_refused_untouched() {
    for release in releases() {
        for wrong in [i64::from(i32::MIN), -1, 0, 1, 2] {
            let there = folder();
            copy(&release.join("client"), there.path());
            let scratch = folder();
            copy(there.path(), scratch.path());
            if wrong == version(&scratch.path().join("local.db")) {
                continue;
            }
            change_in_the_log(&there.path().join("local.db"), &format!("PRAGMA user_version = {wrong}"));
            let before = bytes(there.path());
            let error = open_client(there.path()).expect_err("it has another version");
            assert!(matches!(error, OpenError::Damaged { .. }), "{}, {wrong}: {error:?}", release.display());
            assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
        }
    }
}

/// What a database was after each commit of its log, the oldest first: with none of them, and with all.
fn commits(folder_of_it: &Path, file: &str) -> Vec<Content> {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4_096;
    let name = format!("{file}-wal");
    let log = std::fs::read(folder_of_it.join(&name)).expect("the log is there");
    let frames = log[HEADER..].chunks_exact(FRAME).enumerate();
    // The last frame of a commit tells the size of the database, the others 0.
    let ends = frames.filter(|(_, frame)| frame[4..8] != [0; 4]).map(|(at, _)| HEADER + (at + 1) * FRAME);
    let at = |end: usize| {
        let scratch = folder();
        copy(folder_of_it, scratch.path());
        std::fs::write(scratch.path().join(&name), &log[..end]).expect("the log can be cut");
        content(&scratch.path().join(file))
    };
    std::iter::once(0).chain(ends).map(at).collect()
}

/// Of each command what an index tells a second time, so that a look at the indexes finds every change of it.
fn commands(content: &Content) -> Vec<Vec<&str>> {
    let (columns, rows) = &content["command"];
    let twice = |column: &str| ["row", "no", "state", "conversation"].contains(&column);
    let cells = |row| columns.iter().zip(row).filter(|(column, _)| twice(column)).map(|(_, cell)| cell);
    rows.iter().map(|row: &Vec<String>| cells(row).map(String::as_str).collect()).collect()
}

/// What `doctor` says of the server's database.
fn is_sound(file: &Path) -> bool {
    match inspect(file) {
        Ok(inspection) => inspection.damage.is_empty(),
        Err(StoreError::Damaged(_)) => false,
        Err(error) => panic!("it cannot be looked at: {error:?}"),
    }
}

/// How many rows each table has.
fn counts(content: &Content) -> BTreeMap<&str, usize> {
    content.iter().map(|(table, (_, rows))| (table.as_str(), rows.len())).collect()
}

/// Random damage of `local.db`: it is refused as damaged with nothing touched, or it opens and is sound to the last index, is
/// read and written, and has what was committed. Of a damaged log those are the commits in front of the damage, as after a
/// power cut: SQLite cannot tell the two apart. Nor can it see a changed letter, or in a table without an index a page that is
/// another such page; but every command is there. Never a panic, and never another kind of error.
#[test]
fn a_damaged_local_database_opens_sound_or_is_refused_untouched() {
    let commits = commits(&fixture("client"), "local.db");
    let (mut refused, mut whole, mut shorter, mut unseen) = (0, 0, 0, 0);
    for seed in 0..number("FIL_DAMAGES").unwrap_or(60) {
        let mut dice = Dice::new(seed as u64);
        let there = folder();
        copy(&fixture("client"), there.path());
        let in_the_log = dice.throw(3) == 0;
        let place = if in_the_log { "local.db-wal" } else { "local.db" };
        let (name, damage) = DAMAGES[below(DAMAGES.len(), &mut dice)];
        println!("damage {seed}: {name} in {place}");
        let file = there.path().join(place);
        let mut bytes_of_it = std::fs::read(&file).expect("the file is there");
        damage(&mut bytes_of_it, &mut dice);
        std::fs::write(&file, bytes_of_it).expect("the file can be written");
        let before = bytes(there.path());
        let mut store = match Store::open(there.path(), people()[1].0.account) {
            Ok((store, _)) => store,
            Err(OpenError::Damaged { .. } | OpenError::Newer { .. }) => {
                refused += 1;
                assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
                continue;
            }
            Err(error) => panic!("damage {seed} ({name} in {place}): {error:?}"),
        };
        let local = there.path().join("local.db");
        assert_eq!(integrity(&local), "ok", "damage {seed} ({name} in {place})");
        let (found, all) = (content(&local), commits.last().expect("at least one"));
        if found == *all {
            whole += 1;
        } else if in_the_log {
            assert!(commits.contains(&found), "damage {seed} ({name} in {place}): it never was like this");
            shorter += 1;
        } else {
            assert!(WITHIN_PAGES.contains(&name), "damage {seed} ({name} in {place}): {found:?}");
            assert_eq!(commands(&found), commands(all), "damage {seed} ({name} in {place})");
            unseen += 1;
        }
        store.reader().and_then(|mut reader| reader.commands()).expect("what waits can be drawn");
        store.save_draft(direct(), "after the damage", 1).expect("it can be written");
    }
    println!("{refused} refused, {whole} whole, {shorter} without their last commits, {unseen} unseen");
    assert!(refused > 10 && whole > 0 && shorter > 0, "{refused} refused, {whole} whole, {shorter} shorter");
}

/// Random damage of the server's database: what is refused is refused as damaged, with nothing touched. What is accepted has
/// every row that was committed, as it was; or `doctor` finds what opening does not look for; or a letter changed.
#[test]
fn a_damaged_server_database_has_every_row_or_is_refused_untouched() {
    let sound = folder();
    copy(&fixture("server"), sound.path());
    open_server(sound.path()).expect("the fixture is sound");
    let all = content(&sound.path().join("fil.db"));
    let (mut refused, mut whole, mut found_later, mut unseen) = (0, 0, 0, 0);
    for seed in 0..number("FIL_DAMAGES").unwrap_or(60) {
        let mut dice = Dice::new(seed as u64);
        let there = folder();
        copy(&fixture("server"), there.path());
        let (name, damage) = DAMAGES[below(DAMAGES.len(), &mut dice)];
        println!("damage {seed}: {name}");
        let file = there.path().join("fil.db");
        // Half of them in the first page, where everything begins.
        let mut bytes_of_it = std::fs::read(&file).expect("the file is there");
        let len = if dice.throw(2) == 0 { 4_096 } else { bytes_of_it.len() };
        let mut part = bytes_of_it[..len].to_vec();
        damage(&mut part, &mut dice);
        let rest = if part.len() == len { bytes_of_it.split_off(len) } else { Vec::new() };
        std::fs::write(&file, [part, rest].concat()).expect("the file can be written");
        let before = bytes(there.path());
        match open_server(there.path()) {
            Ok(()) => {
                let file = there.path().join("fil.db");
                let found = content(&file);
                if !is_sound(&file) {
                    found_later += 1;
                } else if found == all {
                    whole += 1;
                } else {
                    assert!(WITHIN_PAGES.contains(&name), "damage {seed} ({name})");
                    assert_eq!(counts(&found), counts(&all), "damage {seed} ({name})");
                    unseen += 1;
                }
            }
            Err(StoreError::Damaged(_) | StoreError::NewerDatabase { .. }) => {
                refused += 1;
                assert_eq!(changed(&before, &bytes(there.path())), [""; 0]);
            }
            Err(error) => panic!("damage {seed} ({name}): {error:?}"),
        }
    }
    println!("{refused} refused, {whole} whole, {found_later} for doctor to find, {unseen} unseen");
    assert!(refused > 5 && whole > 0, "{refused} refused, {whole} whole");
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
