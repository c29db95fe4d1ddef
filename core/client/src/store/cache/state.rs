//! Which history the cache belongs to, and how far it is: one row.

use fil_protocol::{Epoch, Stamp};
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

macro_rules! stamp {
    () => {
        "ALTER TABLE state ADD COLUMN stamp_horizon INTEGER;
         ALTER TABLE state ADD COLUMN stamp_mark INTEGER;"
    };
}
pub(super) use stamp;

/// The row.
pub(crate) struct State {
    /// The history that everything belongs to.
    pub(crate) epoch: Epoch,
    /// Everything that the server committed up to here is in the cache.
    pub(crate) horizon: u64,
    /// The cursor in the account stream.
    pub(crate) account_rev: u64,
    /// The newest place in its history that the server has named.
    pub(crate) stamp: Option<Stamp>,
}

/// None in a new cache.
pub(crate) fn load(db: &Connection) -> rusqlite::Result<Option<State>> {
    let read = |row: &rusqlite::Row<'_>| {
        let place: (Option<u64>, Option<u64>) = (row.get(3)?, row.get(4)?);
        Ok(State {
            epoch: Epoch::from(row.get::<_, [u8; 16]>(0)?),
            horizon: row.get(1)?,
            account_rev: row.get(2)?,
            stamp: place.0.zip(place.1).map(|(horizon, mark)| Stamp { horizon, mark }),
        })
    };
    let sql = "SELECT epoch, horizon, account_rev, stamp_horizon, stamp_mark FROM cache.state";
    db.query_row(sql, [], read).optional()
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
    db.execute(
        "INSERT INTO cache.state (only, epoch, horizon, account_rev) VALUES (1, ?, 0, 0)",
        params![epoch.as_bytes()],
    )
    .map(drop)
}

pub(crate) fn set_horizon(db: &Connection, horizon: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE cache.state SET horizon = ?")?.execute([horizon]).map(drop)
}

pub(crate) fn set_account_rev(db: &Connection, rev: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE cache.state SET account_rev = ?")?.execute([rev]).map(drop)
}

pub(crate) fn set_stamp(db: &Connection, stamp: Option<Stamp>) -> rusqlite::Result<()> {
    let (horizon, mark) = (stamp.map(|stamp| stamp.horizon), stamp.map(|stamp| stamp.mark));
    db.prepare_cached("UPDATE cache.state SET stamp_horizon = ?, stamp_mark = ?")?
        .execute(params![horizon, mark])
        .map(drop)
}
