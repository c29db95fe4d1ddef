//! One organisation's part of the database. Every query of the nouns starts from [`Organisation::number`].

use fil_protocol::OrganisationId;
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::working::Working;
use crate::store::{OrganisationReader, OrganisationWriter, StoreError};

/// One organisation's part, for reading and (inside a transaction) for writing.
pub(super) struct Organisation<'c> {
    connection: &'c Connection,
    id: OrganisationId,
    /// What stands for the organisation in every key.
    pub(super) number: i64,
    pub(super) working: &'c Working,
}

impl<'c> Organisation<'c> {
    pub(super) fn open(
        connection: &'c Connection,
        id: OrganisationId,
        working: &'c Working,
    ) -> Result<Self, StoreError> {
        let known = working.numbers.borrow().get(&id).copied();
        let number = match known {
            Some(number) => number,
            None => connection
                .prepare_cached("SELECT number FROM organisation WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::Missing("organisation"))?,
        };
        working.numbers.borrow_mut().insert(id, number);
        Ok(Self { connection, id, number, working })
    }

    /// A statement that sees everything changed before it.
    pub(super) fn sql(&self, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
        let statement = self.connection.prepare_cached(sql)?;
        if statement.readonly() {
            self.working.before_reading(self.connection)?;
        } else {
            self.working.before_writing(self.connection)?;
        }
        Ok(statement)
    }

    /// A statement that reads one row which [`Working`] does not have: if it were changed, it would be there.
    pub(super) fn glance(&self, sql: &str) -> Result<CachedStatement<'c>, StoreError> {
        Ok(self.connection.prepare_cached(sql)?)
    }
}

impl OrganisationReader for Organisation<'_> {
    fn id(&self) -> OrganisationId {
        self.id
    }
}

impl OrganisationWriter for Organisation<'_> {
    fn horizon(&self) -> u64 {
        self.working.horizon()
    }
}
