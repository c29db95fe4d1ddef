//! Conversations with everything that their rows on screen need, apart from their items.

use fil_protocol::{AccountId, ConversationId, ConversationKind, ItemBody, Position, Role, Seq, unread};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::cache::conversation::kind_from;
use crate::store::cache::{deletion, item, member};

/// A conversation that the cache has something of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) kind: ConversationKind,
    /// The title of a group.
    pub(crate) title: Option<String>,
    /// The last event that is kept.
    pub(crate) head: Position,
    /// How far the account has read, as the server knows it.
    pub(crate) read: Position,
    /// How far the person has read, where the server does not know it yet.
    pub(crate) mark: Option<Seq>,
    /// When the last event happened.
    pub(crate) changed_at_ms: u64,
    pub(crate) members: u32,
    /// The other member of a direct conversation.
    pub(crate) other: Option<AccountId>,
    /// The newest item; none if nothing is kept.
    pub(crate) newest: Option<Newest>,
}

/// The newest item of a conversation, as far as its row in the list shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Newest {
    pub(crate) at_ms: u64,
    pub(crate) author: AccountId,
    pub(crate) body: ItemBody,
}

const CONVERSATION: &str = "c.id, c.kind, c.title, c.cursor, c.sent, c.read_seq, c.read_sent, c.changed_at_ms,
    c.members,
    CASE c.kind WHEN 'direct' THEN
        (SELECT m.account FROM cache.member m WHERE m.conversation = c.id AND m.account <> ?1 LIMIT 1) END,
    (SELECT r.seq FROM main.read_mark r WHERE r.conversation = c.id),
    c.newest_at_ms, c.newest_author, c.newest_body";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: ConversationId::from(row.get::<_, [u8; 16]>(0)?),
        kind: kind_from(row.get_ref(1)?.as_str()?),
        title: row.get(2)?,
        head: Position { seq: Seq(row.get(3)?), sent: row.get(4)? },
        read: Position { seq: Seq(row.get(5)?), sent: row.get(6)? },
        mark: row.get::<_, Option<u64>>(10)?.map(Seq),
        changed_at_ms: row.get(7)?,
        members: row.get(8)?,
        other: row.get::<_, Option<[u8; 16]>>(9)?.map(AccountId::from),
        newest: match row.get(11)? {
            Some(at_ms) => {
                Some(Newest { at_ms, author: AccountId::from(row.get::<_, [u8; 16]>(12)?), body: item::body(row, 13)? })
            }
            None => None,
        },
    })
}

/// All that have been pulled at least once. One that the account stream only named so far has nothing to show yet.
pub(crate) fn all(db: &Connection, me: AccountId) -> rusqlite::Result<Vec<Conversation>> {
    let sql = format!("SELECT {CONVERSATION} FROM cache.conversation c WHERE c.cursor IS NOT NULL");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([me.as_bytes()], read)?;
    rows.collect()
}

/// One of them.
pub(crate) fn one(db: &Connection, me: AccountId, id: ConversationId) -> rusqlite::Result<Option<Conversation>> {
    let sql = format!("SELECT {CONVERSATION} FROM cache.conversation c WHERE c.cursor IS NOT NULL AND c.id = ?2");
    db.prepare_cached(&sql)?.query_row(params![me.as_bytes(), id.as_bytes()], read).optional()
}

/// Whether the server has named the account a member, whatever was pulled so far.
pub(crate) fn exists(db: &Connection, id: ConversationId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM cache.conversation WHERE id = ?)";
    db.prepare_cached(sql)?.query_row([id.as_bytes()], |row| row.get(0))
}

/// The role of a member; none for somebody who is none.
pub(crate) fn role(db: &Connection, id: ConversationId, account: AccountId) -> rusqlite::Result<Option<Role>> {
    let sql = "SELECT role FROM cache.member WHERE conversation = ? AND account = ?";
    db.prepare_cached(sql)?
        .query_row(params![id.as_bytes(), account.as_bytes()], |row| Ok(member::role_from(row.get_ref(0)?.as_str()?)))
        .optional()
}

/// What is in its composer; empty if nothing is.
pub(crate) fn draft(db: &Connection, id: ConversationId) -> rusqlite::Result<String> {
    let sql = "SELECT text FROM main.draft WHERE conversation = ?";
    let text = db.prepare_cached(sql)?.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
    Ok(text.unwrap_or_default())
}

impl Conversation {
    /// How far the person has read, on this device or another.
    pub(crate) fn read_position(&self, db: &Connection) -> rusqlite::Result<Position> {
        match self.mark {
            Some(mark) if mark > self.read.seq => {
                let sent = item::sent_up_to(db, self.id, mark)?;
                Ok(Position { seq: mark, sent: sent.max(self.read.sent) })
            }
            _ => Ok(self.read),
        }
    }

    /// How many messages the person has not read.
    pub(crate) fn unread(&self, db: &Connection) -> rusqlite::Result<u64> {
        let read = self.read_position(db)?;
        if read.seq >= self.head.seq {
            return Ok(0);
        }
        Ok(unread(self.head, read, deletion::count(db, self.id, read.seq, self.head.seq)?))
    }
}
