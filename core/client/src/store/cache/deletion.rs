//! Numbers of deleted messages: what the unread count takes off.

use fil_protocol::{ConversationId, Seq};
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE deletion (
            conversation BLOB NOT NULL,
            seq INTEGER NOT NULL,
            PRIMARY KEY (conversation, seq)
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

pub(crate) fn insert(db: &Connection, conversation: ConversationId, seq: Seq) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.deletion VALUES (?, ?) ON CONFLICT DO NOTHING";
    db.prepare_cached(sql)?.execute(params![conversation.as_bytes(), seq.0]).map(drop)
}

/// How many messages in `(after, up_to]` are deleted.
pub(crate) fn count(db: &Connection, conversation: ConversationId, after: Seq, up_to: Seq) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM cache.deletion WHERE conversation = ? AND seq > ? AND seq <= ?";
    db.prepare_cached(sql)?.query_row(params![conversation.as_bytes(), after.0, up_to.0], |row| row.get(0))
}
