//! Which history the cache belongs to, and how far it is: one row.

use fil_protocol::Epoch;
use rusqlite::{Connection, OptionalExtension, params};

macro_rules! table {
    () => {
        "CREATE TABLE state (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            epoch BLOB NOT NULL,
            horizon INTEGER NOT NULL,
            account_rev INTEGER NOT NULL
        ) STRICT;"
    };
}
pub(super) use table;

/// Epoch, horizon and cursor in the account stream; none in a new cache.
pub(crate) fn load(db: &Connection) -> rusqlite::Result<Option<(Epoch, u64, u64)>> {
    let read = |row: &rusqlite::Row<'_>| Ok((Epoch::from(row.get::<_, [u8; 16]>(0)?), row.get(1)?, row.get(2)?));
    db.query_row("SELECT epoch, horizon, account_rev FROM cache.state", [], read).optional()
}

/// Another history begins: everything goes.
pub(crate) fn reset(db: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    db.execute_batch(
        "DELETE FROM cache.item_fts;
         DELETE FROM cache.item;
         DELETE FROM cache.member;
         DELETE FROM cache.profile;
         DELETE FROM cache.deletion;
         DELETE FROM cache.kept_range;
         DELETE FROM cache.unknown_event;
         DELETE FROM cache.unknown_entry;
         DELETE FROM cache.conversation;
         DELETE FROM cache.state;",
    )?;
    db.execute("INSERT INTO cache.state VALUES (1, ?, 0, 0)", params![epoch.as_bytes()]).map(drop)
}

pub(crate) fn set_horizon(db: &Connection, horizon: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE cache.state SET horizon = ?")?.execute([horizon]).map(drop)
}

pub(crate) fn set_account_rev(db: &Connection, rev: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE cache.state SET account_rev = ?")?.execute([rev]).map(drop)
}
