//! Conversations: kind, title, cursor, and how far the account has read.

use fil_protocol::{ConversationEntry, ConversationId, ConversationKind, Position, Seq};
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE conversation (
            id BLOB PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
            title TEXT,
            cursor INTEGER,                        -- the last event that is stored; none if nothing is
            sent INTEGER NOT NULL DEFAULT 0,       -- messages up to the cursor
            read_seq INTEGER NOT NULL DEFAULT 0,
            read_sent INTEGER NOT NULL DEFAULT 0,
            changed_at_ms INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

// Version 2: what the row in the list shows, beside what it was made from, so that a first screen reads one table in
// order and not a page of every conversation. The copies are made again from the rows they stand for with every change
// ([`advance`], [`summarise`], [`count_members`]); nothing is ever added to them.
macro_rules! summary {
    () => {
        "ALTER TABLE conversation ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE conversation ADD COLUMN newest_at_ms INTEGER;   -- the newest item; none if nothing is kept
        ALTER TABLE conversation ADD COLUMN newest_author BLOB;
        ALTER TABLE conversation ADD COLUMN newest_body TEXT;
        UPDATE conversation SET
            members = (SELECT count(*) FROM member WHERE member.conversation = conversation.id),
            (newest_at_ms, newest_author, newest_body) = (SELECT at_ms, author, body FROM item
                WHERE item.conversation = conversation.id ORDER BY seq DESC LIMIT 1);"
    };
}
pub(super) use summary;

/// The copy of the newest item.
const NEWEST: &str = "(newest_at_ms, newest_author, newest_body) = (SELECT at_ms, author, body FROM cache.item
    WHERE item.conversation = ?1 ORDER BY seq DESC LIMIT 1)";

/// How a kind is stored.
pub(crate) fn kind_text(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    }
}

/// The kind behind its text.
pub(crate) fn kind_from(text: &str) -> ConversationKind {
    if text == "direct" { ConversationKind::Direct } else { ConversationKind::Group }
}

/// All conversations with their cursors.
pub(crate) fn cursors(db: &Connection) -> rusqlite::Result<Vec<(ConversationId, Option<Seq>)>> {
    let mut statement = db.prepare("SELECT id, cursor FROM cache.conversation")?;
    let rows = statement.query_map([], |row| {
        Ok((ConversationId::from(row.get::<_, [u8; 16]>(0)?), row.get::<_, Option<u64>>(1)?.map(Seq)))
    })?;
    rows.collect()
}

/// The cursor of one.
pub(crate) fn cursor(db: &Connection, id: ConversationId) -> rusqlite::Result<Option<Seq>> {
    let mut statement = db.prepare_cached("SELECT cursor FROM cache.conversation WHERE id = ?")?;
    let mut rows = statement.query([id.as_bytes()])?;
    match rows.next()? {
        Some(row) => Ok(row.get::<_, Option<u64>>(0)?.map(Seq)),
        None => Ok(None),
    }
}

/// What a conversation is, from its first event or a window.
pub(crate) fn describe(
    db: &Connection,
    id: ConversationId,
    kind: ConversationKind,
    title: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.conversation (id, kind, title) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET kind = ?2, title = ?3";
    db.prepare_cached(sql)?.execute(params![id.as_bytes(), kind_text(kind), title]).map(drop)
}

/// What the account stream says about it.
pub(crate) fn enter(db: &Connection, entry: &ConversationEntry) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.conversation (id, kind, read_seq, read_sent) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET read_seq = max(read_seq, ?3), read_sent = max(read_sent, ?4)";
    let Position { seq, sent } = entry.read;
    db.prepare_cached(sql)?
        .execute(params![entry.conversation.as_bytes(), kind_text(entry.kind), seq.0, sent])
        .map(drop)
}

pub(crate) fn set_title(db: &Connection, id: ConversationId, title: &str) -> rusqlite::Result<()> {
    db.execute("UPDATE cache.conversation SET title = ? WHERE id = ?", params![title, id.as_bytes()]).map(drop)
}

/// The cursor moves, once the items are stored. `sent` and `at_ms` only grow.
pub(crate) fn advance(db: &Connection, id: ConversationId, cursor: Seq, sent: u64, at_ms: u64) -> rusqlite::Result<()> {
    let sql = format!(
        "UPDATE cache.conversation
         SET cursor = ?2, sent = max(sent, ?3), changed_at_ms = max(changed_at_ms, ?4), {NEWEST} WHERE id = ?1"
    );
    db.prepare_cached(&sql)?.execute(params![id.as_bytes(), cursor.0, sent, at_ms]).map(drop)
}

/// Items were changed without the cursor: the copy of the newest is made again.
pub(crate) fn summarise(db: &Connection, id: ConversationId) -> rusqlite::Result<()> {
    let sql = format!("UPDATE cache.conversation SET {NEWEST} WHERE id = ?1");
    db.prepare_cached(&sql)?.execute([id.as_bytes()]).map(drop)
}

/// Members were changed: their number is counted again.
pub(crate) fn count_members(db: &Connection, id: ConversationId) -> rusqlite::Result<()> {
    let sql = "UPDATE cache.conversation
               SET members = (SELECT count(*) FROM cache.member WHERE member.conversation = ?1) WHERE id = ?1";
    db.prepare_cached(sql)?.execute([id.as_bytes()]).map(drop)
}

/// The account has read this far: it wrote the message itself.
pub(crate) fn read_to(db: &Connection, id: ConversationId, position: Position) -> rusqlite::Result<()> {
    let sql = "UPDATE cache.conversation SET read_seq = ?2, read_sent = ?3 WHERE id = ?1 AND read_seq < ?2";
    db.prepare_cached(sql)?.execute(params![id.as_bytes(), position.seq.0, position.sent]).map(drop)
}

/// Every trace goes.
pub(crate) fn forget(db: &Connection, id: ConversationId) -> rusqlite::Result<()> {
    let id = id.as_bytes();
    db.execute("DELETE FROM cache.item_fts WHERE rowid IN (SELECT id FROM cache.item WHERE conversation = ?)", [id])?;
    for table in ["item", "member", "deletion", "kept_range", "unknown_event"] {
        db.execute(&format!("DELETE FROM cache.{table} WHERE conversation = ?"), [id])?;
    }
    db.execute("DELETE FROM cache.conversation WHERE id = ?", [id]).map(drop)
}

#[cfg(test)]
mod tests {
    use fil_engine::StoreAction;
    use fil_protocol::{
        AccountId, ConversationRecord, Event, EventBody, Item, ItemBody, KnownEvent, Member, MembershipChange,
        MessageId, Profile, Role, Window,
    };

    use super::*;
    use crate::store::Store;

    const ID: [u8; 16] = [1; 16];

    fn member(number: u8) -> Member {
        let profile = Profile { account: AccountId::from([number; 16]), handle: "h".into(), name: "N".into() };
        Member { profile, role: Role::Member }
    }

    fn event(seq: u64, known: KnownEvent) -> Event {
        Event { seq: Seq(seq), at_ms: 1_000 + seq, author: AccountId::from([2; 16]), body: EventBody::Known(known) }
    }

    fn message(seq: u64) -> KnownEvent {
        let id = MessageId::from([seq as u8; 16]);
        KnownEvent::Message { id, text: format!("message {seq}"), sent: seq, composed_at_ms: 0 }
    }

    fn joined(number: u8, change: MembershipChange) -> KnownEvent {
        KnownEvent::Membership { member: member(number), change }
    }

    /// What the list shows and what it was made from.
    type Summary = (i64, Option<(i64, Vec<u8>, String)>);

    fn kept(db: &Connection) -> Summary {
        let sql = "SELECT members, newest_at_ms, newest_author, newest_body FROM cache.conversation WHERE id = ?";
        db.query_row(sql, [ID], |row| {
            let newest = match row.get(1)? {
                Some(at_ms) => Some((at_ms, row.get(2)?, row.get(3)?)),
                None => None,
            };
            Ok((row.get(0)?, newest))
        })
        .unwrap()
    }

    fn counted(db: &Connection) -> Summary {
        let sql = "SELECT count(*) FROM cache.member WHERE conversation = ?";
        let members = db.query_row(sql, [ID], |row| row.get(0)).unwrap();
        let sql = "SELECT at_ms, author, body FROM cache.item WHERE conversation = ? ORDER BY seq DESC LIMIT 1";
        let mut statement = db.prepare(sql).unwrap();
        let mut rows = statement.query_map([ID], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        (members, rows.next().transpose().unwrap())
    }

    fn window(up_to: u64) -> Window {
        let body = |seq| ItemBody::from_event(&message(seq)).unwrap();
        let item = |seq| Item {
            seq: Seq(seq),
            rev: Seq(seq),
            at_ms: 9_000 + seq,
            author: member(2).account(),
            body: body(seq),
        };
        let conversation = ConversationId::from(ID);
        Window {
            record: ConversationRecord { conversation, kind: ConversationKind::Group, title: None },
            members: (2..7).map(member).collect(),
            items: (up_to - 2..=up_to).map(item).collect(),
            from: Seq(up_to - 2),
            as_of: Position { seq: Seq(up_to), sent: up_to },
            changed: Vec::new(),
            reset: true,
            deleted: Vec::new(),
        }
    }

    /// The copies in the list's table are what they stand for, after every kind of change, the newest message edited and
    /// deleted among them: compared with a count and a look after each.
    #[test]
    fn the_list_shows_what_the_items_and_members_are() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path(), AccountId::from([9; 16])).unwrap();
        let (conversation, id) = (ConversationId::from(ID), MessageId::from([3; 16]));
        let created = KnownEvent::Created { kind: ConversationKind::Group, title: None, members: vec![member(2)] };
        let steps = [
            created,
            joined(3, MembershipChange::Joined),
            message(3),
            KnownEvent::Edit { message: id, target: Seq(3), text: "another text".into() },
            joined(3, MembershipChange::Left),
            message(6),
            KnownEvent::Deletion { message: MessageId::from([6; 16]), target: Seq(6) },
            KnownEvent::Title { title: "title".into() },
        ];
        for (seq, known) in (1..).zip(steps) {
            let what = format!("{known:?}");
            store.apply(&[StoreAction::ApplyEvents { conversation, events: vec![event(seq, known)] }]).unwrap();
            assert_eq!(kept(&store.db), counted(&store.db), "after {what}");
        }
        assert_eq!(counted(&store.db).0, 1);
        store.apply(&[StoreAction::ApplyWindow(window(20))]).unwrap();
        assert_eq!(kept(&store.db), counted(&store.db));
        assert_eq!(counted(&store.db).0, 5);
        store.apply(&[StoreAction::ApplyWindow(window(10))]).unwrap();
        assert_eq!(kept(&store.db), counted(&store.db), "a server that has lost the newest");
    }

    /// A cache of the first version is kept, not built again, and shows the same list.
    #[test]
    fn a_cache_of_the_first_version_is_migrated() {
        let folder = tempfile::tempdir().unwrap();
        let me = AccountId::from([9; 16]);
        let (mut store, _) = Store::open(folder.path(), me).unwrap();
        store.apply(&[StoreAction::ApplyWindow(window(20))]).unwrap();
        let before = kept(&store.db);
        drop(store);
        let cache = Connection::open(folder.path().join("cache.db")).unwrap();
        cache
            .execute_batch(
                "ALTER TABLE conversation DROP COLUMN members;
                 ALTER TABLE conversation DROP COLUMN newest_at_ms;
                 ALTER TABLE conversation DROP COLUMN newest_author;
                 ALTER TABLE conversation DROP COLUMN newest_body;
                 DROP INDEX item_by_message;
                 CREATE UNIQUE INDEX item_by_message ON item (message, conversation) WHERE message IS NOT NULL;
                 ALTER TABLE state DROP COLUMN stamp_horizon;
                 ALTER TABLE state DROP COLUMN stamp_mark;
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        drop(cache);
        let (store, rebuilt) = Store::open(folder.path(), me).unwrap();
        assert!(!rebuilt);
        assert_eq!((kept(&store.db), counted(&store.db)), (before.clone(), before));
    }
}
