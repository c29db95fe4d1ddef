//! Invites.

use fil_protocol::AccountId;
use rusqlite::{OptionalExtension, params};

use super::columns::{id, int, maybe_number, number};
use super::error::exists;
use super::organisation::Organisation;
use crate::store::{InviteHash, InviteRow, ReadInvites, StoreError, WriteInvites};

/// Version 1.
pub(super) const TABLES: &str = "
    CREATE TABLE invite (
        hash BLOB NOT NULL PRIMARY KEY,
        organisation INTEGER NOT NULL,
        account BLOB NOT NULL,
        expires_at_ms INTEGER NOT NULL,
        used_at_ms INTEGER,
        FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX invite_of_account ON invite (organisation, account);
";

impl ReadInvites for Organisation<'_> {
    fn invite(&self, hash: &InviteHash) -> Result<Option<InviteRow>, StoreError> {
        let mut statement =
            self.sql("SELECT account, expires_at_ms, used_at_ms FROM invite WHERE organisation = ?1 AND hash = ?2")?;
        let invite = statement.query_row(params![self.number, hash], |row| {
            Ok(InviteRow {
                hash: *hash,
                account: id(row, 0)?,
                expires_at_ms: number(row, 1)?,
                used_at_ms: maybe_number(row, 2)?,
            })
        });
        Ok(invite.optional()?)
    }
}

impl WriteInvites for Organisation<'_> {
    fn create_invite(&self, invite: &InviteRow) -> Result<(), StoreError> {
        self.sql("DELETE FROM invite WHERE organisation = ?1 AND account = ?2 AND used_at_ms IS NULL")?
            .execute(params![self.number, invite.account.as_bytes()])?;
        self.sql("INSERT INTO invite (hash, organisation, account, expires_at_ms) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![invite.hash, self.number, invite.account.as_bytes(), int(invite.expires_at_ms)])
            .map_err(exists("invite"))?;
        Ok(())
    }

    fn use_invite(&self, hash: &InviteHash, now_ms: u64) -> Result<Option<AccountId>, StoreError> {
        let mut statement = self.sql(
            "UPDATE invite SET used_at_ms = ?3
             WHERE organisation = ?1 AND hash = ?2 AND used_at_ms IS NULL AND expires_at_ms > ?3
             RETURNING account",
        )?;
        Ok(statement.query_row(params![self.number, hash, int(now_ms)], |row| id(row, 0)).optional()?)
    }
}
