//! Devices.

use fil_protocol::{AccountId, DeviceId, Generation, Outcome, Verdict};
use rusqlite::{OptionalExtension, Row, Statement, params};

use super::columns::{from_json, id, int, maybe_number, number, to_json};
use super::error::{exists, found};
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{DeviceRow, NewDevice, Progress, ReadDevices, StoreError, WriteDevices};

/// Version 1.
pub(super) const TABLES: &str = "
    CREATE TABLE device (
        organisation INTEGER NOT NULL,
        id BLOB NOT NULL UNIQUE,
        account BLOB NOT NULL,
        name TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL,
        revoked_at_ms INTEGER,
        refresh_counter INTEGER NOT NULL,
        refresh_rotated_at_ms INTEGER NOT NULL,
        generation BLOB,
        applied INTEGER NOT NULL DEFAULT 0,
        acknowledged INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (organisation, id),
        FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX device_of_account ON device (organisation, account);
    CREATE INDEX device_revoked ON device (revoked_at_ms) WHERE revoked_at_ms IS NOT NULL;
";

/// Version 2: not when a refresh token was issued, but when it was first seen in use.
pub(super) const REFRESH_SEEN: &str = "
    ALTER TABLE device ADD COLUMN refresh_seen_at_ms INTEGER;
    UPDATE device SET refresh_seen_at_ms = refresh_rotated_at_ms;
    ALTER TABLE device DROP COLUMN refresh_rotated_at_ms;
";

const COLUMNS: &str = "id, account, name, created_at_ms, revoked_at_ms, refresh_counter, refresh_seen_at_ms";

impl ReadDevices for Organisation<'_> {
    fn device(&self, device: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM device WHERE organisation = ?1 AND id = ?2");
        Ok(self.sql(&sql)?.query_row(params![self.number, device.as_bytes()], device_row).optional()?)
    }

    fn devices_of(&self, account: AccountId) -> Result<Vec<DeviceRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM device INDEXED BY device_of_account
             WHERE organisation = ?1 AND account = ?2 AND revoked_at_ms IS NULL ORDER BY created_at_ms, id"
        );
        let mut statement = self.sql(&sql)?;
        let rows = statement.query_map(params![self.number, account.as_bytes()], device_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn progress(&self, device: DeviceId) -> Result<Option<Progress>, StoreError> {
        Ok(self.work(device)?.map(|work| work.progress))
    }
}

impl WriteDevices for Organisation<'_> {
    fn create_device(&self, device: &NewDevice) -> Result<(), StoreError> {
        self.sql(
            "INSERT INTO device (organisation, id, account, name, created_at_ms, refresh_counter)
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        )?
        .execute(params![
            self.number,
            device.device.as_bytes(),
            device.account.as_bytes(),
            device.name,
            int(device.created_at_ms)
        ])
        .map_err(exists("device"))?;
        Ok(())
    }

    fn set_refresh_counter(&self, device: DeviceId, counter: u64) -> Result<(), StoreError> {
        let rows = self
            .sql(
                "UPDATE device SET refresh_counter = ?3, refresh_seen_at_ms = NULL WHERE organisation = ?1 AND id = ?2",
            )?
            .execute(params![self.number, device.as_bytes(), int(counter)])?;
        found("device", rows)
    }

    fn set_refresh_seen(&self, device: DeviceId, at_ms: u64) -> Result<(), StoreError> {
        let rows = self
            .sql(
                "UPDATE device SET refresh_seen_at_ms = coalesce(refresh_seen_at_ms, ?3)
                 WHERE organisation = ?1 AND id = ?2",
            )?
            .execute(params![self.number, device.as_bytes(), int(at_ms)])?;
        found("device", rows)
    }

    fn revoke_device(&self, device: DeviceId, at_ms: u64) -> Result<(), StoreError> {
        let rows = self
            .sql("UPDATE device SET revoked_at_ms = coalesce(revoked_at_ms, ?3) WHERE organisation = ?1 AND id = ?2")?
            .execute(params![self.number, device.as_bytes(), int(at_ms)])?;
        found("device", rows)
    }

    fn start_generation(&self, device: DeviceId, generation: Generation) -> Result<(), StoreError> {
        let mut work = self.work(device)?.ok_or(StoreError::Missing("device"))?;
        work.progress = Progress { generation: Some(generation), applied: 0, acknowledged: 0, ..work.progress };
        work.verdicts.clear();
        self.set_work(device, work);
        Ok(())
    }

    fn set_applied(&self, device: DeviceId, no: u64) -> Result<(), StoreError> {
        let mut work = self.work(device)?.ok_or(StoreError::Missing("device"))?;
        work.progress.applied = no;
        self.set_work(device, work);
        Ok(())
    }

    fn acknowledge(&self, device: DeviceId, no: u64) -> Result<(), StoreError> {
        let mut work = self.work(device)?.ok_or(StoreError::Missing("device"))?;
        let acknowledged = no.min(work.progress.applied);
        if acknowledged > work.progress.acknowledged {
            let count = usize::try_from(acknowledged - work.progress.acknowledged).unwrap_or(usize::MAX);
            work.verdicts.drain(..count.min(work.verdicts.len()));
            work.progress.acknowledged = acknowledged;
            self.set_work(device, work);
        }
        Ok(())
    }
}

/// What every command of a device changes.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) progress: Progress,
    /// The verdicts after the last one acknowledged, without a gap. Few, because clients acknowledge; their number is
    /// bounded by [`crate::node`].
    pub(super) verdicts: Vec<Outcome>,
}

impl Work {
    /// The number that the next verdict has.
    pub(super) fn next_no(&self) -> u64 {
        self.progress.acknowledged + self.verdicts.len() as u64 + 1
    }

    /// The verdict on a number, unless it was acknowledged or is yet to come.
    pub(super) fn verdict(&self, no: u64) -> Option<Verdict> {
        let place = usize::try_from(no.checked_sub(self.progress.acknowledged + 1)?).ok()?;
        Some(Verdict { no, outcome: self.verdicts.get(place)?.clone() })
    }
}

impl Organisation<'_> {
    /// What a device's commands have changed.
    pub(super) fn work(&self, device: DeviceId) -> Result<Option<Work>, StoreError> {
        let key = (self.number, device);
        let kept = self.working.devices.borrow().get(&key);
        if kept.is_some() {
            return Ok(kept);
        }
        let mut statement = self.glance(
            "SELECT d.generation, d.applied, d.acknowledged, d.revoked_at_ms IS NULL AND a.disabled_at_ms IS NULL,
                    d.verdicts
             FROM device d JOIN account a ON a.organisation = d.organisation AND a.id = d.account
             WHERE d.organisation = ?1 AND d.id = ?2",
        )?;
        let mut rows = statement.query(params![self.number, device.as_bytes()])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let progress = Progress {
            generation: row.get::<_, Option<[u8; 16]>>(0)?.map(Generation::from),
            applied: number(row, 1)?,
            acknowledged: number(row, 2)?,
            active: row.get(3)?,
        };
        let verdicts = from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?;
        let work = Work { progress, verdicts };
        self.working.devices.borrow_mut().keep(key, work.clone());
        Ok(Some(work))
    }

    /// Changes it; it waits to be written.
    pub(super) fn set_work(&self, device: DeviceId, work: Work) {
        self.working.devices.borrow_mut().put((self.number, device), work);
    }
}

/// What a device's commands have changed.
pub(super) const UPDATE_WORK: &str = "UPDATE device SET generation = ?3, applied = ?4, acknowledged = ?5, verdicts = ?6
    WHERE organisation = ?1 AND id = ?2";

/// Writes it, by [`UPDATE_WORK`].
pub(super) fn update_work(
    statement: &mut Statement<'_>,
    number: Number,
    device: DeviceId,
    work: &Work,
) -> Result<(), StoreError> {
    let rows = statement.execute(params![
        number,
        device.as_bytes(),
        work.progress.generation.map(|generation| *generation.as_bytes()),
        int(work.progress.applied),
        int(work.progress.acknowledged),
        to_json(&work.verdicts)?
    ])?;
    found("device", rows)
}

fn device_row(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    Ok(DeviceRow {
        device: id(row, 0)?,
        account: id(row, 1)?,
        name: row.get(2)?,
        created_at_ms: number(row, 3)?,
        revoked_at_ms: maybe_number(row, 4)?,
        refresh_counter: number(row, 5)?,
        refresh_seen_at_ms: maybe_number(row, 6)?,
    })
}
