//! The write transaction.

use std::cell::Cell;

use fil_protocol::{Epoch, OrganisationId};
use rusqlite::Connection;

use super::organisation::Organisation;
use super::server::Server;
use super::working::Working;
use crate::store::{OrganisationRow, OrganisationWriter, StoreError, Transaction, WriteServer};

/// The write transaction; rolled back if dropped before its commit.
pub(super) struct SqliteTransaction<'c> {
    server: Server<'c>,
    working: &'c Working,
    open: Cell<bool>,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn begin(connection: &'c Connection, working: &'c Working) -> Result<Self, StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let transaction = Self { server: Server { connection }, working, open: Cell::new(true) };
        // Another number than the last time means that another process has written in between.
        let version = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        working.begin(version, transaction.server.horizon()?);
        Ok(transaction)
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationWriter + '_>, StoreError> {
        Ok(Box::new(Organisation::open(self.server.connection, organisation, self.working)?))
    }

    fn new_horizon(&self) -> Option<u64> {
        self.working.new_horizon()
    }

    fn savepoint(&self) -> Result<(), StoreError> {
        self.working.savepoint();
        Ok(())
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.working.roll_back(self.server.connection)
    }

    fn release(&self) -> Result<(), StoreError> {
        self.working.release(self.server.connection)
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.working.finish(self.server.connection)?;
        if let Some(horizon) = self.working.new_horizon() {
            self.server.set_horizon(horizon)?;
        }
        self.server.connection.prepare_cached("COMMIT")?.execute([])?;
        self.open.set(false);
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        if self.open.get() {
            if !self.server.connection.is_autocommit() {
                // A failure here means that SQLite has rolled back by itself already.
                let _ = self.server.connection.execute_batch("ROLLBACK");
            }
            self.working.abandon();
        }
    }
}

impl WriteServer for SqliteTransaction<'_> {
    fn create_organisation(&self, organisation: &OrganisationRow) -> Result<(), StoreError> {
        self.working.before_writing(self.server.connection)?;
        self.server.create_organisation(organisation)
    }

    fn set_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.working.before_writing(self.server.connection)?;
        self.server.set_epoch(epoch)
    }

    // Marks are in no row that is kept in memory, so what waits may go on waiting: one lane less through the writer.

    fn add_mark(&self, horizon: u64, mark: u64, at_ms: u64) -> Result<(), StoreError> {
        self.server.add_mark(horizon, mark, at_ms)
    }

    fn forget_marks(&self, before_ms: u64) -> Result<(), StoreError> {
        self.server.forget_marks(before_ms)
    }
}

super::server::delegate_read_server!(SqliteTransaction<'_>);
