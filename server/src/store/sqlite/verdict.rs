//! Verdicts.

use fil_protocol::{DeviceId, Verdict};
use rusqlite::{Connection, OptionalExtension, params};

use super::columns::{from_json, int, number, to_json};
use super::error::exists;
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{ReadDevices, ReadVerdicts, StoreError, WriteVerdicts};

/// Version 1. The rows belong to the generation in the device's row; another generation begins without them.
pub(super) const TABLES: &str = "
    CREATE TABLE verdict (
        organisation INTEGER NOT NULL,
        device BLOB NOT NULL,
        no INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        PRIMARY KEY (organisation, device, no),
        FOREIGN KEY (organisation, device) REFERENCES device (organisation, id)
    ) STRICT, WITHOUT ROWID;
";

impl ReadVerdicts for Organisation<'_> {
    fn verdict(&self, device: DeviceId, no: u64) -> Result<Option<Verdict>, StoreError> {
        let mut statement =
            self.sql("SELECT outcome FROM verdict WHERE organisation = ?1 AND device = ?2 AND no = ?3")?;
        let outcome: Option<String> =
            statement.query_row(params![self.number, device.as_bytes(), int(no)], |row| row.get(0)).optional()?;
        outcome.map(|json| Ok(Verdict { no, outcome: from_json(&json)? })).transpose()
    }

    fn verdicts_after(&self, device: DeviceId, no: u64) -> Result<Vec<Verdict>, StoreError> {
        let mut statement = self
            .sql("SELECT no, outcome FROM verdict WHERE organisation = ?1 AND device = ?2 AND no > ?3 ORDER BY no")?;
        let rows = statement.query_map(params![self.number, device.as_bytes(), int(no)], |row| {
            Ok((number(row, 0)?, row.get::<_, String>(1)?))
        })?;
        rows.map(|row| {
            let (no, json) = row?;
            Ok(Verdict { no, outcome: from_json(&json)? })
        })
        .collect()
    }
}

impl WriteVerdicts for Organisation<'_> {
    fn store_verdict(&self, device: DeviceId, verdict: &Verdict) -> Result<(), StoreError> {
        let (key, outcome) = ((self.number, device, verdict.no), to_json(&verdict.outcome)?);
        // Above the last number applied there is no verdict but one that waits.
        let is_next = self.progress(device)?.is_some_and(|progress| progress.applied < verdict.no);
        if is_next && self.working.verdicts.borrow().get(&key).is_none() {
            self.working.verdicts.borrow_mut().put(key, outcome);
            return Ok(());
        }
        self.sql(INSERT)?
            .execute(params![key.0, device.as_bytes(), int(verdict.no), outcome])
            .map_err(exists("verdict"))?;
        Ok(())
    }
}

const INSERT: &str = "INSERT INTO verdict (organisation, device, no, outcome) VALUES (?1, ?2, ?3, ?4)";

/// Writes a verdict.
pub(super) fn insert(
    connection: &Connection,
    number: Number,
    device: DeviceId,
    no: u64,
    outcome: &str,
) -> Result<(), StoreError> {
    let key = params![number, device.as_bytes(), int(no), outcome];
    connection.prepare_cached(INSERT)?.execute(key).map_err(exists("verdict"))?;
    Ok(())
}

/// Removes the verdicts up to a number.
pub(super) fn forget(connection: &Connection, number: Number, device: DeviceId, no: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM verdict WHERE organisation = ?1 AND device = ?2 AND no <= ?3")?
        .execute(params![number, device.as_bytes(), int(no)])?;
    Ok(())
}
