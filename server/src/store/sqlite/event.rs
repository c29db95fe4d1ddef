//! Events.

use fil_protocol::{AccountId, ConversationId, Event, EventBody, KnownEvent, MessageId, Seq};
use rusqlite::{Connection, Row, Statement, params};

use super::columns::{from_json, id, int, limit, number, seq, to_json};
use super::error::{exists, found};
use super::organisation::Organisation;
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

/// What a frame adds to an event's body, about: number, time, author.
const ENVELOPE_BYTES: usize = 96;

impl ReadEvents for Organisation<'_> {
    fn events_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        events_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let mut statement = self.sql(
            "SELECT seq, at_ms, author, body FROM event
             WHERE organisation = ?1 AND conversation = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
        )?;
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
        let mut statement = self.sql(
            "SELECT seq, at_ms, author, body FROM event WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3",
        )?;
        let mut rows = statement.query(params![self.number, conversation.as_bytes(), seq(at)])?;
        rows.next()?.map(event_row).transpose()
    }
}

impl WriteEvents for Organisation<'_> {
    fn append_event(&self, conversation: ConversationId, event: &Event) -> Result<(), StoreError> {
        let target = match event.known() {
            Some(KnownEvent::Edit { target, .. }) => Some(*target),
            _ => None,
        };
        let new = NewEvent { at_ms: event.at_ms, author: event.author, target, body: to_json(&event.body)? };
        let key = (self.number, conversation, event.seq);
        // Above the head there is no event but one that waits.
        let kept = self.working.conversations.borrow().get(&(self.number, conversation));
        let is_next = kept.is_some_and(|row| row.head.seq < event.seq);
        if is_next && self.working.events.borrow().get(&key).is_none() {
            self.working.events.borrow_mut().put(key, new);
            return Ok(());
        }
        new.insert(&mut *self.sql(INSERT)?, self.number, conversation, event.seq)
    }

    fn bury_message(
        &self,
        conversation: ConversationId,
        message: MessageId,
        at: Seq,
        sent: u64,
    ) -> Result<(), StoreError> {
        let of_message = to_json(&KnownEvent::Tombstone { message, sent: Some(sent) })?;
        let of_edit = to_json(&KnownEvent::Tombstone { message, sent: None })?;
        let rows = self
            .sql("UPDATE event SET body = ?4 WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3")?
            .execute(params![self.number, conversation.as_bytes(), seq(at), of_message])?;
        found("event", rows)?;
        self.sql("UPDATE event SET body = ?4 WHERE organisation = ?1 AND conversation = ?2 AND target = ?3")?
            .execute(params![self.number, conversation.as_bytes(), seq(at), of_edit])?;
        Ok(())
    }
}

/// An event as it is appended.
pub(super) struct NewEvent {
    at_ms: u64,
    author: AccountId,
    target: Option<Seq>,
    body: String,
}

const INSERT: &str = "INSERT INTO event (organisation, conversation, seq, at_ms, author, target, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl NewEvent {
    fn insert(
        &self,
        statement: &mut Statement<'_>,
        number: Number,
        conversation: ConversationId,
        at: Seq,
    ) -> Result<(), StoreError> {
        let values = params![
            number,
            conversation.as_bytes(),
            seq(at),
            int(self.at_ms),
            self.author.as_bytes(),
            self.target.map(seq),
            self.body
        ];
        statement.execute(values).map_err(exists("event"))?;
        Ok(())
    }
}

/// Writes an event.
pub(super) fn insert(
    connection: &Connection,
    number: Number,
    conversation: ConversationId,
    at: Seq,
    new: &NewEvent,
) -> Result<(), StoreError> {
    new.insert(&mut *connection.prepare_cached(INSERT)?, number, conversation, at)
}

fn event_row(row: &Row<'_>) -> Result<Event, StoreError> {
    let body: EventBody = from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?;
    Ok(Event { seq: Seq(number(row, 0)?), at_ms: number(row, 1)?, author: id(row, 2)?, body })
}
