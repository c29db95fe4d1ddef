//! The write transaction.

use std::cell::Cell;

use fil_protocol::{Epoch, OrganisationId};
use rusqlite::Connection;

use super::organisation::Organisation;
use super::server::Server;
use super::words::Batch;
use crate::store::{OrganisationRow, OrganisationWriter, StoreError, Transaction, WriteServer};

/// The write transaction; rolled back if dropped before its commit.
pub(super) struct SqliteTransaction<'c> {
    server: Server<'c>,
    batch: Batch,
    open: Cell<bool>,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn begin(connection: &'c Connection) -> Result<Self, StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let transaction = Self { server: Server { connection }, batch: Batch::default(), open: Cell::new(true) };
        transaction.batch.begin(transaction.server.horizon()?);
        Ok(transaction)
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.server.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationWriter + '_>, StoreError> {
        Ok(Box::new(Organisation::open(self.server.connection, organisation, &self.batch)?))
    }

    fn savepoint(&self) -> Result<(), StoreError> {
        self.execute("SAVEPOINT place")?;
        self.batch.savepoint();
        Ok(())
    }

    fn roll_back(&self) -> Result<(), StoreError> {
        self.execute("ROLLBACK TO place")?;
        self.execute("RELEASE place")?;
        self.batch.roll_back();
        Ok(())
    }

    fn release(&self) -> Result<(), StoreError> {
        self.execute("RELEASE place")?;
        self.batch.release();
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.batch.write_words(self.server.connection)?;
        if let Some(horizon) = self.batch.new_horizon() {
            self.server.set_horizon(horizon)?;
        }
        self.execute("COMMIT")?;
        self.open.set(false);
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        if self.open.get() && !self.server.connection.is_autocommit() {
            // A failure here means that SQLite has rolled back by itself already.
            let _ = self.server.connection.execute_batch("ROLLBACK");
        }
    }
}

impl WriteServer for SqliteTransaction<'_> {
    fn create_organisation(&self, organisation: &OrganisationRow) -> Result<(), StoreError> {
        self.server.create_organisation(organisation)
    }

    fn set_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        self.server.set_epoch(epoch)
    }
}

super::server::delegate_read_server!(SqliteTransaction<'_>);
