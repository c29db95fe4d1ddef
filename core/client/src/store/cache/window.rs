//! Applying windows and history pages: many items at once, as of some event.

use fil_protocol::http::HistoryPage;
use fil_protocol::{ConversationId, Seq, Window};
use rusqlite::Connection;

use super::{conversation, deletion, item, member, range};

/// Applies a window: it becomes the newest kept range and its head the cursor.
pub(crate) fn apply(db: &Connection, window: &Window) -> rusqlite::Result<()> {
    let id = window.record.conversation;
    let Window { record, members, items, from, as_of, changed, reset, deleted } = window;
    conversation::describe(db, id, record.kind, record.title.as_deref())?;
    member::replace(db, id, members)?;
    conversation::count_members(db, id)?;
    if *reset {
        item::drop_below(db, id, *from)?;
        range::drop_below(db, id, *from)?;
    }
    // Beyond the server's head is only what a restored server has lost.
    item::drop_above(db, id, as_of.seq)?;
    range::drop_above(db, id, as_of.seq)?;
    for item in items {
        item::put(db, id, item)?;
    }
    for item in changed {
        item::refresh(db, id, item)?;
    }
    for seq in deleted {
        deletion::insert(db, id, *seq)?;
    }
    range::add(db, id, *from, as_of.seq)?;
    let at_ms = items.last().map_or(0, |item| item.at_ms);
    conversation::advance(db, id, as_of.seq, as_of.sent, at_ms)
}

/// Merges a page of older items that lie in `page.from..before`, unless the page is older than the cursor: an edit
/// that the cache has passed over, because it did not have the message, would be missing from it.
pub(crate) fn merge(db: &Connection, id: ConversationId, before: Seq, page: &HistoryPage) -> rusqlite::Result<bool> {
    let Some(cursor) = conversation::cursor(db, id)? else { return Ok(false) };
    if page.as_of < cursor {
        return Ok(false);
    }
    // What lies beyond the cursor comes as events, or with a window, which does not repeat what changed there.
    let last = before.previous().min(cursor);
    for item in page.items.iter().filter(|item| item.seq <= last) {
        item::put(db, id, item)?;
    }
    range::add(db, id, page.from, last)?;
    conversation::summarise(db, id)?;
    Ok(true)
}
