//! Items, and the index of their words.

use fil_protocol::{AccountId, ConversationId, Item, ItemBody, MessageId, Seq};
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use super::columns::{from_json, id, int, limit, number, seq, to_json};
use super::error::exists;
use super::organisation::Organisation;
use super::words::WordsChange;
use super::working::Number;
use crate::store::{Hit, HitNumber, ReadItems, StoreError, WriteItems};

/// Version 1.
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

const COLUMNS: &str = "seq, rev, at_ms, author, body";
pub(super) const MESSAGE: &str = "SELECT seq, rev, at_ms, author, body FROM item
    WHERE organisation = ?1 AND conversation = ?2 AND message = ?3";

/// The terms that every text of a conversation carries.
fn scope(number: Number, conversation: ConversationId) -> String {
    format!("o{number} c{}", conversation.0.simple())
}

impl ReadItems for Organisation<'_> {
    fn items_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        items_max: usize,
    ) -> Result<Vec<Item>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM item WHERE organisation = ?1 AND conversation = ?2 AND seq < ?3
             ORDER BY seq DESC LIMIT ?4"
        );
        let before = before.map_or(i64::MAX, seq);
        let mut items = self.items(&sql, params![self.number, conversation.as_bytes(), before, limit(items_max)])?;
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
        let sql = format!(
            "SELECT {COLUMNS} FROM item INDEXED BY item_touched
             WHERE organisation = ?1 AND conversation = ?2 AND rev > ?3 AND seq < ?4 AND rev > seq
             ORDER BY rev LIMIT ?5"
        );
        let key = params![self.number, conversation.as_bytes(), seq(since), seq(below), limit(items_max)];
        let mut items = self.items(&sql, key)?;
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
        words: &str,
        conversation: Option<ConversationId>,
        before: Option<HitNumber>,
        hits_max: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let scope = match conversation {
            Some(conversation) => format!("\"c{}\"", conversation.0.simple()),
            None => format!("\"o{}\"", self.number),
        };
        let matching = format!("scope : {scope} AND words : ({words})");
        // CROSS JOIN keeps the order of the tables: the index of words leads, newest first.
        let mut statement = self.sql(
            "SELECT i.seq, i.rev, i.at_ms, i.author, i.body, i.document, i.conversation
             FROM item_words w
             CROSS JOIN item i ON i.document = w.rowid
             CROSS JOIN member m ON m.organisation = ?1 AND m.conversation = i.conversation AND m.account = ?2
             WHERE w.item_words MATCH ?3 AND w.rowid < ?4 AND i.organisation = ?1 AND m.member
             ORDER BY w.rowid DESC LIMIT ?5",
        )?;
        let before = before.map_or(i64::MAX, |number| int(number.0));
        let mut rows = statement.query(params![self.number, account.as_bytes(), matching, before, limit(hits_max)])?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next()? {
            let number = HitNumber(number(row, 5)?);
            hits.push(Hit { number, conversation: id(row, 6)?, item: item_row(row)? });
        }
        Ok(hits)
    }
}

impl WriteItems for Organisation<'_> {
    fn append_item(&self, conversation: ConversationId, item: &Item) -> Result<(), StoreError> {
        // Together with its event, whose number nobody else has.
        if self.working.events.borrow().get(&(self.number, conversation, item.seq)).is_some() {
            self.working.append_item(self.number, conversation, item.clone());
            return Ok(());
        }
        let document = add(&mut *self.sql(INSERT)?, self.number, conversation, item)?;
        if let ItemBody::Message { text, .. } = &item.body {
            let scope = scope(self.number, conversation);
            self.working.index(WordsChange::Add { document, scope, text: text.clone() });
        }
        Ok(())
    }

    fn replace_item(&self, conversation: ConversationId, item: &Item) -> Result<(), StoreError> {
        let key = params![self.number, conversation.as_bytes(), seq(item.seq)];
        let (document, old): (i64, String) = self
            .sql("SELECT document, body FROM item WHERE organisation = ?1 AND conversation = ?2 AND seq = ?3")?
            .query_row(key, |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or(StoreError::Missing("item"))?;
        if let ItemBody::Message { text, .. } = from_json(&old)? {
            let scope = scope(self.number, conversation);
            self.working.index(WordsChange::Remove { document, scope, text });
        }
        if let ItemBody::Message { text, .. } = &item.body {
            let scope = scope(self.number, conversation);
            self.working.index(WordsChange::Add { document, scope, text: text.clone() });
        }
        self.sql("UPDATE item SET rev = ?3, body = ?4 WHERE organisation = ?1 AND document = ?2")?.execute(params![
            self.number,
            document,
            seq(item.rev),
            to_json(&item.body)?
        ])?;
        Ok(())
    }
}

const INSERT: &str = "INSERT INTO item (organisation, conversation, seq, rev, at_ms, author, message, sent, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Adds an item; its document.
fn add(
    statement: &mut Statement<'_>,
    number: Number,
    conversation: ConversationId,
    item: &Item,
) -> Result<i64, StoreError> {
    let sent = match &item.body {
        ItemBody::Message { sent, .. } | ItemBody::Deleted { sent, .. } => Some(int(*sent)),
        ItemBody::Created { .. } | ItemBody::Membership { .. } | ItemBody::Title { .. } => None,
    };
    let values = params![
        number,
        conversation.as_bytes(),
        seq(item.seq),
        seq(item.rev),
        int(item.at_ms),
        item.author.as_bytes(),
        item.body.message().map(|message| *message.as_bytes()),
        sent,
        to_json(&item.body)?
    ];
    statement.insert(values).map_err(exists("item"))
}

/// Writes an item. What it adds to the index of words.
pub(super) fn insert(
    connection: &Connection,
    number: Number,
    conversation: ConversationId,
    item: Item,
) -> Result<Option<WordsChange>, StoreError> {
    let document = add(&mut *connection.prepare_cached(INSERT)?, number, conversation, &item)?;
    Ok(match item.body {
        ItemBody::Message { text, .. } => Some(WordsChange::Add { document, scope: scope(number, conversation), text }),
        _ => None,
    })
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
        body: from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
    })
}
