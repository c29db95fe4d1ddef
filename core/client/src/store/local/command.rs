//! Commands: the outbox, the rejected, and the journal of the last seven days, told apart by `state`.
//!
//! The row id is the order of pressing send. A number belongs to the device's present generation; rows of an earlier
//! generation have none.

use fil_engine::outbox::{Row, RowId};
use fil_protocol::{Command, ConversationId, ErrorCode, Seq};
use rusqlite::types::Type;
use rusqlite::{Connection, params};

macro_rules! table {
    () => {
        "CREATE TABLE command (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            no INTEGER UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('waiting', 'rejected', 'settled')),
            conversation BLOB NOT NULL,
            message BLOB,
            body TEXT NOT NULL,
            written_at_ms INTEGER NOT NULL,
            reason TEXT,
            seq INTEGER,
            settled_at_ms INTEGER
        ) STRICT;
        CREATE INDEX command_by_conversation ON command (conversation, row);
        CREATE INDEX command_by_time ON command (settled_at_ms) WHERE state = 'settled';"
    };
}
pub(super) use table;

// Version 2: what a screen draws is found without reading a week of journal; and whether a command was ever transmitted
// is known even when a new generation has taken its number.
macro_rules! additions {
    () => {
        "ALTER TABLE command ADD COLUMN transmitted INTEGER NOT NULL DEFAULT 0;
        UPDATE command SET transmitted = no IS NOT NULL OR state <> 'waiting';
        CREATE INDEX command_open ON command (conversation, row) WHERE state <> 'settled';
        CREATE INDEX command_settled ON command (conversation, seq) WHERE state = 'settled';"
    };
}
pub(super) use additions;

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits in the outbox.
    Waiting,
    /// It was refused, and waits for a person to decide.
    Rejected(ErrorCode),
    /// It was applied as this event, and stays in the journal for a week. 0: the server no longer says which.
    ///
    /// A settled message is drawn from here only while its event is still to come, that is while its number is above
    /// the conversation's cursor (or the conversation is not cached yet). At or below the cursor the cache speaks: the
    /// item is there, or it lies in a stretch that is not kept.
    Settled(Seq),
}

/// A row as the screen needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The row.
    pub row: RowId,
    /// Where it stands.
    pub state: State,
    /// What it asks for.
    pub command: Command,
    /// When it was written, by the wall clock.
    pub written_at_ms: u64,
    /// Whether it was ever transmitted.
    pub transmitted: bool,
}

/// The columns that [`Written::read`] takes.
pub(crate) const WRITTEN: &str = "row, state, body, written_at_ms, transmitted, reason, seq";

impl Written {
    /// Reads a row selected with [`WRITTEN`].
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let state = match row.get_ref(1)?.as_str()? {
            "waiting" => State::Waiting,
            "rejected" => State::Rejected(from_json(row, 5)?),
            _ => State::Settled(Seq(row.get(6)?)),
        };
        Ok(Self {
            row: RowId(row.get(0)?),
            state,
            command: from_json(row, 2)?,
            written_at_ms: row.get(3)?,
            transmitted: row.get(4)?,
        })
    }
}

fn from_json<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The conversations of the journal, and whatever follows in the query: the recursion steps from one to the next in an
/// index, so a week of rows costs no more than there are conversations in it.
macro_rules! of_the_journal {
    ($rest:expr) => {
        concat!(
            "WITH RECURSIVE written (conversation) AS (
                 SELECT min(conversation) FROM main.command WHERE state = 'settled'
                 UNION ALL
                 SELECT (SELECT min(c.conversation) FROM main.command c
                         WHERE c.state = 'settled' AND c.conversation > written.conversation)
                 FROM written WHERE written.conversation IS NOT NULL)",
            $rest
        )
    };
}
pub(crate) use of_the_journal;

/// Conversations of the journal that the cache does not know.
pub(crate) fn unnamed(db: &Connection) -> rusqlite::Result<Vec<ConversationId>> {
    let sql = of_the_journal!(
        " SELECT conversation FROM written
         WHERE conversation IS NOT NULL AND conversation NOT IN (SELECT id FROM cache.conversation)"
    );
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok(ConversationId::from(row.get::<_, [u8; 16]>(0)?)))?;
    rows.collect()
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("commands and codes are plain data, which always encode")
}

/// The rows that wait, those with a number first, by number.
pub(crate) fn waiting(db: &Connection) -> rusqlite::Result<Vec<Row>> {
    let sql = "SELECT row, no, body, transmitted FROM main.command WHERE state <> 'settled' AND state = 'waiting'
               ORDER BY no IS NULL, no, row";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([], engine_row)?;
    rows.collect()
}

/// The highest row id ever given out.
pub(crate) fn last_row(db: &Connection) -> rusqlite::Result<RowId> {
    let sql = "SELECT coalesce((SELECT seq FROM main.sqlite_sequence WHERE name = 'command'), 0)";
    db.query_row(sql, [], |row| row.get(0)).map(RowId)
}

/// The journal rows with a higher number than this, and those of earlier generations, by row. Of a message that a command
/// up to this number has changed, the earlier generations say nothing any more: the server has it as it became later, and
/// an older edit would be made once more on top.
pub(crate) fn journal(db: &Connection, after: u64) -> rusqlite::Result<Vec<Row>> {
    let sql = "WITH known (conversation, message, upto) AS MATERIALIZED (
                   SELECT conversation, message, max(row) FROM main.command
                   WHERE no <= ?1 AND message IS NOT NULL GROUP BY conversation, message)
               SELECT row, no, body, transmitted FROM main.command LEFT JOIN known USING (conversation, message)
               WHERE state = 'settled' AND (no > ?1 OR (no IS NULL AND row > coalesce(upto, 0))) ORDER BY row";
    let mut statement = db.prepare(sql)?;
    let rows = statement.query_map([after], engine_row)?;
    rows.collect()
}

/// A row as the engine's outbox has it: number, command, whether it was transmitted.
fn engine_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row { row: RowId(row.get(0)?), no: row.get(1)?, command: from_json(row, 2)?, transmitted: row.get(3)? })
}

/// Reads every row, of any version: an error if one cannot be read.
pub(super) fn read_through(db: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT row, no, body, written_at_ms, seq, state, reason FROM main.command";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let _: (i64, Option<u64>, u64, Option<u64>) = (row.get(0)?, row.get(1)?, row.get(3)?, row.get(4)?);
        from_json::<Command>(row, 2)?;
        if row.get_ref(5)?.as_str()? == "rejected" {
            from_json::<ErrorCode>(row, 6)?;
        }
    }
    Ok(())
}

pub(crate) fn insert(db: &Connection, row: RowId, command: &Command, wall_ms: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO main.command (row, state, conversation, message, body, written_at_ms)
               VALUES (?, 'waiting', ?, ?, ?, ?)";
    let conversation = command.conversation();
    let message = command.message();
    let message = message.as_ref().map(|id| id.as_bytes());
    db.prepare_cached(sql)?
        .execute(params![row.0, conversation.as_bytes(), message, to_json(command), wall_ms])
        .map(drop)
}

pub(crate) fn rewrite(db: &Connection, row: RowId, command: &Command) -> rusqlite::Result<()> {
    db.execute("UPDATE main.command SET body = ? WHERE row = ?", params![to_json(command), row.0]).map(drop)
}

pub(crate) fn remove(db: &Connection, row: RowId) -> rusqlite::Result<()> {
    db.execute("DELETE FROM main.command WHERE row = ?", [row.0]).map(drop)
}

pub(crate) fn number(db: &Connection, row: RowId, no: u64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE main.command SET no = ?, transmitted = 1 WHERE row = ?")?
        .execute(params![no, row.0])
        .map(drop)
}

pub(crate) fn settle(db: &Connection, row: RowId, seq: Seq, wall_ms: u64) -> rusqlite::Result<()> {
    let sql = "UPDATE main.command SET state = 'settled', seq = ?, settled_at_ms = ? WHERE row = ?";
    db.prepare_cached(sql)?.execute(params![seq.0, wall_ms, row.0]).map(drop)
}

pub(crate) fn reject(db: &Connection, row: RowId, code: ErrorCode) -> rusqlite::Result<()> {
    let sql = "UPDATE main.command SET state = 'rejected', reason = ?, no = NULL WHERE row = ?";
    db.execute(sql, params![to_json(&code), row.0]).map(drop)
}

pub(crate) fn reopen(db: &Connection, rows: &[RowId]) -> rusqlite::Result<()> {
    let sql = "UPDATE main.command SET state = 'waiting', seq = NULL, settled_at_ms = NULL WHERE row = ?";
    let mut statement = db.prepare_cached(sql)?;
    rows.iter().try_for_each(|row| statement.execute([row.0]).map(drop))
}

pub(crate) fn forget_numbers(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE main.command SET no = NULL WHERE no IS NOT NULL", []).map(drop)
}

pub(crate) fn prune(db: &Connection, before_ms: u64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM main.command WHERE state = 'settled' AND settled_at_ms < ?";
    db.prepare_cached(sql)?.execute([before_ms]).map(drop)
}

/// The journal of a conversation goes.
pub(crate) fn forget_settled(db: &Connection, conversation: ConversationId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM main.command WHERE conversation = ? AND state = 'settled'";
    db.execute(sql, [conversation.as_bytes()]).map(drop)
}

#[cfg(test)]
mod tests {
    use fil_engine::StoreAction;
    use fil_protocol::{AccountId, Generation, MessageId};

    use super::*;
    use crate::store::Store;

    fn send(message: u8) -> Command {
        let message = MessageId::from([message; 16]);
        Command::SendMessage {
            conversation: ConversationId::from([1; 16]),
            message,
            text: "first".into(),
            composed_at_ms: 1,
        }
    }

    fn edit(message: u8, text: &str) -> Command {
        Command::EditMessage {
            conversation: ConversationId::from([1; 16]),
            message: MessageId::from([message; 16]),
            text: text.into(),
        }
    }

    fn settle(store: &mut Store, row: i64, no: u64, command: Command) {
        let row = RowId(row);
        let insert = StoreAction::InsertCommand { row, command, wall_ms: 1 };
        let settled = StoreAction::SettleCommand { row, seq: Seq(no), wall_ms: 2 };
        store.apply(&[insert, StoreAction::NumberCommand { row, no }, settled]).unwrap();
    }

    /// An edit of an earlier generation was offered on top of the one that came after it, which the server had, and the
    /// message went back to what it had been before.
    #[test]
    fn an_earlier_generation_says_nothing_of_what_a_known_number_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(folder.path(), AccountId::from([9; 16])).unwrap();
        settle(&mut store, 1, 1, send(1));
        settle(&mut store, 2, 2, edit(1, "again"));
        settle(&mut store, 3, 3, send(2));
        let generation = Generation::from([7; 16]);
        store.apply(&[StoreAction::StartGeneration { generation }]).unwrap();
        settle(&mut store, 4, 1, edit(1, "again again"));
        settle(&mut store, 5, 2, edit(2, "other"));
        let offered = |after| store.journal(after).unwrap().iter().map(|row| row.row.0).collect::<Vec<_>>();
        assert_eq!(offered(2), [0; 0], "the server has both messages as they became");
        assert_eq!(offered(1), [3, 5], "it lacks the last edit, and may lack its message");
        assert_eq!(offered(0), [1, 2, 3, 4, 5], "it may lack everything");
    }
}
