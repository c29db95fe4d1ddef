//! Full-text search in the messages that are kept.

use fil_protocol::{ConversationId, Item};
use rusqlite::{Connection, params};

use crate::store::cache::item::read;

/// Hits that are looked at, the last that came into the cache first.
///
/// A word that is in every other message would otherwise read half the cache before the newest hits were known. What
/// came last is almost always what is newest; a page of history that was fetched later is sorted into its place.
const CANDIDATES_MAX: i64 = 2_000;

/// The newest messages that match an expression of `fil_words::query`, newest first, at most `limit`.
pub(crate) fn matching(
    db: &Connection,
    expression: &str,
    conversation: Option<ConversationId>,
    limit: usize,
) -> rusqlite::Result<Vec<(ConversationId, Item)>> {
    let wanted = conversation.as_ref().map(ConversationId::as_bytes);
    let read = |row: &rusqlite::Row<'_>| Ok((ConversationId::from(row.get::<_, [u8; 16]>(5)?), read(row)?));
    let sql = "WITH hit (id) AS MATERIALIZED (
                   SELECT i.id FROM cache.item_fts f JOIN cache.item i ON i.id = f.rowid
                   WHERE f.item_fts MATCH ?1 AND (?2 IS NULL OR i.conversation = ?2)
                   ORDER BY f.rowid DESC LIMIT ?4)
               SELECT i.seq, i.rev, i.at_ms, i.author, i.body, i.conversation
               FROM hit JOIN cache.item i ON i.id = hit.id
               ORDER BY i.at_ms DESC, i.seq DESC LIMIT ?3";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![expression, wanted, limit as i64, CANDIDATES_MAX], read)?;
    rows.collect()
}
