//! People: whoever was ever met in a conversation.

use fil_protocol::{AccountId, Profile};
use rusqlite::{Connection, OptionalExtension};

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile { account: AccountId::from(row.get::<_, [u8; 16]>(0)?), handle: row.get(1)?, name: row.get(2)? })
}

/// Somebody.
pub(crate) fn get(db: &Connection, account: AccountId) -> rusqlite::Result<Option<Profile>> {
    let sql = "SELECT account, handle, name FROM cache.profile WHERE account = ?";
    db.prepare_cached(sql)?.query_row([account.as_bytes()], read).optional()
}

/// Everybody. An organisation's people whom one person has met are few enough to look through.
pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<Profile>> {
    let mut statement = db.prepare_cached("SELECT account, handle, name FROM cache.profile")?;
    let rows = statement.query_map([], read)?;
    rows.collect()
}
