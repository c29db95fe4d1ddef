//! Opening `local.db`, or refusing it, untouched: what is in it exists nowhere else.
//!
//! It is ours if its tables are those that our migrations make: by name in a newer version, to the letter in one that this
//! build knows, so that a damaged version number is not taken for an older database. An `application_id` was refused: what
//! releases have written has none and would be told by its tables all the same.
//!
//! With nothing in it, it is a first start that was interrupted, unless there is a cache beside it. That is made when the
//! tables of `local.db` are on the disk and not before, so there were messages, and to begin anew would lose them silently.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::{MIGRATIONS, TABLES};
use crate::store::{OpenError, StoreError, schema};

/// Opens `local.db`, or says why it is better left alone.
pub(in crate::store) fn open(path: &Path) -> Result<Connection, OpenError> {
    let found = look(path)?;
    if found == 0 && has_cache(path) {
        return Err(damaged("it is gone or empty, and was not"));
    }
    if found > 0 && found < MIGRATIONS.len() as i64 {
        keep_copy(path, &path.with_extension(format!("db.v{found}")))?;
    }
    let mut db = schema::open(path, "FULL").map_err(StoreError::from)?;
    schema::migrate(&mut db, MIGRATIONS).map_err(StoreError::from)?;
    Ok(db)
}

/// Whether SQLite finds the file damaged. One that cannot be looked at is not called so.
pub(in crate::store) fn is_damaged(path: &Path) -> bool {
    match schema::open_reader(path).and_then(|db| integrity(&db)) {
        Ok(verdict) => verdict != "ok",
        Err(error) => matches!(StoreError::from(error), StoreError::CacheDamaged),
    }
}

/// The version of what is there, 0 if nothing is in it. Reads only: what is refused must not be touched.
fn look(path: &Path) -> Result<i64, OpenError> {
    if bytes(path)? == 0 {
        // SQLite takes the file for a new database and deletes the log, in which unsent messages may be.
        if bytes(&path.with_extension("db-wal"))? > 0 {
            return Err(damaged("the file is gone or empty, its log is not"));
        }
        return Ok(0);
    }
    schema::undo_interrupted(path).map_err(StoreError::from)?;
    let examined = schema::open_reader(path).and_then(|db| examine(&db));
    examined.map_err(|error| match StoreError::from(error) {
        StoreError::CacheDamaged => damaged("it is not a database, or not whole"),
        // The questions are always the same, so what does not fit them is not what was written.
        error if error.suggests_damage() => damaged("what is in it cannot be read"),
        error => error.into(),
    })?
}

/// The version, or why it is refused. Whose it is comes first: the rest may take long on what is not ours.
fn examine(db: &Connection) -> rusqlite::Result<Result<i64, OpenError>> {
    let (found, known) = (schema::version(db)?, MIGRATIONS.len() as i64);
    let tables = tables(db)?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let nothing = tables.is_empty() && found == 0 && application == 0;
    if !nothing {
        if !TABLES.iter().all(|name| tables.contains_key(*name)) {
            let some = TABLES.iter().any(|name| tables.contains_key(*name));
            return Ok(Err(damaged(if some { "tables are missing in it" } else { "it is not a database of Fil" })));
        }
        if found > known {
            return Ok(Err(OpenError::Newer { found, known }));
        }
        if made(found)? != Some(tables) {
            return Ok(Err(damaged(&format!("its tables are not those of version {found}"))));
        }
    }
    let verdict = integrity(db)?;
    if verdict != "ok" {
        return Ok(Err(damaged(&verdict)));
    }
    if !nothing {
        super::read_through(db)?;
    }
    Ok(Ok(found))
}

/// Tables and indexes by name, each with the words that make it.
type Tables = BTreeMap<String, String>;

fn tables(db: &Connection) -> rusqlite::Result<Tables> {
    // SQLite's own come by themselves.
    let sql = "SELECT name, type || ' ' || tbl_name || ' ' || sql FROM main.sqlite_schema
               WHERE name NOT GLOB 'sqlite_*'";
    let mut statement = db.prepare(sql)?;
    // The spaces are those of the source, which may be indented in another way one day.
    let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, words(row.get(1)?))))?;
    rows.collect()
}

/// The tables of a version; none if there is no such version.
fn made(version: i64) -> rusqlite::Result<Option<Tables>> {
    let Some(steps) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(..version)) else {
        return Ok(None);
    };
    let mut db = Connection::open_in_memory()?;
    schema::migrate(&mut db, steps)?;
    tables(&db).map(Some)
}

/// What SQLite says of the whole database, indexes included: 2 ms for a journal of a thousand rows, 30 for ten thousand. Half
/// of that without the indexes, but a row that is missing in one is not drawn.
fn integrity(db: &Connection) -> rusqlite::Result<String> {
    db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
}

fn damaged(detail: &str) -> OpenError {
    OpenError::Damaged { detail: detail.to_owned() }
}

/// Whether a cache was ever made beside it; one that was moved aside counts too.
fn has_cache(path: &Path) -> bool {
    ["cache.db", "damaged-cache.db"].iter().any(|name| path.with_file_name(name).exists())
}

/// The length of a file; 0 if it does not exist.
fn bytes(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Copies a database with what its write-ahead log holds: after a crash the newest messages are only there. An older copy
/// in its place goes, and one that was not finished takes no name.
fn keep_copy(path: &Path, to: &Path) -> Result<(), OpenError> {
    let unfinished = to.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_file(&unfinished)?;
    }
    copy_database(path, &unfinished).map_err(StoreError::from)?;
    Ok(fs::rename(&unfinished, to)?)
}

fn copy_database(path: &Path, to: &Path) -> rusqlite::Result<()> {
    let reader = schema::open_reader(path)?;
    let mut copy = Connection::open(to)?;
    Backup::new(&reader, &mut copy)?.step(-1)?;
    // One file, without a log beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use fil_protocol::ConversationId;
    use tempfile::TempDir;

    use super::*;
    use crate::store::local::draft;

    /// Row 56: after a crash the newest messages are only in the log, and the copy that is kept before a migration must
    /// have them. A copy that was interrupted is made again.
    #[test]
    fn the_copy_before_a_migration_has_what_only_the_log_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("local.db"), folder.path().join("local.db.v1"));
        let db = open(&path).unwrap();
        draft::save(&db, ConversationId::from([1; 16]), "half a thought", 1).unwrap();
        assert!(fs::metadata(folder.path().join("local.db-wal")).unwrap().len() > 0);
        fs::write(folder.path().join("local.db.unfinished"), "half a copy").unwrap();
        keep_copy(&path, &copy).unwrap();
        let kept = schema::open_reader(&copy).unwrap();
        let text: String = kept.query_row("SELECT text FROM draft", [], |row| row.get(0)).unwrap();
        assert_eq!(text, "half a thought");
        let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["local.db", "local.db-shm", "local.db-wal", "local.db.v1"]);
    }

    /// What is said, and that nothing is touched: but for the shared memory and an empty log, which every look makes anew.
    fn refused(folder: &Path) -> String {
        let files = || {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let kept = entries.filter(|path| !path.to_string_lossy().ends_with("-shm"));
            let empty_log = |path: &PathBuf, content: &[u8]| path.ends_with("local.db-wal") && content.is_empty();
            let read = kept.map(|path| (path.clone(), fs::read(path).unwrap()));
            read.filter(|(path, content)| !empty_log(path, content)).collect::<BTreeMap<_, _>>()
        };
        let before = files();
        let error = open(&folder.join("local.db")).unwrap_err();
        assert!(before == files(), "{error}: something was touched");
        error.to_string()
    }

    fn change(folder: &Path, sql: &str) {
        Connection::open(folder.join("local.db")).unwrap().execute_batch(sql).unwrap();
    }

    /// A database that is closed, with a draft in it.
    fn closed() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("local.db")).unwrap();
        draft::save(&db, ConversationId::from([1; 16]), "half a thought", 1).unwrap();
        folder
    }

    /// Row 52: another program's file under our name stays as it is, whatever version it calls itself.
    #[test]
    fn the_database_of_another_program_is_refused() {
        for (sql, said) in [
            ("CREATE TABLE recipe (name)", "not a database of Fil"),
            ("CREATE TABLE recipe (name); PRAGMA user_version = 2", "not a database of Fil"),
            ("CREATE TABLE recipe (name); PRAGMA user_version = 99", "not a database of Fil"),
            ("CREATE TABLE recipe (name); PRAGMA journal_mode = WAL", "not a database of Fil"),
            ("PRAGMA application_id = 7", "not a database of Fil"),
            ("PRAGMA user_version = 1", "not a database of Fil"),
            ("CREATE TABLE draft (name); PRAGMA user_version = 2", "tables are missing"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            change(folder.path(), sql);
            let error = refused(folder.path());
            assert!(error.contains(said) && error.contains("restore it from a copy"), "{sql}: {error}");
        }
    }

    /// Row 52: a version number that is not what it was. An older one would have the update fail in the middle.
    #[test]
    fn a_version_that_its_tables_do_not_have_is_refused() {
        for version in [i32::MIN, -1, 0, 1] {
            let folder = closed();
            change(folder.path(), &format!("PRAGMA user_version = {version}"));
            let error = refused(folder.path());
            assert!(error.contains(&format!("not those of version {version}")), "{error}");
        }
        for sql in
            ["DROP INDEX command_open", "ALTER TABLE draft ADD COLUMN colour TEXT", "CREATE VIEW extra AS SELECT 1"]
        {
            let folder = closed();
            change(folder.path(), sql);
            let error = refused(folder.path());
            assert!(error.contains("not those of version 2"), "{sql}: {error}");
        }
        let folder = closed();
        change(folder.path(), "DROP TABLE read_mark");
        assert!(refused(folder.path()).contains("tables are missing"));
    }

    /// Row 52: an index that lacks a row, which a quick check calls sound. A message would wait and never be drawn.
    #[test]
    fn an_index_that_lacks_a_row_is_found() {
        let folder = closed();
        let command =
            "INSERT INTO command (state, conversation, body, written_at_ms) VALUES ('waiting', x'00', '{}', 1)";
        change(
            folder.path(),
            &format!(
                "CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'command_open';
                 PRAGMA writable_schema = ON;
                 DELETE FROM sqlite_schema WHERE name = 'command_open';
                 PRAGMA writable_schema = RESET;
                 {command};
                 PRAGMA writable_schema = ON;
                 INSERT INTO sqlite_schema SELECT * FROM temp.kept;"
            ),
        );
        let db = schema::open_reader(&folder.path().join("local.db")).unwrap();
        let quick: String = db.query_row("PRAGMA quick_check", [], |row| row.get(0)).unwrap();
        assert_eq!(quick, "ok");
        drop(db);
        assert!(refused(folder.path()).contains("missing from index command_open"));
    }

    /// Row 52: rows that SQLite finds sound, and that say nothing any more.
    #[test]
    fn rows_that_cannot_be_read_are_refused() {
        let command = "INSERT INTO command (state, conversation, body, written_at_ms)";
        for sql in [
            &format!("{command} VALUES ('waiting', x'00', '{{\"type\":', 1)"),
            &format!("{command} VALUES ('settled', x'00', '', 1)"),
            "UPDATE draft SET text = CAST(x'ff' AS TEXT)",
            "INSERT INTO device VALUES (1, x'00', 0, 0, NULL)",
            "INSERT INTO read_mark VALUES (x'00', 1)",
        ] {
            let folder = closed();
            change(folder.path(), sql);
            let error = refused(folder.path());
            assert!(error.contains("cannot be read"), "{sql}: {error}");
        }
    }

    /// Row 52: a file that lost its content is not a new one where there is a cache: that was made after it.
    #[test]
    fn a_database_that_is_gone_or_empty_is_refused_where_there_was_one() {
        let empty: fn(&Path) = |path| fs::write(path, "").unwrap();
        let gone: fn(&Path) = |path| fs::remove_file(path).unwrap();
        let blank: fn(&Path) = |path| {
            fs::remove_file(path).unwrap();
            Connection::open(path).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
        };
        for (case, lose) in [empty, gone, blank].into_iter().enumerate() {
            for cache in ["cache.db", "damaged-cache.db"] {
                let folder = closed();
                fs::write(folder.path().join(cache), "").unwrap();
                lose(&folder.path().join("local.db"));
                let error = refused(folder.path());
                assert!(error.contains("gone or empty"), "case {case}: {error}");
            }
            // A first start that was interrupted.
            let folder = closed();
            lose(&folder.path().join("local.db"));
            open(&folder.path().join("local.db")).unwrap();
        }
        // What a crash left in the log is looked at by nobody but a person.
        for lose in [empty, gone] {
            let folder = closed();
            lose(&folder.path().join("local.db"));
            fs::write(folder.path().join("local.db-wal"), "half a thought").unwrap();
            assert!(refused(folder.path()).contains("its log is not"));
        }
    }
}
