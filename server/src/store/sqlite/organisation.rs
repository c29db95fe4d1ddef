//! One organisation's part of the database. Every query of the nouns starts from [`Organisation::number`].

use fil_protocol::OrganisationId;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::words::Batch;
use crate::store::{OrganisationReader, OrganisationWriter, StoreError};

/// One organisation's part, for reading and (inside a transaction) for writing.
pub(super) struct Organisation<'c> {
    connection: &'c Connection,
    id: OrganisationId,
    /// What stands for the organisation in every key.
    pub(super) number: i64,
    pub(super) batch: &'c Batch,
}

impl<'c> Organisation<'c> {
    pub(super) fn open(connection: &'c Connection, id: OrganisationId, batch: &'c Batch) -> Result<Self, StoreError> {
        let number = connection
            .prepare_cached("SELECT number FROM organisation WHERE id = ?1")?
            .query_row([id.as_bytes()], |row| row.get(0))
            .optional()?
            .ok_or(StoreError::Missing("organisation"))?;
        Ok(Self { connection, id, number, batch })
    }

    pub(super) fn sql(&self, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// The key of the row inserted last.
    pub(super) fn last_row(&self) -> i64 {
        self.connection.last_insert_rowid()
    }
}

impl OrganisationReader for Organisation<'_> {
    fn id(&self) -> OrganisationId {
        self.id
    }
}

impl OrganisationWriter for Organisation<'_> {
    fn horizon(&self) -> u64 {
        self.batch.horizon()
    }
}
