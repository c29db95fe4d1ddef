//! Items, which lie in the rows of their events, and the index of their words.

use fil_protocol::{AccountId, ConversationId, Item, MessageId, Seq};
use rusqlite::{Row, params};

use super::columns::{id, int, limit, number, seq};
use super::event::item_body;
use super::organisation::Organisation;
use super::working::Number;
use crate::store::{Hit, HitNumber, ReadItems, StoreError, WriteItems};

/// Version 1; since version 3 items lie in the rows of their events ([`super::event::WITH_ITEMS`]), and the index of words
/// is as it was.
///
/// - `document` is the order in which messages were stored; hits are newest first by it.
/// - Only items that a later event touched are in `item_touched`, so sending a message does not write it.
/// - The index keeps no text. `scope` holds the organisation and the conversation as terms, so a search inside one of
///   them intersects two lists instead of reading hits of all others. `secure-delete` takes removed terms out of the
///   index at once. `fil_words::index` of the text must give the terms that were added, or they would stay: whoever
///   changes it rebuilds this table in the same version.
pub(super) const TABLES: &str = "
    CREATE TABLE item (
        document INTEGER PRIMARY KEY,
        organisation INTEGER NOT NULL,
        conversation BLOB NOT NULL,
        seq INTEGER NOT NULL,
        rev INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        author BLOB NOT NULL,
        message BLOB,
        sent INTEGER,
        body TEXT NOT NULL,
        UNIQUE (organisation, conversation, seq),
        FOREIGN KEY (organisation, conversation) REFERENCES conversation (organisation, id)
    ) STRICT;
    CREATE UNIQUE INDEX item_message ON item (organisation, conversation, message) WHERE message IS NOT NULL;
    CREATE INDEX item_touched ON item (organisation, conversation, rev) WHERE rev > seq;
    CREATE VIRTUAL TABLE item_words USING fts5 (
        scope, words, content = '', columnsize = 0, tokenize = 'ascii'
    );
    INSERT INTO item_words (item_words, rank) VALUES ('secure-delete', 1);
";

/// Version 2. Ids of messages begin with the time, so with the id in front new ones stand together at the end of the index
/// instead of on one page for each conversation: a page less to write per message.
pub(super) const MESSAGES_BY_TIME: &str = "
    DROP INDEX item_message;
    CREATE UNIQUE INDEX item_message ON item (message, organisation, conversation) WHERE message IS NOT NULL;
";

pub(super) const MESSAGE: &str = "SELECT seq, rev, at_ms, author, item, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND message = ?3";
pub(super) const BEFORE: &str = "SELECT seq, rev, at_ms, author, item, body FROM event
    WHERE organisation = ?1 AND conversation = ?2 AND seq < ?3 AND rev IS NOT NULL ORDER BY seq DESC LIMIT ?4";

/// The terms that every text of a conversation carries.
pub(super) fn scope(number: Number, conversation: ConversationId) -> String {
    format!("o{number} c{}", conversation.0.simple())
}

impl ReadItems for Organisation<'_> {
    fn items_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        items_max: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let before = before.map_or(i64::MAX, seq);
        let mut items = self.items(BEFORE, params![self.number, conversation.as_bytes(), before, limit(items_max)])?;
        items.reverse();
        Ok(items)
    }

    fn items_touched(
        &self,
        conversation: ConversationId,
        since: Seq,
        below: Seq,
        items_max: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let sql = "SELECT seq, rev, at_ms, author, item, body FROM event INDEXED BY event_touched
             WHERE organisation = ?1 AND conversation = ?2 AND rev > ?3 AND seq < ?4 AND rev > seq
             ORDER BY rev LIMIT ?5";
        let key = params![self.number, conversation.as_bytes(), seq(since), seq(below), limit(items_max)];
        let mut items = self.items(sql, key)?;
        items.sort_by_key(|item| item.seq);
        Ok(items)
    }

    fn message(&self, conversation: ConversationId, message: MessageId) -> Result<Option<Item>, StoreError> {
        let waiting = self.working.message(self.number, conversation, message);
        if waiting.is_some() {
            return Ok(waiting);
        }
        let mut statement = self.glance(MESSAGE)?;
        let mut rows = statement.query(params![self.number, conversation.as_bytes(), message.as_bytes()])?;
        rows.next()?.map(item_row).transpose()
    }

    fn search(
        &self,
        account: AccountId,
        query: &str,
        conversation: Option<ConversationId>,
        before: Option<HitNumber>,
        hits_max: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        self.find(account, query, conversation, before, hits_max)
    }
}

impl Organisation<'_> {
    /// The newest messages that the index finds for an expression, in conversations that the account is a member of.
    pub(super) fn matching(
        &self,
        account: AccountId,
        matching: &str,
        before: Option<HitNumber>,
        hits_max: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        // CROSS JOIN keeps the order of the tables: the index of words leads, newest first.
        let mut statement = self.sql(
            "SELECT e.seq, e.rev, e.at_ms, e.author, e.item, e.body, e.document, e.conversation
             FROM item_words w
             CROSS JOIN event e ON e.document = w.rowid
             CROSS JOIN member m ON m.organisation = ?1 AND m.conversation = e.conversation AND m.account = ?2
             WHERE w.item_words MATCH ?3 AND w.rowid < ?4 AND e.organisation = ?1 AND m.member
             ORDER BY w.rowid DESC LIMIT ?5",
        )?;
        let before = before.map_or(i64::MAX, |number| int(number.0));
        let mut rows = statement.query(params![self.number, account.as_bytes(), matching, before, limit(hits_max)])?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            let number = HitNumber(number(row, 6)?);
            hits.push(Hit { number, conversation: id(row, 7)?, item: item_row(row)? });
        }
        Ok(hits)
    }
}

impl WriteItems for Organisation<'_> {
    fn replace_item(&self, conversation: ConversationId, item: &Item) -> Result<(), StoreError> {
        self.set_item(conversation, item)
    }
}

impl Organisation<'_> {
    fn items(&self, sql: &str, parameters: &[&dyn rusqlite::ToSql]) -> Result<Vec<Item>, StoreError> {
        let mut statement = self.sql(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(item_row(row)?);
        }
        Ok(items)
    }
}

fn item_row(row: &Row<'_>) -> Result<Item, StoreError> {
    Ok(Item {
        seq: Seq(number(row, 0)?),
        rev: Seq(number(row, 1)?),
        at_ms: number(row, 2)?,
        author: id(row, 3)?,
        body: item_body(row, 4)?,
    })
}
