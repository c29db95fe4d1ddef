//! Drafts: what is in a composer, per conversation.

use fil_protocol::ConversationId;
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE draft (
            conversation BLOB PRIMARY KEY,
            text TEXT NOT NULL,
            changed_at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

/// Keeps a draft; an empty one is forgotten.
pub(crate) fn save(db: &Connection, conversation: ConversationId, text: &str, wall_ms: u64) -> rusqlite::Result<()> {
    if text.is_empty() {
        let sql = "DELETE FROM main.draft WHERE conversation = ?";
        return db.prepare_cached(sql)?.execute([conversation.as_bytes()]).map(drop);
    }
    let sql = "INSERT INTO main.draft VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET text = ?2, changed_at_ms = ?3";
    db.prepare_cached(sql)?.execute(params![conversation.as_bytes(), text, wall_ms]).map(drop)
}

/// Reads every draft: an error if one cannot be read.
pub(super) fn read_through(db: &Connection) -> rusqlite::Result<()> {
    let mut statement = db.prepare("SELECT conversation, text, changed_at_ms FROM main.draft")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let _: ([u8; 16], String, u64) = row.try_into()?;
    }
    Ok(())
}
