//! Conversations: kind, title, cursor, and how far the account has read.

use fil_protocol::{ConversationEntry, ConversationId, ConversationKind, Position, Seq};
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE conversation (
            id BLOB PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
            title TEXT,
            cursor INTEGER,                        -- the last event that is stored; none if nothing is
            sent INTEGER NOT NULL DEFAULT 0,       -- messages up to the cursor
            read_seq INTEGER NOT NULL DEFAULT 0,
            read_sent INTEGER NOT NULL DEFAULT 0,
            changed_at_ms INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

/// How a kind is stored.
pub(crate) fn kind_text(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    }
}

/// The kind behind its text.
pub(crate) fn kind_from(text: &str) -> ConversationKind {
    if text == "direct" { ConversationKind::Direct } else { ConversationKind::Group }
}

/// All conversations with their cursors.
pub(crate) fn cursors(db: &Connection) -> rusqlite::Result<Vec<(ConversationId, Option<Seq>)>> {
    let mut statement = db.prepare("SELECT id, cursor FROM cache.conversation")?;
    let rows = statement.query_map([], |row| {
        Ok((ConversationId::from(row.get::<_, [u8; 16]>(0)?), row.get::<_, Option<u64>>(1)?.map(Seq)))
    })?;
    rows.collect()
}

/// The cursor of one.
pub(crate) fn cursor(db: &Connection, id: ConversationId) -> rusqlite::Result<Option<Seq>> {
    let mut statement = db.prepare_cached("SELECT cursor FROM cache.conversation WHERE id = ?")?;
    let mut rows = statement.query([id.as_bytes()])?;
    match rows.next()? {
        Some(row) => Ok(row.get::<_, Option<u64>>(0)?.map(Seq)),
        None => Ok(None),
    }
}

/// What a conversation is, from its first event or a window.
pub(crate) fn describe(
    db: &Connection,
    id: ConversationId,
    kind: ConversationKind,
    title: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.conversation (id, kind, title) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET kind = ?2, title = ?3";
    db.prepare_cached(sql)?.execute(params![id.as_bytes(), kind_text(kind), title]).map(drop)
}

/// What the account stream says about it.
pub(crate) fn enter(db: &Connection, entry: &ConversationEntry) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.conversation (id, kind, read_seq, read_sent) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET read_seq = max(read_seq, ?3), read_sent = max(read_sent, ?4)";
    let Position { seq, sent } = entry.read;
    db.prepare_cached(sql)?
        .execute(params![entry.conversation.as_bytes(), kind_text(entry.kind), seq.0, sent])
        .map(drop)
}

pub(crate) fn set_title(db: &Connection, id: ConversationId, title: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE cache.conversation SET title = ? WHERE id = ?", params![title, id.as_bytes()]).map(drop)
}

/// The cursor moves. `sent` and `at_ms` only grow.
pub(crate) fn advance(db: &Connection, id: ConversationId, cursor: Seq, sent: u64, at_ms: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE cache.conversation
               SET cursor = ?2, sent = max(sent, ?3), changed_at_ms = max(changed_at_ms, ?4) WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![id.as_bytes(), cursor.0, sent, at_ms]).map(drop)
}

/// The account has read this far: it wrote the message itself.
pub(crate) fn read_to(db: &Connection, id: ConversationId, position: Position) -> rusqlite::Result<()> {
    let sql = "UPDATE cache.conversation SET read_seq = ?2, read_sent = ?3 WHERE id = ?1 AND read_seq < ?2";
    db.prepare_cached(sql)?.execute(params![id.as_bytes(), position.seq.0, position.sent]).map(drop)
}

/// Every trace goes.
pub(crate) fn forget(db: &Connection, id: ConversationId) -> rusqlite::Result<()> {
    let id = id.as_bytes();
    db.execute("DELETE FROM cache.item_fts WHERE rowid IN (SELECT id FROM cache.item WHERE conversation = ?)", [id])?;
    for table in ["item", "member", "deletion", "kept_range", "unknown_event"] {
        db.execute(&format!("DELETE FROM cache.{table} WHERE conversation = ?"), [id])?;
    }
    db.execute("DELETE FROM cache.conversation WHERE id = ?", [id]).map(drop)
}
