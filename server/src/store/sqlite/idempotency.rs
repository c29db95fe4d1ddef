//! Answers to HTTP requests with an `Idempotency-Key`.

use fil_protocol::{AccountId, Head, ProtocolError};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::columns::{from_json, int, to_json};
use super::error::exists;
use super::organisation::Organisation;
use crate::store::{Answer, ReadIdempotency, StoreError, WriteIdempotency};

/// Version 1.
pub(super) const TABLES: &str = "
    CREATE TABLE idempotency (
        organisation INTEGER NOT NULL,
        account BLOB NOT NULL,
        key TEXT NOT NULL,
        body_hash BLOB NOT NULL,
        answer TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (organisation, account, key),
        FOREIGN KEY (organisation, account) REFERENCES account (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_by_age ON idempotency (organisation, at_ms);
";

/// How a result lies in its column.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Applied(Head),
    Refused(ProtocolError),
}

impl ReadIdempotency for Organisation<'_> {
    fn answer(&self, account: AccountId, key: &str) -> Result<Option<Answer>, StoreError> {
        let mut statement = self
            .sql("SELECT body_hash, answer FROM idempotency WHERE organisation = ?1 AND account = ?2 AND key = ?3")?;
        let row: Option<([u8; 32], String)> = statement
            .query_row(params![self.number, account.as_bytes(), key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        row.map(|(body_hash, json)| {
            let result = match from_json(&json)? {
                Stored::Applied(head) => Ok(head),
                Stored::Refused(error) => Err(error),
            };
            Ok(Answer { body_hash, result })
        })
        .transpose()
    }
}

impl WriteIdempotency for Organisation<'_> {
    fn store_answer(&self, account: AccountId, key: &str, answer: &Answer, at_ms: u64) -> Result<(), StoreError> {
        let stored = match &answer.result {
            Ok(head) => Stored::Applied(*head),
            Err(error) => Stored::Refused(error.clone()),
        };
        self.sql(
            "INSERT INTO idempotency (organisation, account, key, body_hash, answer, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![self.number, account.as_bytes(), key, answer.body_hash, to_json(&stored)?, int(at_ms)])
        .map_err(exists("answer"))?;
        Ok(())
    }

    fn forget_answers(&self, before_ms: u64) -> Result<(), StoreError> {
        self.sql("DELETE FROM idempotency WHERE organisation = ?1 AND at_ms < ?2")?
            .execute(params![self.number, int(before_ms)])?;
        Ok(())
    }
}
