//! Events.

use fil_protocol::{ConversationId, Event, EventBody, KnownEvent, MessageId, Seq};
use rusqlite::{Row, params};

use super::columns::{from_json, id, int, limit, number, seq, to_json};
use super::error::{exists, found};
use super::organisation::Organisation;
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
            Some(KnownEvent::Edit { target, .. }) => Some(seq(*target)),
            _ => None,
        };
        self.sql(
            "INSERT INTO event (organisation, conversation, seq, at_ms, author, target, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            self.number,
            conversation.as_bytes(),
            seq(event.seq),
            int(event.at_ms),
            event.author.as_bytes(),
            target,
            to_json(&event.body)?
        ])
        .map_err(exists("event"))?;
        Ok(())
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

fn event_row(row: &Row<'_>) -> Result<Event, StoreError> {
    let body: EventBody = from_json(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?;
    Ok(Event { seq: Seq(number(row, 0)?), at_ms: number(row, 1)?, author: id(row, 2)?, body })
}
