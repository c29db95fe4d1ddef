//! The store on SQLite: one file, one writing connection, any number of reading ones.
//!
//! - WAL with `synchronous=FULL`: a commit that returned survives a power cut. `NORMAL` was refused, it may lose the
//!   last commits.
//! - `secure_delete`, in the tables and in the index of words: deleted content is overwritten. Copies in the
//!   write-ahead log go with [`Store::forget`].
//! - SQLite before 3.51.3 is refused: its WAL can lose a commit when two connections reset the log at once.
//! - Ids are sixteen bytes; the organisation is a small number in front of every key, so isolation costs a byte.
//! - The writer keeps the rows that commands change all the time in memory and writes them at the commit: [`working`].
//!
//! One file per noun: tables, reads, writes.

mod account;
mod backup;
mod checkpoint;
mod columns;
mod conversation;
mod device;
mod error;
mod event;
mod idempotency;
mod invite;
mod item;
mod layers;
mod member;
mod migrations;
mod organisation;
mod rows;
mod search;
mod server;
mod snapshot;
mod transaction;
mod verdict;
mod words;
mod working;

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fil_protocol::Epoch;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

pub use self::backup::{Inspection, engine, inspect};
pub use self::checkpoint::Checkpointer;
use self::snapshot::SqliteReads;
use self::transaction::SqliteTransaction;
use self::working::Working;
use super::{ReadStore, Store, StoreError, Transaction};

/// 3.51.3, as `sqlite3_libversion_number` tells it.
const ENGINE_LOWEST: i32 = 3_051_003;
/// How long to wait for another process (a backup, `fil-server account …`) to let go of the write lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in the log from which a commit moves it into the file and begins it anew: 16 MiB.
const LOG_PAGES: u64 = 4_000;
/// Where SQLite's header says how the file is written and read.
const HEADER_VERSIONS: Range<usize> = 18..20;
/// More than there are different statements.
const STATEMENTS_CACHED: usize = 128;

/// The SQLite store: the one writer.
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    working: Working,
}

impl SqliteStore {
    /// Opens the database file, or makes it; `first_epoch` is used only when it is made.
    pub fn open(path: &Path, first_epoch: Epoch) -> Result<Self, StoreError> {
        check_engine(rusqlite::version_number())?;
        if path.exists() {
            refuse_emptied(path)?;
            refuse_untouched(path)?;
            refuse_unwritable(path)?;
        }
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        migrations::check(&connection)?;
        configure(&connection)?;
        migrations::run(&mut connection, first_epoch)?;
        Ok(Self { connection, path: path.to_owned(), working: Working::default() })
    }

    /// Opens a connection that moves the log into the file beside this writer.
    pub fn open_checkpointer(&self) -> Result<Checkpointer, StoreError> {
        Checkpointer::open(&self.path)
    }

    /// Looks through the whole database for damage; for `fil-server doctor`. The sentences found, none if it is sound.
    pub fn check_integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let sentences = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let dangling = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let dangling = dangling.into_iter().map(|table| format!("a row of {table} points at nothing"));
        Ok(sentences.into_iter().filter(|sentence| sentence != "ok").chain(dangling).collect())
    }
}

impl Store for SqliteStore {
    fn begin(&mut self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        Ok(Box::new(SqliteTransaction::begin(&self.connection, &self.working)?))
    }

    fn open_reads(&self) -> Result<Box<dyn ReadStore>, StoreError> {
        Ok(Box::new(SqliteReads::open(&self.path)?))
    }

    fn forget(&mut self) -> Result<bool, StoreError> {
        // Without waiting: a reader may keep its snapshot for a while, and commits must not wait for it.
        self.connection.busy_timeout(Duration::ZERO)?;
        let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        match busy.map_err(StoreError::from) {
            Ok(busy) => Ok(busy == 0),
            Err(StoreError::Busy) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Copies the database, as of one moment and while it is in use, into a new file.
pub fn back_up(database: &Path, to: &Path) -> Result<(), StoreError> {
    refuse_emptied(database)?;
    let source = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    migrations::check(&source)?;
    let mut copy = Connection::open(to)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut copy)?;
    // All pages in one step: one read snapshot, which in WAL keeps no writer waiting.
    backup.step(-1)?;
    drop(backup);
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error.into())
}

/// Refuses a file that lost its content while its log has some: SQLite, even when it may only read, takes the file for a new
/// database and deletes the log. A first start leaves no such pair, its first page is synced before it has a log.
fn refuse_emptied(path: &Path) -> Result<(), StoreError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // A file that cannot be looked at is met again by whoever opens it next.
    let bytes = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
    if bytes(path) == Some(0) && bytes(Path::new(&log)) > Some(0) {
        return Err(StoreError::Damaged("the file is empty, its log is not".to_owned()));
    }
    Ok(())
}

/// Refuses a file whose header asks for another way of writing than a rollback journal or a log: SQLite reads it and says
/// only at the first write that it is read-only.
fn refuse_unwritable(path: &Path) -> Result<(), StoreError> {
    let mut header = [0; HEADER_VERSIONS.end];
    // One that is too short is new, or met by whoever opens it next.
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let known = header[HEADER_VERSIONS].iter().all(|version| matches!(version, 1 | 2));
    if read.is_ok() && !known {
        return Err(StoreError::Damaged("its header names a way of writing that SQLite does not know".to_owned()));
    }
    Ok(())
}

/// Refuses a database that is not ours, newer or damaged, looking at it without the right to write: a connection that
/// may write moves what a crash left in the log into the file when it closes.
fn refuse_untouched(path: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = || -> Result<u32, StoreError> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let version = migrations::check(&connection)?;
        if (1..migrations::NEWEST).contains(&version) {
            // An update rewrites much and cannot be taken back, so it is worth a look at every page: once per update.
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found != "ok" {
                return Err(StoreError::Damaged(found));
            }
        }
        Ok(version)
    };
    match look() {
        Err(error @ (StoreError::Damaged(_) | StoreError::NewerDatabase { .. })) => Err(error),
        // The questions are always the same: one that does not fit has met another file format, or a broken schema.
        Err(StoreError::Engine(error)) if is_misfit(error.as_ref()) => Err(StoreError::Damaged(error.to_string())),
        // What only a writer can mend, such as a first start that was interrupted, or what it will come across as well.
        _ => Ok(()),
    }
}

fn is_misfit(error: &(dyn std::error::Error + 'static)) -> bool {
    let error = error.downcast_ref::<rusqlite::Error>();
    error.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::Unknown)
}

fn check_engine(version: i32) -> Result<(), StoreError> {
    if version >= ENGINE_LOWEST {
        return Ok(());
    }
    let found = format!("{}.{}.{}", version / 1_000_000, version / 1_000 % 1_000, version % 1_000);
    Err(StoreError::EngineTooOld { found })
}

/// What every connection is set to, the reading ones too.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Without this guarantee the planner looks at the values bound where an index is partial, and prepares such a
    // statement again for every execution: a sixth of a send, measured.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // In KiB if negative: 32 MiB of pages.
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))?;
    search::prepare(connection)
}

#[cfg(test)]
mod tests;
