//! Kept ranges: which numbers of a conversation the cache has every item of.
//!
//! Ranges are disjoint, never touch, and both ends belong to them. Because numbers have no gap, "is there something
//! missing between these two messages" is a question about integers, not about opaque page tokens.

use fil_protocol::{ConversationId, Seq};
use rusqlite::{Connection, OptionalExtension, params};

macro_rules! table {
    () => {
        "CREATE TABLE kept_range (
            conversation BLOB NOT NULL,
            low INTEGER NOT NULL,
            high INTEGER NOT NULL CHECK (high >= low),
            PRIMARY KEY (conversation, low)
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

/// Adds `low..=high`, merging what it overlaps or touches.
pub(crate) fn add(db: &Connection, conversation: ConversationId, low: Seq, high: Seq) -> rusqlite::Result<()> {
    if high < low {
        return Ok(());
    }
    let id = conversation.as_bytes();
    let touching = "conversation = ?1 AND low <= ?3 + 1 AND high >= ?2 - 1";
    let merged: (u64, u64) = db
        .prepare_cached(&format!(
            "SELECT min(coalesce(min(low), ?2), ?2), max(coalesce(max(high), ?3), ?3)
             FROM cache.kept_range WHERE {touching}"
        ))?
        .query_row(params![id, low.0, high.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(&format!("DELETE FROM cache.kept_range WHERE {touching}"))?
        .execute(params![id, low.0, high.0])?;
    db.prepare_cached("INSERT INTO cache.kept_range VALUES (?, ?, ?)")?
        .execute(params![id, merged.0, merged.1])
        .map(drop)
}

/// Nothing below `floor` is kept any more.
pub(crate) fn drop_below(db: &Connection, conversation: ConversationId, floor: Seq) -> rusqlite::Result<()> {
    let id = conversation.as_bytes();
    db.execute("DELETE FROM cache.kept_range WHERE conversation = ? AND high < ?", params![id, floor.0])?;
    let sql = "UPDATE cache.kept_range SET low = ?2 WHERE conversation = ?1 AND low < ?2";
    db.execute(sql, params![id, floor.0]).map(drop)
}

/// Nothing above `ceiling` is kept any more.
pub(crate) fn drop_above(db: &Connection, conversation: ConversationId, ceiling: Seq) -> rusqlite::Result<()> {
    let id = conversation.as_bytes();
    db.execute("DELETE FROM cache.kept_range WHERE conversation = ? AND low > ?", params![id, ceiling.0])?;
    let sql = "UPDATE cache.kept_range SET high = ?2 WHERE conversation = ?1 AND high > ?2";
    db.execute(sql, params![id, ceiling.0]).map(drop)
}

/// The range that holds this number.
pub(crate) fn around(db: &Connection, conversation: ConversationId, seq: Seq) -> rusqlite::Result<Option<(Seq, Seq)>> {
    let sql = "SELECT low, high FROM cache.kept_range WHERE conversation = ?1 AND low <= ?2 AND high >= ?2";
    db.prepare_cached(sql)?
        .query_row(params![conversation.as_bytes(), seq.0], |row| Ok((Seq(row.get(0)?), Seq(row.get(1)?))))
        .optional()
}
