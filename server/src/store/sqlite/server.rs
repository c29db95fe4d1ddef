//! The server's own row, and the organisations.

use fil_protocol::{DeviceId, Epoch, OrganisationId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{id, int, number};
use super::error::exists;
use crate::actor::{Actor, Revoked};
use crate::store::{InviteHash, OrganisationRow, StoreError};

/// Version 1.
pub(super) const TABLES: &str = "
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        epoch BLOB NOT NULL,
        horizon INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE organisation (
        number INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        slug TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL
    ) STRICT;
";

/// Version 4. From `horizon` on, up to the next row, the history carries `mark`; written at `at_ms`. The epoch before this
/// one is none where the database was never restored.
pub(super) const MARKS: &str = "
    ALTER TABLE meta ADD COLUMN epoch_before BLOB;
    CREATE TABLE mark (
        horizon INTEGER PRIMARY KEY,
        mark INTEGER NOT NULL,
        at_ms INTEGER NOT NULL
    ) STRICT;
";

/// Server-wide reads and writes on a connection.
pub(super) struct Server<'c> {
    pub(super) connection: &'c Connection,
}

impl Server<'_> {
    pub(super) fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.connection.prepare_cached("SELECT epoch FROM meta")?.query_row([], |row| id(row, 0))?)
    }

    pub(super) fn epoch_before(&self) -> Result<Option<Epoch>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT epoch_before FROM meta WHERE epoch_before IS NOT NULL")?;
        Ok(statement.query_row([], |row| id(row, 0)).optional()?)
    }

    pub(super) fn set_epoch(&self, epoch: Epoch) -> Result<(), StoreError> {
        let sql = "UPDATE meta SET epoch_before = iif(epoch = ?1, epoch_before, epoch), epoch = ?1";
        self.connection.execute(sql, [epoch.as_bytes()])?;
        Ok(())
    }

    pub(super) fn horizon(&self) -> Result<u64, StoreError> {
        Ok(self.connection.prepare_cached("SELECT horizon FROM meta")?.query_row([], |row| number(row, 0))?)
    }

    pub(super) fn set_horizon(&self, horizon: u64) -> Result<(), StoreError> {
        self.connection.prepare_cached("UPDATE meta SET horizon = ?1")?.execute([int(horizon)])?;
        Ok(())
    }

    pub(super) fn mark_at(&self, horizon: u64) -> Result<Option<u64>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT mark FROM mark WHERE horizon <= ?1 ORDER BY horizon DESC LIMIT 1")?;
        Ok(statement.query_row([int(horizon)], |row| number(row, 0)).optional()?)
    }

    pub(super) fn add_mark(&self, horizon: u64, mark: u64, at_ms: u64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO mark (horizon, mark, at_ms) VALUES (?1, ?2, ?3)")?
            .execute([int(horizon), int(mark), int(at_ms)])?;
        Ok(())
    }

    pub(super) fn forget_marks(&self, before_ms: u64) -> Result<(), StoreError> {
        // From the oldest on, so that nothing is read that stays.
        self.connection.execute(
            "DELETE FROM mark WHERE horizon < coalesce(
                 (SELECT horizon FROM mark WHERE at_ms >= ?1 ORDER BY horizon LIMIT 1),
                 (SELECT max(horizon) FROM mark))",
            [int(before_ms)],
        )?;
        Ok(())
    }

    pub(super) fn create_organisation(&self, organisation: &OrganisationRow) -> Result<(), StoreError> {
        self.connection
            .execute(
                "INSERT INTO organisation (id, slug, name) VALUES (?1, ?2, ?3)",
                params![organisation.id.as_bytes(), organisation.slug, organisation.name],
            )
            .map_err(exists("organisation"))?;
        Ok(())
    }

    pub(super) fn organisations(&self) -> Result<Vec<OrganisationRow>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT id, slug, name FROM organisation ORDER BY slug")?;
        let rows = statement.query_map([], organisation_row)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    pub(super) fn organisation_by_slug(&self, slug: &str) -> Result<Option<OrganisationRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, slug, name FROM organisation WHERE slug = ?1")?;
        Ok(statement.query_row([slug], organisation_row).optional()?)
    }

    pub(super) fn owner_of_device(&self, device: DeviceId) -> Result<Option<Actor>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT o.id, d.account FROM device d JOIN organisation o ON o.number = d.organisation WHERE d.id = ?1",
        )?;
        let owner = statement.query_row([device.as_bytes()], |row| {
            Ok(Actor { organisation: id(row, 0)?, account: id(row, 1)?, device })
        });
        Ok(owner.optional()?)
    }

    pub(super) fn revoked_since(&self, at_ms: u64) -> Result<Vec<Revoked>, StoreError> {
        let mut devices = self.connection.prepare_cached("SELECT id FROM device WHERE revoked_at_ms >= ?1")?;
        let devices = devices.query_map([int(at_ms)], |row| Ok(Revoked::Device(id(row, 0)?)))?;
        let mut accounts = self.connection.prepare_cached("SELECT id FROM account WHERE disabled_at_ms >= ?1")?;
        let accounts = accounts.query_map([int(at_ms)], |row| Ok(Revoked::Account(id(row, 0)?)))?;
        Ok(devices.chain(accounts).collect::<Result<_, _>>()?)
    }

    pub(super) fn organisation_of_invite(&self, hash: &InviteHash) -> Result<Option<OrganisationId>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT o.id FROM invite i JOIN organisation o ON o.number = i.organisation WHERE i.hash = ?1",
        )?;
        Ok(statement.query_row([hash], |row| id(row, 0)).optional()?)
    }
}

/// [`crate::store::ReadServer`] for a type with a field `server`.
macro_rules! delegate_read_server {
    ($type:ty) => {
        impl crate::store::ReadServer for $type {
            fn epoch(&self) -> Result<fil_protocol::Epoch, StoreError> {
                self.server.epoch()
            }

            fn committed_horizon(&self) -> Result<u64, StoreError> {
                self.server.horizon()
            }

            fn epoch_before(&self) -> Result<Option<fil_protocol::Epoch>, StoreError> {
                self.server.epoch_before()
            }

            fn mark_at(&self, horizon: u64) -> Result<Option<u64>, StoreError> {
                self.server.mark_at(horizon)
            }

            fn organisations(&self) -> Result<Vec<crate::store::OrganisationRow>, StoreError> {
                self.server.organisations()
            }

            fn organisation_by_slug(&self, slug: &str) -> Result<Option<crate::store::OrganisationRow>, StoreError> {
                self.server.organisation_by_slug(slug)
            }

            fn owner_of_device(
                &self,
                device: fil_protocol::DeviceId,
            ) -> Result<Option<crate::actor::Actor>, StoreError> {
                self.server.owner_of_device(device)
            }

            fn revoked_since(&self, at_ms: u64) -> Result<Vec<crate::actor::Revoked>, StoreError> {
                self.server.revoked_since(at_ms)
            }

            fn organisation_of_invite(
                &self,
                hash: &crate::store::InviteHash,
            ) -> Result<Option<OrganisationId>, StoreError> {
                self.server.organisation_of_invite(hash)
            }
        }
    };
}
pub(super) use delegate_read_server;

fn organisation_row(row: &Row<'_>) -> rusqlite::Result<OrganisationRow> {
    Ok(OrganisationRow { id: id(row, 0)?, slug: row.get(1)?, name: row.get(2)? })
}
