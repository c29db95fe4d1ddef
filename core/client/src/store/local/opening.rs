//! Opening `local.db`, or refusing it.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::Backup;

use super::MIGRATIONS;
use crate::store::{OpenError, StoreError, schema};

/// Opens `local.db`, or says why it is better left alone.
pub(in crate::store) fn open(path: &Path) -> Result<Connection, OpenError> {
    let known = MIGRATIONS.len() as i64;
    if path.exists() {
        let len = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        if len(path) == 0 && len(&path.with_extension("db-wal")) > 0 {
            // SQLite takes the file for a new database and deletes the log, in which unsent messages may be.
            return Err(OpenError::Damaged { detail: "the file is empty, its log is not".to_owned() });
        }
        schema::undo_interrupted(path).map_err(StoreError::from)?;
        // Looked at read-only first: what is refused must not be touched.
        if let Some(detail) = damage(path) {
            return Err(OpenError::Damaged { detail });
        }
        let found = schema::open_reader(path).and_then(|reader| schema::version(&reader)).map_err(StoreError::from)?;
        if found > known {
            return Err(OpenError::Newer { found, known });
        }
        if found < known && found > 0 {
            keep_copy(path, &path.with_extension(format!("db.v{found}")))?;
        }
    }
    let mut db = schema::open(path, "FULL").map_err(StoreError::from)?;
    schema::migrate(&mut db, MIGRATIONS).map_err(StoreError::from)?;
    Ok(db)
}

/// What is wrong with a database file, as SQLite says it; none if it is sound. Changes nothing.
pub(in crate::store) fn damage(path: &Path) -> Option<String> {
    let check = || {
        let reader = schema::open_reader(path)?;
        reader.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    match check() {
        Ok(verdict) if verdict == "ok" => None,
        Ok(verdict) => Some(verdict),
        Err(error) => match StoreError::from(error) {
            StoreError::CacheDamaged => Some("it is not a database, or not whole".to_owned()),
            _ => None,
        },
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
    use fil_protocol::ConversationId;

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
}
