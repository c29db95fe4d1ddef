//! Versions of the database, in `PRAGMA user_version`.
//!
//! A migration is one transaction together with its version number, so an interrupted one leaves the version before
//! it. A database that is newer than this build, or that belongs to another program, is refused before anything in it
//! is touched. Released migrations never change; a change is another migration.

use fil_protocol::Epoch;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{account, conversation, device, event, idempotency, invite, item, member, server, verdict, words};
use crate::store::StoreError;

/// `Fil1`: marks the file as ours.
const APPLICATION_ID: i32 = 0x4669_6c31;

/// The statements of each version, in the order of the references between tables.
const VERSIONS: &[&[&str]] = &[
    &[
        server::TABLES,
        account::TABLES,
        device::TABLES,
        invite::TABLES,
        conversation::TABLES,
        member::TABLES,
        event::TABLES,
        item::TABLES,
        verdict::TABLES,
        idempotency::TABLES,
    ],
    &[item::MESSAGES_BY_TIME, device::REFRESH_SEEN],
    &[event::WITH_ITEMS, verdict::IN_THE_DEVICE, words::MERGED_BY_US],
    &[server::MARKS],
];

/// The version that this build writes.
pub(super) const NEWEST: u32 = 4;

/// Refuses a database that this build cannot use. Reads only.
pub(super) fn check(connection: &Connection) -> Result<u32, StoreError> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (tables > 0 || version > 0) && application != APPLICATION_ID {
        return Err(StoreError::Damaged("this is not a database of Fil".to_owned()));
    }
    if version > NEWEST {
        return Err(StoreError::NewerDatabase { found: version, known: NEWEST });
    }
    Ok(version)
}

/// Brings the database to the newest version.
pub(super) fn run(connection: &mut Connection, first_epoch: Epoch) -> Result<(), StoreError> {
    loop {
        // The version is read again inside, so that two processes starting at once do not migrate twice.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = check(&transaction)?;
        let Some(statements) = VERSIONS.get(version as usize) else {
            return Ok(());
        };
        for statement in *statements {
            transaction.execute_batch(statement).map_err(unfit)?;
        }
        if version == 0 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.execute("INSERT INTO meta (id, epoch, horizon) VALUES (1, ?1, 0)", [first_epoch.as_bytes()])?;
        }
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
}

/// A statement that every sound database of its version takes was refused: what is there is not what was written.
fn unfit(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::Unknown | ErrorCode::ConstraintViolation) => {
            StoreError::Damaged(format!("it does not take the update of this version: {error}"))
        }
        _ => error.into(),
    }
}
