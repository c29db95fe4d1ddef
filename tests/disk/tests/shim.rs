//! What the simulated disk promises, seen through SQLite. Every test here would fail on a shim that does nothing.

use std::fs;
use std::path::Path;

use fil_disk::{Dice, Disk, Failure};
use rusqlite::{Connection, ErrorCode, ffi};

/// A database in WAL mode with one table, on the disk.
fn open(folder: &Path, synchronous: &str) -> rusqlite::Result<Connection> {
    let db = Connection::open(folder.join("a.db"))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", synchronous)?;
    db.execute_batch("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, x BLOB)")?;
    Ok(db)
}

fn insert(db: &Connection, n: i64) -> rusqlite::Result<usize> {
    db.execute("INSERT INTO t VALUES (?, randomblob(3000))", [n])
}

/// The numbers in the table, and that SQLite finds the file sound.
fn numbers(folder: &Path) -> Vec<i64> {
    let db = open(folder, "FULL").expect("opens after the fault");
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("can be checked");
    assert_eq!(verdict, "ok");
    let mut statement = db.prepare("SELECT n FROM t ORDER BY n").expect("the table is there");
    statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("the rows can be read")
}

/// Inserts 1, 2, 3 … until the disk is frozen or the count is reached; answers the last one that was acknowledged.
fn insert_until_frozen(folder: &Path, synchronous: &str, count: i64) -> i64 {
    let mut acknowledged = 0;
    if let Ok(db) = open(folder, synchronous) {
        let _ = db.pragma_update(None, "wal_autocheckpoint", 5);
        while acknowledged < count && insert(&db, acknowledged + 1).is_ok() {
            acknowledged += 1;
        }
    }
    acknowledged
}

/// Row 4 of the failure catalogue: with `synchronous=FULL` a power cut in front of every single write, with torn and
/// lost sectors, takes no commit that was acknowledged; the log's torn frames are recovered from.
#[test]
fn a_synced_commit_survives_every_power_cut() {
    for point in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mount(folder.path());
        disk.freeze_after(point);
        let acknowledged = insert_until_frozen(folder.path(), "FULL", 10);
        let ended = !disk.is_frozen();
        disk.cut_power(&mut Dice::new(point).chance());
        let left = numbers(folder.path());
        // The commit under way may have reached the disk, or not.
        assert!(
            left == (1..=acknowledged).collect::<Vec<_>>() || left == (1..=acknowledged + 1).collect::<Vec<_>>(),
            "point {point}: {left:?} after {acknowledged}"
        );
        if ended {
            assert!(point > 50, "only {point} write points were tried");
            break;
        }
    }
}

/// The shim bites: what was never synced is lost in some power cuts and kept in others, and with `synchronous=NORMAL`
/// what is lost is always the end, never the middle.
#[test]
fn an_unsynced_commit_is_lost_in_some_power_cuts() {
    for synchronous in ["OFF", "NORMAL"] {
        let (mut lost, mut kept, mut partly) = (0, 0, 0);
        for seed in 0..60 {
            let folder = tempfile::tempdir().unwrap();
            drop(open(folder.path(), "FULL").unwrap());
            let disk = Disk::mount(folder.path());
            let db = open(folder.path(), synchronous).unwrap();
            for n in 1..=10 {
                insert(&db, n).unwrap();
            }
            disk.freeze();
            drop(db);
            disk.cut_power(&mut Dice::new(seed).chance());
            let left = numbers(folder.path());
            assert_eq!(left, (1..=left.len() as i64).collect::<Vec<_>>(), "seed {seed}: a hole");
            match left.len() {
                0 => lost += 1,
                10 => kept += 1,
                _ => partly += 1,
            }
        }
        assert!(lost > 3 && kept > 3 && partly > 3, "{synchronous}: {lost} lost, {kept} kept, {partly} partly");
    }
}

/// A killed process leaves every write to the operating system: nothing acknowledged is lost, synced or not. And closing
/// a connection after the moment of death neither checkpoints nor deletes: not one byte changes.
#[test]
fn a_killed_process_loses_nothing_and_tidies_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(folder.path());
    let db = open(folder.path(), "OFF").unwrap();
    for n in 1..=10 {
        insert(&db, n).unwrap();
    }
    disk.freeze();
    let bytes = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let before = (bytes("a.db"), bytes("a.db-wal"));
    let error = insert(&db, 11).unwrap_err();
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::SystemIoFailure), "{error}");
    drop(db);
    assert_eq!((bytes("a.db"), bytes("a.db-wal")), before);
    disk.kill();
    assert_eq!(numbers(folder.path()), (1..=10).collect::<Vec<_>>());
    // Without the freeze, closing does tidy up: the test above can fail.
    assert!(!folder.path().join("a.db-wal").exists());
}

/// What a kill left unsynced is still lost when the power goes later.
#[test]
fn a_kill_does_not_make_anything_durable() {
    let mut lost = 0;
    for seed in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path(), "FULL").unwrap());
        let disk = Disk::mount(folder.path());
        let db = open(folder.path(), "OFF").unwrap();
        insert(&db, 1).unwrap();
        disk.freeze();
        drop(db);
        disk.kill();
        disk.cut_power(&mut Dice::new(seed).chance());
        lost += usize::from(numbers(folder.path()).is_empty());
    }
    assert!((1..20).contains(&lost), "{lost} of 20");
}

/// Row 51: a full disk is `SQLITE_FULL` at whatever write it begins, what was acknowledged stays, and with room again the
/// same connection goes on. A failing device says so in its own words.
#[test]
fn a_full_or_failing_disk_is_an_error_with_a_name_and_ends_with_heal() {
    for (kind, code) in [(Failure::Full, ErrorCode::DiskFull), (Failure::Io, ErrorCode::SystemIoFailure)] {
        for point in 0..25 {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::mount(folder.path());
            let db = open(folder.path(), "FULL").unwrap();
            disk.fail_after(point, kind);
            let mut n = 0;
            let error = loop {
                match insert(&db, n + 1) {
                    Ok(_) => n += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!(error.sqlite_error_code(), Some(code), "point {point}: {error}");
            disk.heal();
            insert(&db, 100).unwrap();
            drop(db);
            let left = numbers(folder.path());
            assert_eq!(left, (1..=n).chain([100]).collect::<Vec<_>>(), "{kind:?} at point {point}");
        }
    }
}

/// A failure that happens once fails one statement, and the extended code names the operation.
#[test]
fn a_single_failure_fails_a_single_operation() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(folder.path());
    let db = open(folder.path(), "FULL").unwrap();
    let small = |n: i64| db.execute("INSERT INTO t VALUES (?, NULL)", [n]);
    small(0).unwrap();
    // A commit writes the log's frames and then syncs the log.
    let before = disk.writes();
    small(1).unwrap();
    let writes = disk.writes() - before;
    disk.fail_once(writes - 1, Failure::Io);
    let error = small(2).unwrap_err();
    assert_eq!(error.sqlite_error().unwrap().extended_code, ffi::SQLITE_IOERR_FSYNC, "{error}");
    disk.fail_once(0, Failure::Io);
    let error = small(2).unwrap_err();
    assert_eq!(error.sqlite_error().unwrap().extended_code, ffi::SQLITE_IOERR_WRITE, "{error}");
    small(2).unwrap();
    drop(db);
    assert_eq!(numbers(folder.path()), [0, 1, 2]);
}

/// A new file whose name was never synced is missing after some power cuts; a file that was deleted without syncing its
/// folder is back after some.
#[test]
fn unsynced_names_appear_and_disappear() {
    let (mut missing, mut back) = (0, 0);
    for seed in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mount(folder.path());
        let db = open(folder.path(), "FULL").unwrap();
        insert(&db, 1).unwrap();
        // Closing moves the log into the database, syncs that, and deletes the log without syncing the folder.
        drop(db);
        let other = Connection::open(folder.path().join("b.db")).unwrap();
        other.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE t (n)").unwrap();
        disk.freeze();
        drop(other);
        disk.cut_power(&mut Dice::new(seed).chance());
        missing += usize::from(!folder.path().join("b.db").exists());
        back += usize::from(folder.path().join("a.db-wal").exists());
        assert_eq!(numbers(folder.path()), [1], "seed {seed}");
    }
    assert!((1..40).contains(&missing) && (1..40).contains(&back), "{missing} missing, {back} back");
}

/// Everything that the product does with its files works on the disk: attached databases, several connections, backups.
/// Folders beside it are not on it, and it ends with its last handle.
#[test]
fn attached_databases_readers_and_backups_work_on_it_and_other_folders_are_not_on_it() {
    let folders = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| folders.path().join(name));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let disk = Disk::mount(&here);
    let db = open(&here, "FULL").unwrap();
    let other = there.join("other.db");
    drop(open(&there, "FULL").unwrap());
    assert!(disk.writes() > 0, "the disk sees what is below its folder");

    db.execute("ATTACH DATABASE ? AS b", [here.join("b.db").to_str()]).unwrap();
    db.execute_batch("PRAGMA b.journal_mode = WAL; CREATE TABLE b.u (n)").unwrap();
    let reader = Connection::open_with_flags(here.join("a.db"), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let count = |db: &Connection| db.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
    db.execute_batch("BEGIN; INSERT INTO t VALUES (1, NULL); INSERT INTO b.u VALUES (1)").unwrap();
    assert_eq!(count(&reader), 0);
    db.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&reader), 1);
    let mut copy = Connection::open(&other).unwrap();
    rusqlite::backup::Backup::new(&db, &mut copy).unwrap().step(-1).unwrap();
    assert_eq!(count(&copy), 1);

    disk.fail_after(0, Failure::Io);
    copy.execute_batch("INSERT INTO t VALUES (2, NULL)").unwrap();
    assert!(insert(&db, 2).is_err());
    drop((db, reader));
    drop(disk);
    let db = open(&here, "FULL").unwrap();
    insert(&db, 2).unwrap();
}

/// A power cut with a connection open would be a cut in a process that goes on: the test that does so is told.
#[test]
#[should_panic(expected = "connections are still open")]
fn a_power_cut_under_an_open_connection_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(folder.path());
    let _db = open(folder.path(), "FULL").unwrap();
    disk.freeze();
    disk.cut_power(&mut |_| 0);
}

/// Damage at rest is as large as asked for.
#[test]
fn flipped_bits_are_flipped() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::mount(folder.path());
    drop(open(folder.path(), "FULL").unwrap());
    let file = folder.path().join("a.db");
    let before = fs::read(&file).unwrap();
    disk.flip_bits(&file, 1, &mut Dice::new(1).chance());
    let after = fs::read(&file).unwrap();
    let bits: u32 = before.iter().zip(&after).map(|(old, new)| (old ^ new).count_ones()).sum();
    assert_eq!((bits, before.len()), (1, after.len()));
}
