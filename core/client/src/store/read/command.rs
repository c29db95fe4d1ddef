//! Commands that the screen draws over the server's rows.
//!
//! Those that wait, those that were refused, and those that were applied as an event which is not in the cache yet.
//! A journal row whose event the cache has passed is history, whether or not the item is still kept.

use fil_protocol::{ConversationId, MessageId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::local::command::{WRITTEN, Written, of_the_journal};

/// The rows to draw in one conversation, in the order of pressing send.
pub(crate) fn unseen(db: &Connection, conversation: ConversationId) -> rusqlite::Result<Vec<Written>> {
    let sql = format!(
        "SELECT {WRITTEN} FROM main.command WHERE conversation = ?1 AND state <> 'settled'
         UNION ALL
         SELECT {WRITTEN} FROM main.command WHERE conversation = ?1 AND state = 'settled'
             AND seq > coalesce((SELECT cursor FROM cache.conversation WHERE id = ?1), 0)
         ORDER BY row"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([conversation.as_bytes()], Written::read)?;
    rows.collect()
}

/// The rows to draw in all conversations, in the order of pressing send.
pub(crate) fn all_unseen(db: &Connection) -> rusqlite::Result<Vec<Written>> {
    // The journal holds a week, of which the last few are unseen: each of its conversations is looked into once, above
    // its cursor.
    let sql = format!(
        of_the_journal!(
            " SELECT {0} FROM main.command INDEXED BY command_open WHERE state <> 'settled'
             UNION ALL
             SELECT {0} FROM written CROSS JOIN main.command USING (conversation) WHERE state = 'settled'
                 AND seq > coalesce((SELECT cursor FROM cache.conversation c WHERE c.id = written.conversation), 0)
             ORDER BY row"
        ),
        WRITTEN
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], Written::read)?;
    rows.collect()
}

/// The refused row of a message.
pub(crate) fn rejected(
    db: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> rusqlite::Result<Option<Written>> {
    let sql = format!(
        "SELECT {WRITTEN} FROM main.command WHERE conversation = ? AND message = ? AND state <> 'settled' AND state = 'rejected' ORDER BY row"
    );
    db.prepare_cached(&sql)?.query_row(params![conversation.as_bytes(), message.as_bytes()], Written::read).optional()
}

/// How many messages were refused and await a decision.
pub(crate) fn rejected_count(db: &Connection) -> rusqlite::Result<u32> {
    let sql =
        "SELECT count(*) FROM main.command WHERE state <> 'settled' AND state = 'rejected' AND message IS NOT NULL";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use fil_engine::StoreAction;
    use fil_engine::outbox::RowId;
    use fil_protocol::{AccountId, Command, ErrorCode, Event, EventBody, KnownEvent, Seq};

    use super::*;
    use crate::store::Store;
    use crate::store::local::command::unnamed;

    /// What is drawn over all conversations is what is drawn over each: rows that wait, that were refused, and that were
    /// settled before and behind the cursor, in conversations that the cache has and in one that it lost.
    #[test]
    fn the_rows_of_all_conversations_are_the_rows_of_each() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path(), AccountId::from([9; 16])).unwrap();
        let conversation = |number: i64| ConversationId::from([number as u8; 16]);
        for number in 1..=4 {
            let known = KnownEvent::Title { title: "title".into() };
            let event = |seq| Event {
                seq: Seq(seq),
                at_ms: 1,
                author: AccountId::from([9; 16]),
                body: EventBody::Known(known.clone()),
            };
            let created =
                KnownEvent::Created { kind: fil_protocol::ConversationKind::Group, title: None, members: Vec::new() };
            let first = Event { body: EventBody::Known(created), ..event(1) };
            let events = std::iter::once(first).chain((2..=5).map(event)).collect();
            store.apply(&[StoreAction::ApplyEvents { conversation: conversation(number), events }]).unwrap();
        }
        let mut expected = Vec::new();
        for row in 1..=60 {
            let number = 1 + row % 5;
            let command = Command::SetTitle { conversation: conversation(number), title: format!("{row}") };
            let row = RowId(row);
            store.apply(&[StoreAction::InsertCommand { row, command, wall_ms: 1 }]).unwrap();
            let settle = |seq| Some(StoreAction::SettleCommand { row, seq: Seq(seq), wall_ms: 2 });
            let (change, seen) = match row.0 % 7 {
                0 | 1 => (None, false),
                2 => (Some(StoreAction::RejectCommand { row, code: ErrorCode::Forbidden }), false),
                3 => (settle(6), false),
                4 => (settle(0), true),
                // Of the fifth conversation the cache has nothing.
                _ => (settle(5), number != 5),
            };
            store.apply(change.as_slice()).unwrap();
            if !seen {
                expected.push(row);
            }
        }
        let mut reader = store.reader().unwrap();
        let rows = |written: Vec<Written>| written.into_iter().map(|written| written.row).collect::<Vec<_>>();
        assert_eq!(rows(reader.snapshot(all_unseen).unwrap()), expected);
        let mut each = Vec::new();
        for number in 1..=5 {
            let of_one = rows(reader.snapshot(|db| unseen(db, conversation(number))).unwrap());
            assert!(of_one.is_sorted());
            each.extend(of_one);
        }
        each.sort_unstable();
        assert_eq!(each, expected);
        // Only of the fifth the cache has nothing.
        assert_eq!(reader.snapshot(unnamed).unwrap(), [conversation(5)]);
    }
}
