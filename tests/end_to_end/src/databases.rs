//! What is in the databases themselves, for oracles that do not believe the programs.
//!
//! Read with plain SQL, on purpose not with the code under test. Everything is read from one snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::House;

/// One event of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// Its number.
    pub seq: u64,
    /// The handle of whoever did it.
    pub author: String,
    /// What happened, as stored.
    pub body: Value,
}

/// One conversation of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Its log.
    pub events: Vec<LogEvent>,
    /// Numbers of the messages that still exist.
    pub messages: Vec<u64>,
    /// How far each member has read, by handle.
    pub read: BTreeMap<String, u64>,
}

impl Conversation {
    /// Ids of the messages in the log, deleted ones too, in its order, with their authors.
    pub fn ids(&self) -> Vec<(&str, &str)> {
        let id = |event: &'_ LogEvent| match event.body["type"].as_str() {
            Some("message") => event.body["id"].as_str().map(str::to_owned),
            // Tombstones of edits have no ordinal.
            Some("tombstone") if event.body["sent"].is_u64() => event.body["message"].as_str().map(str::to_owned),
            _ => None,
        };
        let field = |event: &LogEvent| id(event).is_some();
        let name = |event: &'_ LogEvent| if event.body["type"] == "message" { "id" } else { "message" };
        let found = self.events.iter().filter(|event| field(event));
        found.map(|event| (event.body[name(event)].as_str().unwrap_or_default(), event.author.as_str())).collect()
    }

    /// The texts of the messages that still exist, after all edits, oldest first.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = BTreeMap::new();
        for event in &self.events {
            let seq = if event.body["type"] == "edit" { event.body["target"].as_u64() } else { Some(event.seq) };
            if let ("message" | "edit", Some(text)) =
                (event.body["type"].as_str().unwrap_or_default(), event.body["text"].as_str())
            {
                texts.insert(seq, text.to_owned());
            }
        }
        texts.into_values().collect()
    }

    /// How many messages somebody has not read, counted one by one.
    pub fn unread(&self, handle: &str) -> u64 {
        let read = self.read.get(handle).copied().unwrap_or(0);
        self.messages.iter().filter(|seq| **seq > read).count() as u64
    }
}

/// The server's conversations, by id. Their numbers must have no gap.
pub fn conversations(house: &House) -> BTreeMap<String, Conversation> {
    let mut db = open(&house.server_data().join("fil.db"));
    let db = db.transaction().expect("a snapshot");
    let mut all: BTreeMap<String, Conversation> = BTreeMap::new();
    let sql = "SELECT e.conversation, e.seq, a.handle, e.body FROM event e JOIN account a ON a.id = e.author
               ORDER BY e.conversation, e.seq";
    each(&db, sql, |row| {
        let events = &mut all.entry(id(row)).or_default().events;
        let (seq, author) = (row.get(1).expect("a number"), row.get(2).expect("a handle"));
        assert_eq!(seq, events.len() as u64 + 1, "numbers have no gap");
        let body: String = row.get(3).expect("a text");
        events.push(LogEvent { seq, author, body: serde_json::from_str(&body).expect("a body is JSON") });
    });
    let sql = "SELECT conversation, seq, coalesce(item, body) FROM event WHERE message IS NOT NULL ORDER BY conversation, seq";
    each(&db, sql, |row| {
        let body: String = row.get(2).expect("a text");
        if !body.contains("\"type\":\"deleted\"") {
            all.entry(id(row)).or_default().messages.push(row.get(1).expect("a number"));
        }
    });
    let sql =
        "SELECT m.conversation, a.handle, m.read_seq FROM member m JOIN account a ON a.id = m.account WHERE m.member";
    each(&db, sql, |row| {
        let (handle, read) = (row.get(1).expect("a handle"), row.get(2).expect("a number"));
        all.entry(id(row)).or_default().read.insert(handle, read);
    });
    all
}

/// The epoch of the server's database, as it is stored.
pub fn epoch(house: &House) -> Vec<u8> {
    let db = open(&house.server_data().join("fil.db"));
    db.query_row("SELECT epoch FROM meta", [], |row| row.get(0)).expect("the tables are those of this version")
}

/// Rows of a profile's outbox by state: `waiting`, `rejected`, `settled`.
pub fn outbox(house: &House, profile: &str) -> BTreeMap<String, u64> {
    let db = open(&house.profile(profile).join("local.db"));
    let mut states = BTreeMap::new();
    each(&db, "SELECT state, count(*) FROM command GROUP BY state", |row| {
        states.insert(row.get(0).expect("a state"), row.get(1).expect("a number"));
    });
    states
}

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    db.busy_timeout(crate::PATIENCE).expect("a time");
    db
}

fn each(db: &Connection, sql: &str, mut take: impl FnMut(&rusqlite::Row<'_>)) {
    let mut statement = db.prepare(sql).expect("the tables are those of this version");
    let mut rows = statement.query([]).expect("the tables can be read");
    while let Some(row) = rows.next().expect("the tables can be read") {
        take(row);
    }
}

/// An id as programs print it.
fn id(row: &rusqlite::Row<'_>) -> String {
    let bytes: [u8; 16] = row.get(0).expect("sixteen bytes");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
