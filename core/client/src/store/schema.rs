//! Opening, versions and pragmas: the same for both databases.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi::SQLITE_READONLY_ROLLBACK;
use rusqlite::{Connection, OpenFlags};

use super::error::OpenError;

/// The oldest SQLite without the race that corrupted write-ahead logs (3.51.3).
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a statement waits for another connection, in milliseconds. Readers never wait; only a second writer would.
const BUSY_MS: u64 = 5_000;

/// Steps that bring a database from version n to n + 1, each run in a transaction of its own with its version bump.
pub(super) type Migrations = &'static [&'static str];

/// Refuses an SQLite that is known to corrupt databases.
pub(super) fn check_sqlite() -> Result<(), OpenError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(OpenError::SqliteTooOld(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// Opens a database file for writing, creating it if it is missing.
pub(super) fn open(path: &Path, synchronous: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Opens a database file for reading.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.pragma_update(None, "query_only", true)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Without this guarantee the planner looks at the values bound where an index is partial, and prepares such a statement
/// again for every execution: a tenth of the simulation's time went into it, most of it in reading items and members.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Undoes what was under way when the power went while the file was made. Only then is there a rollback journal: from
/// its second write on the database has a write-ahead log. A reading connection would refuse the file for ever.
pub(super) fn undo_interrupted(path: &Path) -> rusqlite::Result<()> {
    match open_reader(path).and_then(|reader| version(&reader)) {
        Err(rusqlite::Error::SqliteFailure(failure, _)) if failure.extended_code == SQLITE_READONLY_ROLLBACK => {
            version(&Connection::open(path)?).map(drop)
        }
        // What else is wrong is found by whoever looks next.
        _ => Ok(()),
    }
}

/// The version of a database.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Runs the steps that are missing.
pub(super) fn migrate(connection: &mut Connection, migrations: Migrations) -> rusqlite::Result<()> {
    let from = version(connection)?;
    for (at, step) in migrations.iter().enumerate().skip(usize::try_from(from).unwrap_or(0)) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", at as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}
