//! Commands that the screen draws over the server's rows.
//!
//! Those that wait, those that were refused, and those that were applied as an event which is not in the cache yet.
//! A journal row whose event the cache has passed is history, whether or not the item is still kept.

use fil_protocol::{ConversationId, MessageId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::local::command::{WRITTEN, Written};

/// Whether the cache does not show yet what a row became.
const UNSEEN: &str = "(state <> 'settled' OR seq > coalesce(
    (SELECT cursor FROM cache.conversation WHERE id = command.conversation), 0))";

/// The rows to draw in one conversation, in the order of pressing send.
pub(crate) fn unseen(db: &Connection, conversation: ConversationId) -> rusqlite::Result<Vec<Written>> {
    let sql = format!("SELECT {WRITTEN} FROM main.command WHERE conversation = ? AND {UNSEEN} ORDER BY row");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([conversation.as_bytes()], Written::read)?;
    rows.collect()
}

/// The rows to draw in all conversations, in the order of pressing send.
pub(crate) fn all_unseen(db: &Connection) -> rusqlite::Result<Vec<Written>> {
    let sql = format!("SELECT {WRITTEN} FROM main.command WHERE {UNSEEN} ORDER BY row");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], Written::read)?;
    rows.collect()
}

/// The refused row of a message.
pub(crate) fn rejected(
    db: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> rusqlite::Result<Option<Written>> {
    let sql = format!(
        "SELECT {WRITTEN} FROM main.command WHERE conversation = ? AND message = ? AND state = 'rejected' ORDER BY row"
    );
    db.prepare_cached(&sql)?.query_row(params![conversation.as_bytes(), message.as_bytes()], Written::read).optional()
}

/// How many messages were refused and await a decision.
pub(crate) fn rejected_count(db: &Connection) -> rusqlite::Result<u32> {
    let sql = "SELECT count(*) FROM main.command WHERE state = 'rejected' AND message IS NOT NULL";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}
