//! What a newer version wrote and this one cannot read: kept as it came, and read again by the next version.
//!
//! The cursor moves on over an unknown event, so nothing waits for an update. Whenever the app starts, what it can read
//! by now is applied; `rev` keeps an old event from undoing a newer one.

use fil_protocol::{AccountEntry, AccountId, ConversationId, Event, EventBody};
use rusqlite::{Connection, params};
use serde_json::Value;

use super::{conversation, event, state};

macro_rules! table {
    () => {
        "CREATE TABLE unknown_event (
            conversation BLOB NOT NULL,
            seq INTEGER NOT NULL,
            event TEXT NOT NULL,
            PRIMARY KEY (conversation, seq)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE unknown_entry (
            entry TEXT PRIMARY KEY
        ) STRICT, WITHOUT ROWID;"
    };
}
pub(super) use table;

/// Keeps an event whole.
pub(crate) fn keep_event(db: &Connection, conversation: ConversationId, event: &Event) -> rusqlite::Result<()> {
    let whole = serde_json::to_string(event).expect("events are plain data, which always encode");
    let sql = "INSERT INTO cache.unknown_event VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    db.prepare_cached(sql)?.execute(params![conversation.as_bytes(), event.seq.0, whole]).map(drop)
}

/// Keeps an entry of the account stream.
pub(crate) fn keep_entry(db: &Connection, entry: &Value) -> rusqlite::Result<()> {
    let sql = "INSERT INTO cache.unknown_entry VALUES (?) ON CONFLICT DO NOTHING";
    db.prepare_cached(sql)?.execute([entry.to_string()]).map(drop)
}

/// Applies what this version can read. An entry of the account stream may be out of date by now, so the whole stream is
/// asked for again instead.
pub(crate) fn read_again(db: &Connection, me: AccountId) -> rusqlite::Result<()> {
    for (id, event) in events(db)? {
        if let EventBody::Known(known) = &event.body {
            event::apply_known(db, me, id, &event, known)?;
            conversation::count_members(db, id)?;
            conversation::summarise(db, id)?;
            let sql = "DELETE FROM cache.unknown_event WHERE conversation = ? AND seq = ?";
            db.execute(sql, params![id.as_bytes(), event.seq.0])?;
        }
    }
    if entries(db)?.iter().any(|entry| matches!(entry, AccountEntry::Known(_))) {
        db.execute("DELETE FROM cache.unknown_entry", [])?;
        state::set_account_rev(db, 0)?;
    }
    Ok(())
}

fn events(db: &Connection) -> rusqlite::Result<Vec<(ConversationId, Event)>> {
    let sql = "SELECT conversation, event FROM cache.unknown_event ORDER BY conversation, seq";
    let mut statement = db.prepare(sql)?;
    let rows = statement
        .query_map([], |row| Ok((ConversationId::from(row.get::<_, [u8; 16]>(0)?), row.get::<_, String>(1)?)))?;
    let decode =
        |(conversation, text): (ConversationId, String)| Some((conversation, serde_json::from_str(&text).ok()?));
    Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().filter_map(decode).collect())
}

fn entries(db: &Connection) -> rusqlite::Result<Vec<AccountEntry>> {
    let mut statement = db.prepare("SELECT entry FROM cache.unknown_entry")?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(rows.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
}

#[cfg(test)]
mod tests {
    use fil_protocol::{ConversationKind, KnownEvent, Seq};

    use super::*;
    use crate::store::Store;
    use fil_engine::StoreAction;

    /// An older version has stored two events that it could not read: one that this version knows, one that it does
    /// not know either. The first is applied when the app starts, the second stays.
    #[test]
    fn what_an_older_version_could_not_read_is_applied_after_an_update() {
        let folder = tempfile::tempdir().unwrap();
        let (me, id) = (AccountId::from([9; 16]), ConversationId::from([1; 16]));
        let known = |seq, known| Event { seq: Seq(seq), at_ms: seq, author: me, body: EventBody::Known(known) };
        let newer = Event {
            seq: Seq(3),
            body: EventBody::Unknown(serde_json::json!({"type": "poll"})),
            ..known(3, KnownEvent::Title { title: String::new() })
        };
        let (mut store, _) = Store::open(folder.path(), me).unwrap();
        let created =
            KnownEvent::Created { kind: ConversationKind::Group, title: Some("before".into()), members: vec![] };
        let events = vec![known(1, created)];
        store.apply(&[StoreAction::ApplyEvents { conversation: id, events }]).unwrap();
        store.write(|db| keep_event(db, id, &known(2, KnownEvent::Title { title: "after".into() }))).unwrap();
        store.apply(&[StoreAction::ApplyEvents { conversation: id, events: vec![newer.clone()] }]).unwrap();
        drop(store);

        let (store, _) = Store::open(folder.path(), me).unwrap();
        let projection = store.reader().unwrap().projections().unwrap().remove(0);
        assert_eq!(projection.title.as_deref(), Some("after"));
        assert_eq!(events_left(&store), [newer]);
    }

    fn events_left(store: &Store) -> Vec<Event> {
        events(&store.db).unwrap().into_iter().map(|(_, event)| event).collect()
    }
}
