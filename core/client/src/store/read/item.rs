//! Items: stretches of a timeline.

use fil_protocol::{AccountId, ConversationId, Item, MessageId, Seq};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::cache::item::{ITEM, read};

/// The items with a number in `low..=high`, oldest first.
pub(crate) fn between(
    db: &Connection,
    conversation: ConversationId,
    low: Seq,
    high: Seq,
) -> rusqlite::Result<Vec<Item>> {
    let sql = format!("SELECT {ITEM} FROM cache.item WHERE conversation = ? AND seq BETWEEN ? AND ? ORDER BY seq");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![conversation.as_bytes(), low.0, high.0], read)?;
    rows.collect()
}

/// The number of the `count`-th item going back from `high`, itself included; none if there are fewer above `low`.
pub(crate) fn nth_back(
    db: &Connection,
    conversation: ConversationId,
    low: Seq,
    high: Seq,
    count: u32,
) -> rusqlite::Result<Option<Seq>> {
    let sql = "SELECT seq FROM cache.item WHERE conversation = ? AND seq BETWEEN ? AND ?
               ORDER BY seq DESC LIMIT 1 OFFSET ?";
    db.prepare_cached(sql)?
        .query_row(params![conversation.as_bytes(), low.0, high.0, count.saturating_sub(1)], |row| row.get(0).map(Seq))
        .optional()
}

/// The first message of others after a number that is not deleted.
pub(crate) fn first_message_after(
    db: &Connection,
    me: AccountId,
    conversation: ConversationId,
    seq: Seq,
) -> rusqlite::Result<Option<Seq>> {
    let sql = "SELECT i.seq FROM cache.item i WHERE i.conversation = ?1 AND i.seq > ?2 AND i.sent IS NOT NULL
                 AND i.author <> ?3
                 AND NOT EXISTS (SELECT 1 FROM cache.deletion d WHERE d.conversation = ?1 AND d.seq = i.seq)
               ORDER BY i.seq LIMIT 1";
    db.prepare_cached(sql)?
        .query_row(params![conversation.as_bytes(), seq.0, me.as_bytes()], |row| row.get(0).map(Seq))
        .optional()
}

/// A message, wherever in the conversation it is.
pub(crate) fn message(
    db: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> rusqlite::Result<Option<Item>> {
    let sql = format!("SELECT {ITEM} FROM cache.item WHERE message = ? AND conversation = ?");
    db.prepare_cached(&sql)?.query_row(params![message.as_bytes(), conversation.as_bytes()], read).optional()
}
