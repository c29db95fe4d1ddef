//! Read marks: how far the person has read, where the server does not know yet.

use fil_protocol::{ConversationId, Seq};
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE read_mark (
            conversation BLOB PRIMARY KEY,
            seq INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

pub(crate) fn all(db: &Connection) -> rusqlite::Result<Vec<(ConversationId, Seq)>> {
    let mut statement = db.prepare("SELECT conversation, seq FROM main.read_mark")?;
    let rows =
        statement.query_map([], |row| Ok((ConversationId::from(row.get::<_, [u8; 16]>(0)?), Seq(row.get(1)?))))?;
    rows.collect()
}

pub(crate) fn set(db: &Connection, conversation: ConversationId, seq: Seq) -> rusqlite::Result<()> {
    let sql = "INSERT INTO main.read_mark VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = max(seq, ?2)";
    db.prepare_cached(sql)?.execute(params![conversation.as_bytes(), seq.0]).map(drop)
}

pub(crate) fn clear(db: &Connection, conversation: ConversationId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM main.read_mark WHERE conversation = ?";
    db.prepare_cached(sql)?.execute([conversation.as_bytes()]).map(drop)
}
