//! Looking at a database file without changing it: a backup before it is trusted, or the live one for `doctor`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{BUSY_TIMEOUT, check_engine, migrations, refuse_emptied};
use crate::store::StoreError;

/// What a database file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The version of its tables.
    pub version: u32,
    /// The version that this build writes.
    pub newest: u32,
    /// What is damaged, in sentences; none if it is sound.
    pub damage: Vec<String>,
}

/// The version of the engine, if it may be used.
pub fn engine() -> Result<&'static str, StoreError> {
    check_engine(rusqlite::version_number())?;
    Ok(rusqlite::version())
}

/// Reads the whole file. Nothing in it is changed, whatever its version.
pub fn inspect(file: &Path) -> Result<Inspection, StoreError> {
    refuse_emptied(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let version = migrations::check(&connection)?;
    let mut damage = foreign(&connection)?;
    for (pragma, what) in [("integrity_check", ""), ("foreign_key_check", "a row points at nothing in ")] {
        let mut statement = connection.prepare(&format!("PRAGMA {pragma}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let sentence: String = row.get(0)?;
            if sentence != "ok" {
                damage.push(format!("{what}{sentence}"));
            }
        }
    }
    Ok(Inspection { version, newest: migrations::NEWEST, damage })
}

/// Triggers and views: this build makes none, so they are somebody else's. A trigger would run inside the server, with the
/// next write of whoever, and nothing in a check of integrity says a word about it.
fn foreign(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement =
        connection.prepare("SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view') ORDER BY name")?;
    let named = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    named
        .map(|row| row.map(|(kind, name)| format!("it holds a {kind} that is not ours: {name}")))
        .collect::<Result<_, _>>()
        .map_err(StoreError::from)
}
