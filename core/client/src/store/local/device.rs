//! The device's numbers: one row.

use fil_protocol::{Epoch, Generation};
use rusqlite::{Connection, OptionalExtension, params};

macro_rules! table {
    () => {
        "CREATE TABLE device (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            generation BLOB NOT NULL,
            last_no INTEGER NOT NULL,
            acknowledged INTEGER NOT NULL,
            epoch BLOB
        ) STRICT;"
    };
}
pub(super) use table;

/// The row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    /// The series that numbers belong to.
    pub(crate) generation: Generation,
    /// The highest number given out in it.
    pub(crate) last_no: u64,
    /// Verdicts up to this number are stored.
    pub(crate) acknowledged: u64,
    /// The server's history that the numbers were compared with.
    pub(crate) epoch: Option<Epoch>,
}

/// The row; none in a database that was just made.
pub(super) fn known(db: &Connection) -> rusqlite::Result<Option<Device>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Device {
            generation: Generation::from(row.get::<_, [u8; 16]>(0)?),
            last_no: row.get(1)?,
            acknowledged: row.get(2)?,
            epoch: row.get::<_, Option<[u8; 16]>>(3)?.map(Epoch::from),
        })
    };
    db.query_row("SELECT generation, last_no, acknowledged, epoch FROM main.device", [], read).optional()
}

/// The row, made with this generation if there is none yet.
pub(crate) fn load(db: &Connection, first: Generation) -> rusqlite::Result<Device> {
    if let Some(device) = known(db)? {
        return Ok(device);
    }
    db.execute("INSERT INTO main.device VALUES (1, ?, 0, 0, NULL)", params![first.as_bytes()])?;
    Ok(Device { generation: first, last_no: 0, acknowledged: 0, epoch: None })
}

pub(crate) fn set_last_no(db: &Connection, no: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE main.device SET last_no = ?")?.execute([no]).map(drop)
}

pub(crate) fn set_acknowledged(db: &Connection, no: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE main.device SET acknowledged = ?")?.execute([no]).map(drop)
}

pub(crate) fn set_epoch(db: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    db.execute("UPDATE main.device SET epoch = ?", params![epoch.as_bytes()]).map(drop)
}

pub(crate) fn start_generation(db: &Connection, generation: Generation) -> rusqlite::Result<()> {
    let sql = "UPDATE main.device SET generation = ?, last_no = 0, acknowledged = 0";
    db.execute(sql, params![generation.as_bytes()]).map(drop)
}
