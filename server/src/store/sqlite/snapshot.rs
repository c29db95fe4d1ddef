//! Reading connections and their snapshots.

use std::path::Path;

use fil_protocol::OrganisationId;
use rusqlite::{Connection, OpenFlags};

use super::configure;
use super::organisation::Organisation;
use super::server::Server;
use super::working::Working;
use crate::store::{OrganisationReader, ReadStore, Reader, StoreError};

/// A reading connection.
pub(super) struct SqliteReads {
    connection: Connection,
}

impl SqliteReads {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        // A read-only handle could not make the shared-memory file; `query_only` refuses writes as well.
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        configure(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self { connection })
    }
}

impl ReadStore for SqliteReads {
    fn snapshot(&mut self) -> Result<Box<dyn Reader + '_>, StoreError> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        let snapshot = SqliteSnapshot { server: Server { connection }, working: Working::default() };
        // The snapshot begins with the first read, so this one pins it to now.
        connection.prepare_cached("SELECT horizon FROM meta")?.query_row([], |row| row.get::<_, i64>(0))?;
        Ok(Box::new(snapshot))
    }
}

/// One committed state.
pub(super) struct SqliteSnapshot<'c> {
    server: Server<'c>,
    working: Working,
}

impl Reader for SqliteSnapshot<'_> {
    fn organisation(&self, organisation: OrganisationId) -> Result<Box<dyn OrganisationReader + '_>, StoreError> {
        Ok(Box::new(Organisation::open(self.server.connection, organisation, &self.working)?))
    }
}

impl Drop for SqliteSnapshot<'_> {
    fn drop(&mut self) {
        // Nothing was written: if ending the snapshot fails, the next `BEGIN` says so.
        let _ = self.server.connection.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
    }
}

super::server::delegate_read_server!(SqliteSnapshot<'_>);
