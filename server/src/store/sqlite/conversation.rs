//! Conversations, and the numbers of their deleted messages.

use fil_protocol::{AccountId, ConversationId, ConversationRecord, Position, Seq};
use rusqlite::{OptionalExtension, Row, Statement, params};

use super::columns::{from_name, id, int, limit, number, seq, to_name};
use super::error::{exists, found};
use super::member::member_row;
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{ConversationRow, MemberRow, ReadConversations, StoreError, WriteConversations};

/// Version 1. The key begins with the organisation: an id chosen by a client of one organisation can neither collide
/// with nor reveal a conversation of another.
pub(super) const TABLES: &str = "
    CREATE TABLE conversation (
        organisation INTEGER NOT NULL REFERENCES organisation (number),
        id BLOB NOT NULL,
        kind TEXT NOT NULL,
        title TEXT,
        head INTEGER NOT NULL DEFAULT 0,
        sent INTEGER NOT NULL DEFAULT 0,
        last_at_ms INTEGER NOT NULL DEFAULT 0,
        changed INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (organisation, id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE deletion (
        organisation INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (organisation, conversation, seq),
        FOREIGN KEY (organisation, conversation) REFERENCES conversation (organisation, id)
    ) STRICT, WITHOUT ROWID;
";

impl ReadConversations for Organisation<'_> {
    fn conversation(&self, conversation: ConversationId) -> Result<Option<ConversationRow>, StoreError> {
        let key = (self.number, conversation);
        let kept = self.working.conversations.borrow().get(&key);
        if kept.is_some() {
            return Ok(kept);
        }
        let mut statement = self.glance(
            "SELECT id, kind, title, head, sent, last_at_ms, changed FROM conversation
             WHERE organisation = ?1 AND id = ?2",
        )?;
        let row = statement.query_row(params![self.number, conversation.as_bytes()], conversation_row).optional()?;
        if let Some(row) = &row {
            self.working.conversations.borrow_mut().keep(key, row.clone());
        }
        Ok(row)
    }

    fn conversations_of(&self, account: AccountId) -> Result<Vec<(ConversationRow, MemberRow)>, StoreError> {
        let mut statement = self.sql(
            "SELECT c.id, c.kind, c.title, c.head, c.sent, c.last_at_ms, c.changed,
                    m.member, m.role, m.since, m.read_seq, m.read_sent, m.rev
             FROM member m INDEXED BY member_of_account
             JOIN conversation c ON c.organisation = m.organisation AND c.id = m.conversation
             WHERE m.organisation = ?1 AND m.account = ?2 AND m.member
             ORDER BY c.changed DESC, c.id",
        )?;
        let rows = statement.query_map(params![self.number, account.as_bytes()], |row| {
            Ok((conversation_row(row)?, member_row(row, 7)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn sent_up_to(&self, conversation: ConversationId, up_to: Seq) -> Result<u64, StoreError> {
        let mut statement = self.sql(
            "SELECT sent FROM event
             WHERE organisation = ?1 AND conversation = ?2 AND seq <= ?3 AND rev IS NOT NULL AND sent IS NOT NULL
             ORDER BY seq DESC LIMIT 1",
        )?;
        let key = params![self.number, conversation.as_bytes(), seq(up_to)];
        Ok(statement.query_row(key, |row| number(row, 0)).optional()?.unwrap_or(0))
    }

    fn deleted_between(
        &self,
        conversation: ConversationId,
        after: Seq,
        before: Seq,
        numbers_max: usize,
    ) -> Result<Vec<Seq>, StoreError> {
        let mut statement = self.sql(
            "SELECT seq FROM deletion WHERE organisation = ?1 AND conversation = ?2 AND seq > ?3 AND seq < ?4
             ORDER BY seq DESC LIMIT ?5",
        )?;
        let key = params![self.number, conversation.as_bytes(), seq(after), seq(before), limit(numbers_max)];
        let rows = statement.query_map(key, |row| number(row, 0).map(Seq))?;
        let mut numbers = rows.collect::<Result<Vec<_>, _>>()?;
        numbers.reverse();
        Ok(numbers)
    }

    fn count_deleted_after(&self, conversation: ConversationId, after: Seq) -> Result<u64, StoreError> {
        let mut statement =
            self.sql("SELECT count(*) FROM deletion WHERE organisation = ?1 AND conversation = ?2 AND seq > ?3")?;
        Ok(statement.query_row(params![self.number, conversation.as_bytes(), seq(after)], |row| number(row, 0))?)
    }
}

impl WriteConversations for Organisation<'_> {
    fn create_conversation(&self, record: &ConversationRecord) -> Result<(), StoreError> {
        self.sql("INSERT INTO conversation (organisation, id, kind, title) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.number, record.conversation.as_bytes(), to_name(&record.kind)?, record.title])
            .map_err(exists("conversation"))?;
        Ok(())
    }

    fn advance(&self, conversation: ConversationId, head: Position, at_ms: u64) -> Result<(), StoreError> {
        let row = self.conversation(conversation)?.ok_or(StoreError::Missing("conversation"))?;
        let row = ConversationRow { head, last_at_ms: at_ms, changed: self.working.change(), ..row };
        self.working.conversations.borrow_mut().put((self.number, conversation), row);
        Ok(())
    }

    fn set_title(&self, conversation: ConversationId, title: &str) -> Result<(), StoreError> {
        let rows = self
            .sql("UPDATE conversation SET title = ?3 WHERE organisation = ?1 AND id = ?2")?
            .execute(params![self.number, conversation.as_bytes(), title])?;
        found("conversation", rows)
    }

    fn record_deletion(&self, conversation: ConversationId, deleted: Seq) -> Result<(), StoreError> {
        self.sql("INSERT INTO deletion (organisation, conversation, seq) VALUES (?1, ?2, ?3)")?
            .execute(params![self.number, conversation.as_bytes(), seq(deleted)])
            .map_err(exists("deletion"))?;
        Ok(())
    }
}

/// The counters of a conversation.
pub(super) const UPDATE: &str = "UPDATE conversation SET head = ?3, sent = ?4, last_at_ms = ?5, changed = ?6
    WHERE organisation = ?1 AND id = ?2";

/// Writes them, by [`UPDATE`].
pub(super) fn update(statement: &mut Statement<'_>, number: Number, row: &ConversationRow) -> Result<(), StoreError> {
    let rows = statement.execute(params![
        number,
        row.record.conversation.as_bytes(),
        seq(row.head.seq),
        int(row.head.sent),
        int(row.last_at_ms),
        int(row.changed)
    ])?;
    found("conversation", rows)
}

fn conversation_row(row: &Row<'_>) -> rusqlite::Result<ConversationRow> {
    Ok(ConversationRow {
        record: ConversationRecord {
            conversation: id(row, 0)?,
            kind: from_name(row.get_ref(1)?.as_str()?)?,
            title: row.get(2)?,
        },
        head: Position { seq: Seq(number(row, 3)?), sent: number(row, 4)? },
        last_at_ms: number(row, 5)?,
        changed: number(row, 6)?,
    })
}
