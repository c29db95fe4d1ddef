//! Full-text search in the messages that are kept.
//!
//! The index gives rows in the order in which they came into the cache, last first, and stops after as many as are
//! looked at; those are then put into the order of their time. What came last is almost always what is newest; a page
//! of history that was fetched later is sorted into its place.
//!
//! An index of word beginnings ends at three letters. Beyond it the index has to merge the rows of all words that begin
//! so before it can give the first, which took four fifths of the time for the commonest words of a million messages.
//! Such a query is tried with the words' beginnings first, whose hits are told apart here; the page is full at once
//! exactly where words are so common.

use fil_protocol::{ConversationId, Item, ItemBody};
use rusqlite::{Connection, params};

use crate::store::cache::item::read;

/// Hits that are looked at. A word that is in every other message would otherwise read half the cache before the
/// newest hits were known.
const CANDIDATES_MAX: i64 = 2_000;
/// Hits of the words' beginnings that are looked at: enough for a page of a common word, and little lost if it is rare.
const BEGINNINGS_MAX: i64 = 500;

/// The newest messages that have all words of a query (see `fil_words::query`), newest first, at most `limit`. None of
/// them if the query has no word.
pub(crate) fn matching(
    db: &Connection,
    query: &str,
    conversation: Option<ConversationId>,
    limit: usize,
) -> rusqlite::Result<Vec<(ConversationId, Item)>> {
    let Some(expression) = fil_words::query(query) else { return Ok(Vec::new()) };
    if let Some(beginnings) = fil_words::beginnings(query).filter(|_| conversation.is_none()) {
        let mut hits = looked_at(db, &beginnings, None, BEGINNINGS_MAX, usize::MAX)?;
        let contains = |item: &Item| match &item.body {
            ItemBody::Message { text, .. } => fil_words::contains(text, query),
            _ => false,
        };
        hits.retain(|(_, item)| contains(item));
        if hits.len() >= limit {
            hits.truncate(limit);
            return Ok(hits);
        }
    }
    looked_at(db, &expression, conversation, CANDIDATES_MAX, limit)
}

/// The newest among the `candidates` rows that came last.
fn looked_at(
    db: &Connection,
    expression: &str,
    conversation: Option<ConversationId>,
    candidates: i64,
    limit: usize,
) -> rusqlite::Result<Vec<(ConversationId, Item)>> {
    // The index knows no conversations, so within one every hit's row has to be looked up until there are enough.
    let hits = match conversation {
        None => "SELECT rowid FROM cache.item_fts WHERE item_fts MATCH ?1 ORDER BY rowid DESC LIMIT ?2",
        Some(_) => {
            "SELECT i.id FROM cache.item_fts f JOIN cache.item i ON i.id = f.rowid
             WHERE f.item_fts MATCH ?1 AND i.conversation = ?4 ORDER BY f.rowid DESC LIMIT ?2"
        }
    };
    let sql = format!(
        "WITH hit (id) AS MATERIALIZED ({hits})
         SELECT i.seq, i.rev, i.at_ms, i.author, i.body, i.conversation
         FROM hit JOIN cache.item i ON i.id = hit.id
         ORDER BY i.at_ms DESC, i.seq DESC LIMIT ?3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &rusqlite::Row<'_>| Ok((ConversationId::from(row.get::<_, [u8; 16]>(5)?), read(row)?));
    let mut statement = db.prepare_cached(&sql)?;
    match conversation.as_ref().map(ConversationId::as_bytes) {
        None => statement.query_map(params![expression, candidates, limit], read)?.collect(),
        Some(id) => statement.query_map(params![expression, candidates, limit, id], read)?.collect(),
    }
}
