//! Items: messages and notices with every later change applied, and their words in the full-text index.
//!
//! Of two copies of an item the one with the higher `rev` wins, so pages, windows and events may come in any order.

use fil_protocol::{AccountId, ConversationId, Item, ItemBody, MessageId, Seq};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use super::deletion;

macro_rules! table {
    () => {
        "CREATE TABLE item (
            id INTEGER PRIMARY KEY,                -- also the row of item_fts
            conversation BLOB NOT NULL,
            seq INTEGER NOT NULL,
            rev INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            author BLOB NOT NULL,
            message BLOB,
            sent INTEGER,
            body TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX item_by_seq ON item (conversation, seq);
        CREATE UNIQUE INDEX item_by_message ON item (message, conversation) WHERE message IS NOT NULL;
        CREATE VIRTUAL TABLE item_fts USING fts5
            (words, content = '', contentless_delete = 1, tokenize = 'ascii', prefix = '2 3');
        INSERT INTO item_fts (item_fts, rank) VALUES ('secure-delete', 1);"
    };
}
pub(super) use table;

// Version 2. Ids of messages are ordered by time and a pull brings a month of one conversation, so an index by message
// alone had every row of it go to another page: four fifths of what a catch-up wrote.
macro_rules! index_by_conversation {
    () => {
        "DROP INDEX item_by_message;
        CREATE UNIQUE INDEX item_by_message ON item (conversation, message) WHERE message IS NOT NULL;"
    };
}
pub(super) use index_by_conversation;

/// The columns that [`read`] takes.
pub(crate) const ITEM: &str = "seq, rev, at_ms, author, body";

/// Reads an item selected with [`ITEM`].
pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Item> {
    Ok(Item {
        seq: Seq(row.get(0)?),
        rev: Seq(row.get(1)?),
        at_ms: row.get(2)?,
        author: AccountId::from(row.get::<_, [u8; 16]>(3)?),
        body: body(row, 4)?,
    })
}

/// Reads a body from a column.
pub(crate) fn body(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<ItemBody> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The item with this number.
pub(crate) fn get(db: &Connection, conversation: ConversationId, seq: Seq) -> rusqlite::Result<Option<Item>> {
    let sql = format!("SELECT {ITEM} FROM cache.item WHERE conversation = ? AND seq = ?");
    db.prepare_cached(&sql)?.query_row(params![conversation.as_bytes(), seq.0], read).optional()
}

/// Stores an item unless a newer copy of it is there. Answers whether it was stored.
pub(crate) fn put(db: &Connection, conversation: ConversationId, item: &Item) -> rusqlite::Result<bool> {
    let id = conversation.as_bytes();
    let known: Option<(i64, u64)> = db
        .prepare_cached("SELECT id, rev FROM cache.item WHERE conversation = ? AND seq = ?")?
        .query_row(params![id, item.seq.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if known.is_some_and(|(_, rev)| rev >= item.rev.0) {
        return Ok(false);
    }
    let body = serde_json::to_string(&item.body).expect("items are plain data, which always encode");
    let row = match known {
        Some((row, _)) => {
            unindex(db, row)?;
            db.prepare_cached("UPDATE cache.item SET rev = ?, body = ? WHERE id = ?")?
                .execute(params![item.rev.0, body, row])?;
            row
        }
        None => {
            let message = item.body.message();
            let message = message.as_ref().map(MessageId::as_bytes);
            // A message has one number. A second one with its id is a server's mistake: it is left out, because refusing it
            // would refuse everything that comes with it, now and after every new connection.
            let sql = "INSERT INTO cache.item (conversation, seq, rev, at_ms, author, message, sent, body)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                       ON CONFLICT (message, conversation) WHERE message IS NOT NULL DO NOTHING";
            let stored = db.prepare_cached(sql)?.execute(params![
                id,
                item.seq.0,
                item.rev.0,
                item.at_ms,
                item.author.as_bytes(),
                message,
                sent(&item.body),
                body
            ])?;
            if stored == 0 {
                return Ok(false);
            }
            db.last_insert_rowid()
        }
    };
    match &item.body {
        ItemBody::Message { text, .. } => index(db, row, text)?,
        ItemBody::Deleted { .. } => deletion::insert(db, conversation, item.seq)?,
        ItemBody::Created { .. } | ItemBody::Membership { .. } | ItemBody::Title { .. } => {}
    }
    Ok(true)
}

/// Stores an item only where an older copy of it is there.
pub(crate) fn refresh(db: &Connection, conversation: ConversationId, item: &Item) -> rusqlite::Result<()> {
    if get(db, conversation, item.seq)?.is_some() {
        put(db, conversation, item)?;
    }
    Ok(())
}

/// The ordinal of an item that has one.
fn sent(body: &ItemBody) -> Option<u64> {
    match body {
        ItemBody::Message { sent, .. } | ItemBody::Deleted { sent, .. } => Some(*sent),
        ItemBody::Created { .. } | ItemBody::Membership { .. } | ItemBody::Title { .. } => None,
    }
}

/// How many messages were sent up to this number, as far as the cache knows.
pub(crate) fn sent_up_to(db: &Connection, conversation: ConversationId, seq: Seq) -> rusqlite::Result<u64> {
    let sql = "SELECT sent FROM cache.item WHERE conversation = ? AND seq <= ? AND sent IS NOT NULL
               ORDER BY seq DESC LIMIT 1";
    let sent =
        db.prepare_cached(sql)?.query_row(params![conversation.as_bytes(), seq.0], |row| row.get(0)).optional()?;
    Ok(sent.unwrap_or(0))
}

/// Drops the items below a number.
pub(crate) fn drop_below(db: &Connection, conversation: ConversationId, floor: Seq) -> rusqlite::Result<()> {
    drop_where(db, conversation, "seq < ?2", floor)
}

/// Drops the items above a number.
pub(crate) fn drop_above(db: &Connection, conversation: ConversationId, ceiling: Seq) -> rusqlite::Result<()> {
    drop_where(db, conversation, "seq > ?2", ceiling)
}

fn drop_where(db: &Connection, conversation: ConversationId, rule: &str, seq: Seq) -> rusqlite::Result<()> {
    let chosen = format!("conversation = ?1 AND {rule}");
    let id = conversation.as_bytes();
    let rows = format!("SELECT id FROM cache.item WHERE {chosen}");
    db.execute(&format!("DELETE FROM cache.item_fts WHERE rowid IN ({rows})"), params![id, seq.0])?;
    db.execute(&format!("DELETE FROM cache.item WHERE {chosen}"), params![id, seq.0]).map(drop)
}

fn index(db: &Connection, row: i64, text: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.item_fts (rowid, words) VALUES (?, ?)";
    db.prepare_cached(sql)?.execute(params![row, fil_words::index(text)]).map(drop)
}

fn unindex(db: &Connection, row: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM cache.item_fts WHERE rowid = ?")?.execute([row]).map(drop)
}
