//! Events, each in one row with the item that it makes.

use fil_protocol::{ConversationId, Event, EventBody, Item, ItemBody, KnownEvent, Seq};
use rusqlite::{Row, Statement, params};

use super::columns::{from_json, id, int, limit, number, seq, to_json};
use super::error::exists;
use super::item::scope;
use super::organisation::Organisation;
use super::words::WordsChange;
use super::working::Number;
use crate::store::{ReadEvents, StoreError, WriteEvents};

/// Version 1. `target` is the message that an edit belongs to, so that a deletion finds the edits.
pub(super) const TABLES: &str = "
    CREATE TABLE event (
        organisation INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author BLOB NOT NULL,
        target INTEGER,
        body TEXT NOT NULL,
        PRIMARY KEY (organisation, conversation, seq),
        FOREIGN KEY (organisation, conversation) REFERENCES conversation (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_of_target ON event (organisation, conversation, target) WHERE target IS NOT NULL;
";

/// Version 3: an event and the item that it makes are one row. As two rows in two tables every message was written twice,
/// and three of the six trees that it touched had a page of their own for each conversation.
///
/// - `document` is the order in which events were stored; hits are newest first by it. Rows are appended, whichever
///   conversation they belong to.
/// - `rev` is there where the event made an item, and grows with the events that touch it. `item` is what the item shows
///   once that is no longer what the event says.
/// - Items and other events are in two indexes, so that a page of items does not read over the edits between them.
pub(super) const WITH_ITEMS: &str = "
    ALTER TABLE event RENAME TO event_alone;
    DROP INDEX event_of_target;
    CREATE TABLE event (
        document INTEGER PRIMARY KEY,
        organisation INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author BLOB NOT NULL,
        target INTEGER,
        message BLOB,
        sent INTEGER,
        rev INTEGER,
        item TEXT,
        body TEXT NOT NULL,
        FOREIGN KEY (organisation, conversation) REFERENCES conversation (organisation, id)
    ) STRICT;
    INSERT INTO event
        SELECT i.document, e.organisation, e.conversation, e.seq, e.at_ms, e.author, e.target, i.message, i.sent, i.rev,
               iif(i.rev > i.seq, i.body, NULL), e.body
        FROM item i JOIN event_alone e
            ON e.organisation = i.organisation AND e.conversation = i.conversation AND e.seq = i.seq
        ORDER BY i.document;
    INSERT INTO event (organisation, conversation, seq, at_ms, author, target, body)
        SELECT e.organisation, e.conversation, e.seq, e.at_ms, e.author, e.target, e.body
        FROM event_alone e LEFT JOIN item i
            ON i.organisation = e.organisation AND i.conversation = e.conversation AND i.seq = e.seq
        WHERE i.document IS NULL;
    DROP TABLE item;
    DROP TABLE event_alone;
    CREATE UNIQUE INDEX event_with_item ON event (organisation, conversation, seq) WHERE rev IS NOT NULL;
    CREATE UNIQUE INDEX event_alone ON event (organisation, conversation, seq) WHERE rev IS NULL;
    CREATE INDEX event_of_target ON event (organisation, conversation, target) WHERE target IS NOT NULL;
    CREATE UNIQUE INDEX event_message ON event (message, organisation, conversation) WHERE message IS NOT NULL;
    CREATE INDEX event_touched ON event (organisation, conversation, rev) WHERE rev > seq;
";

/// What a frame adds to an event's body, about: number, time, author.
const ENVELOPE_BYTES: usize = 96;

/// The log of a conversation after a number, out of both indexes.
pub(super) const AFTER: &str = "
    SELECT seq, at_ms, author, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND seq > ?3 AND rev IS NOT NULL
    UNION ALL
    SELECT seq, at_ms, author, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND seq > ?3 AND rev IS NULL
    ORDER BY seq LIMIT ?4";

const ONE: &str = "
    SELECT seq, at_ms, author, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3 AND rev IS NOT NULL
    UNION ALL
    SELECT seq, at_ms, author, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3 AND rev IS NULL";

impl ReadEvents for Organisation<'_> {
    fn events_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        events_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let mut statement = self.sql(AFTER)?;
        let mut rows = statement.query(params![
            self.number,
            conversation.as_bytes(),
            seq(after),
            limit(events_max.saturating_add(1))
        ])?;
        let mut events = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            bytes += row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?.len() + ENVELOPE_BYTES;
            if events.len() == events_max || bytes > bytes_max {
                return Ok(None);
            }
            events.push(event_row(row)?);
        }
        Ok(Some(events))
    }

    fn event(&self, conversation: ConversationId, at: Seq) -> Result<Option<Event>, StoreError> {
        let mut statement = self.sql(ONE)?;
        let mut rows = statement.query(params![self.number, conversation.as_bytes(), seq(at)])?;
        rows.next()?.map(event_row).transpose()
    }
}

impl WriteEvents for Organisation<'_> {
    fn append_event(&self, conversation: ConversationId, event: &Event) -> Result<(), StoreError> {
        let key = (self.number, conversation, event.seq);
        // Above the head there is no event but one that waits.
        let kept = self.working.conversations.borrow().get(&(self.number, conversation));
        let is_next = kept.is_some_and(|row| row.head.seq < event.seq);
        if is_next && !self.working.is_appended(&key) {
            self.working.append(key, event.clone());
            return Ok(());
        }
        if self.event(conversation, event.seq)?.is_some() {
            return Err(StoreError::Exists("event"));
        }
        let words = insert(&mut *self.sql(INSERT)?, self.number, conversation, event)?;
        words.into_iter().for_each(|words| self.working.index(words));
        Ok(())
    }

    fn bury_message(&self, conversation: ConversationId, deleted: &Item) -> Result<(), StoreError> {
        let ItemBody::Deleted { id: message, sent } = deleted.body else {
            return Err(StoreError::Missing("deleted message"));
        };
        // First, because the words that leave the index are read from the event.
        self.set_item(conversation, deleted)?;
        let of_message = to_json(&KnownEvent::Tombstone { message, sent: Some(sent) })?;
        let of_edit = to_json(&KnownEvent::Tombstone { message, sent: None })?;
        let at = seq(deleted.seq);
        self.sql(
            "UPDATE event SET body = ?4
             WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3 AND rev IS NOT NULL",
        )?
        .execute(params![self.number, conversation.as_bytes(), at, of_message])?;
        self.sql("UPDATE event SET body = ?4 WHERE organisation = ?1 AND conversation = ?2 AND target = ?3")?
            .execute(params![self.number, conversation.as_bytes(), at, of_edit])?;
        Ok(())
    }
}

impl Organisation<'_> {
    /// Changes what an item shows, and the index of words with it.
    pub(super) fn set_item(&self, conversation: ConversationId, item: &Item) -> Result<(), StoreError> {
        let (document, before): (i64, ItemBody) = {
            let mut statement = self.sql(
                "SELECT document, item, body FROM event
                 WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3 AND rev IS NOT NULL",
            )?;
            let mut rows = statement.query(params![self.number, conversation.as_bytes(), seq(item.seq)])?;
            let row = rows.next()?.ok_or(StoreError::Missing("item"))?;
            (row.get(0)?, item_body(row, 1)?)
        };
        let scope = || scope(self.number, conversation);
        if let ItemBody::Message { text, .. } = before {
            self.working.index(WordsChange::Remove { document, scope: scope(), text });
        }
        if let ItemBody::Message { text, .. } = &item.body {
            self.working.index(WordsChange::Add { document, scope: scope(), text: text.clone() });
        }
        self.sql("UPDATE event SET rev = ?3, item = ?4 WHERE organisation = ?1 AND document = ?2")?
            .execute(params![self.number, document, seq(item.rev), to_json(&item.body)?])?;
        Ok(())
    }
}

pub(super) const INSERT: &str =
    "INSERT INTO event (organisation, conversation, seq, at_ms, author, target, message, sent, rev, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Adds an event, by [`INSERT`]. What it adds to the index of words.
pub(super) fn insert(
    statement: &mut Statement<'_>,
    number: Number,
    conversation: ConversationId,
    event: &Event,
) -> Result<Option<WordsChange>, StoreError> {
    let target = match event.known() {
        Some(KnownEvent::Edit { target, .. }) => Some(seq(*target)),
        _ => None,
    };
    let item = event.known().and_then(ItemBody::from_event);
    let sent = match &item {
        Some(ItemBody::Message { sent, .. } | ItemBody::Deleted { sent, .. }) => Some(int(*sent)),
        _ => None,
    };
    let values = params![
        number,
        conversation.as_bytes(),
        seq(event.seq),
        int(event.at_ms),
        event.author.as_bytes(),
        target,
        item.as_ref().and_then(ItemBody::message).map(|message| *message.as_bytes()),
        sent,
        item.as_ref().map(|_| seq(event.seq)),
        to_json(&event.body)?
    ];
    let document = statement.insert(values).map_err(exists("event"))?;
    Ok(match item {
        Some(ItemBody::Message { text, .. }) => {
            Some(WordsChange::Add { document, scope: scope(number, conversation), text })
        }
        _ => None,
    })
}

fn event_row(row: &Row<'_>) -> Result<Event, StoreError> {
    let body: EventBody = from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?;
    Ok(Event { seq: Seq(number(row, 0)?), at_ms: number(row, 1)?, author: id(row, 2)?, body })
}

/// What an item shows, from two columns from `first` on: `item`, `body`.
pub(super) fn item_body(row: &Row<'_>, first: usize) -> Result<ItemBody, StoreError> {
    let changed = row.get_ref(first)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    if let Some(changed) = changed {
        return from_json(changed);
    }
    let event: KnownEvent = from_json(row.get_ref(first + 1)?.as_str().map_err(rusqlite::Error::from)?)?;
    ItemBody::from_event(&event).ok_or_else(|| StoreError::Damaged("an event that makes no item has one".to_owned()))
}
