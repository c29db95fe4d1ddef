//! Accounts.

use fil_protocol::{AccountId, Profile};
use rusqlite::{OptionalExtension, Row, Statement, params};

use super::columns::{id, int, limit, maybe_number, number};
use super::error::{exists, found};
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{AccountRow, ReadAccounts, StoreError, WriteAccounts};

/// Version 1. `rev` is the newest revision of the account's stream; `words` are those of the name, for finding people.
pub(super) const TABLES: &str = "
    CREATE TABLE account (
        organisation INTEGER NOT NULL REFERENCES organisation (number),
        id BLOB NOT NULL,
        handle TEXT NOT NULL,
        name TEXT NOT NULL,
        words TEXT NOT NULL,
        password_hash TEXT,
        created_at_ms INTEGER NOT NULL,
        disabled_at_ms INTEGER,
        rev INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (organisation, id),
        UNIQUE (organisation, handle)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX account_disabled ON account (disabled_at_ms) WHERE disabled_at_ms IS NOT NULL;
";

const COLUMNS: &str = "id, handle, name, password_hash, created_at_ms, disabled_at_ms";

impl Organisation<'_> {
    /// Takes the next revision of an account's stream.
    pub(super) fn next_rev(&self, account: AccountId) -> Result<u64, StoreError> {
        let rev = self.account_rev(account)? + 1;
        self.working.change();
        self.working.revs.borrow_mut().put((self.number, account), rev);
        Ok(rev)
    }
}

/// The newest revision of an account's stream.
pub(super) const UPDATE_REV: &str = "UPDATE account SET rev = ?3 WHERE organisation = ?1 AND id = ?2";

/// Writes it, by [`UPDATE_REV`].
pub(super) fn update_rev(
    statement: &mut Statement<'_>,
    number: Number,
    account: AccountId,
    rev: u64,
) -> Result<(), StoreError> {
    found("account", statement.execute(params![number, account.as_bytes(), int(rev)])?)
}

impl ReadAccounts for Organisation<'_> {
    fn account(&self, account: AccountId) -> Result<Option<AccountRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE organisation = ?1 AND id = ?2");
        Ok(self.sql(&sql)?.query_row(params![self.number, account.as_bytes()], account_row).optional()?)
    }

    fn account_by_handle(&self, handle: &str) -> Result<Option<AccountRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE organisation = ?1 AND handle = ?2");
        Ok(self.sql(&sql)?.query_row(params![self.number, handle], account_row).optional()?)
    }

    fn accounts(&self) -> Result<Vec<AccountRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE organisation = ?1 ORDER BY handle");
        Ok(self.sql(&sql)?.query_map([self.number], account_row)?.collect::<Result<_, _>>()?)
    }

    fn find_accounts(&self, query: &str, rows_max: usize) -> Result<Vec<Profile>, StoreError> {
        // A scan of one organisation's accounts: 50,000 are some milliseconds, and an index over beginnings of words
        // would have to be kept up for every rename.
        let mut statement = self.sql(
            "SELECT id, handle, name FROM account
             WHERE organisation = ?1 AND disabled_at_ms IS NULL
               AND (instr(handle, ?2) = 1 OR instr(' ' || words, ' ' || ?3) > 0)
             ORDER BY words, handle LIMIT ?4",
        )?;
        let words = fil_words::index(query);
        let handle = query.trim().to_lowercase();
        // A query without a word (only signs) is compared with handles alone.
        let words = if words.is_empty() && !handle.is_empty() { "\0".to_owned() } else { words };
        let rows = statement.query_map(params![self.number, handle, words, limit(rows_max)], |row| {
            Ok(Profile { account: id(row, 0)?, handle: row.get(1)?, name: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn account_rev(&self, account: AccountId) -> Result<u64, StoreError> {
        let key = (self.number, account);
        let kept = self.working.revs.borrow().get(&key);
        if let Some(rev) = kept {
            return Ok(rev);
        }
        let rev = self
            .glance("SELECT rev FROM account WHERE organisation = ?1 AND id = ?2")?
            .query_row(params![self.number, account.as_bytes()], |row| number(row, 0))
            .optional()?
            .ok_or(StoreError::Missing("account"))?;
        self.working.revs.borrow_mut().keep(key, rev);
        Ok(rev)
    }
}

impl WriteAccounts for Organisation<'_> {
    fn create_account(&self, account: &AccountRow) -> Result<(), StoreError> {
        self.sql(
            "INSERT INTO account (organisation, id, handle, name, words, password_hash, created_at_ms, disabled_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            self.number,
            account.profile.account.as_bytes(),
            account.profile.handle,
            account.profile.name,
            fil_words::index(&account.profile.name),
            account.password_hash,
            int(account.created_at_ms),
            account.disabled_at_ms.map(int),
        ])
        .map_err(exists("account"))?;
        Ok(())
    }

    fn set_password_hash(&self, account: AccountId, hash: &str) -> Result<(), StoreError> {
        let rows = self
            .sql("UPDATE account SET password_hash = ?3 WHERE organisation = ?1 AND id = ?2")?
            .execute(params![self.number, account.as_bytes(), hash])?;
        found("account", rows)
    }

    fn set_disabled(&self, account: AccountId, at_ms: Option<u64>) -> Result<(), StoreError> {
        let rows = self
            .sql("UPDATE account SET disabled_at_ms = ?3 WHERE organisation = ?1 AND id = ?2")?
            .execute(params![self.number, account.as_bytes(), at_ms.map(int)])?;
        found("account", rows)
    }
}

fn account_row(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow {
        profile: Profile { account: id(row, 0)?, handle: row.get(1)?, name: row.get(2)? },
        password_hash: row.get(3)?,
        created_at_ms: number(row, 4)?,
        disabled_at_ms: maybe_number(row, 5)?,
    })
}
