//! Dialects: what crosses the line when client and server are one version of the protocol apart.
//!
//! There is one version so far, so the next one is played: a newer client names more versions and gives a command that
//! this server has never heard of; a newer server has an event that this client cannot read. Both are titles, spelled
//! another way on the line. An update of the app teaches the client the spelling, as an update would.

use std::path::Path;

use crate::fault::Fault;
use serde_json::{Value, json};

/// How a title is spelled by the next version.
const TOMORROW: &str = "title_of_tomorrow";
const TODAY: &str = "title";

/// Which versions a client speaks, as the server sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The server's.
    #[default]
    Same,
    /// The server's and the next. Some of its commands are unknown to the server.
    Newer,
    /// The next one alone: the server has to be updated first.
    OnlyNewer,
    /// The server's; but the server speaks the next one too, and has events that the client cannot read.
    Older,
    /// The one before alone: the app has to be updated first.
    OnlyOlder,
}

impl Dialect {
    /// Whether what is on the line says something else than what was said.
    pub fn changes(self, said: &str, carried: &str) -> bool {
        let value = |text: &str| serde_json::from_str::<Value>(text).ok();
        self != Self::Same && value(said) != value(carried)
    }

    /// The fault that makes a client speak so.
    pub fn fault(self) -> Fault {
        match self {
            Self::Same | Self::Newer | Self::OnlyNewer => Fault::NewerClient,
            Self::Older | Self::OnlyOlder => Fault::OlderClient,
        }
    }

    /// A client's frame as it is on the line.
    pub fn to_server(self, text: String) -> String {
        let versions = match self {
            Self::Same | Self::Older => return text,
            Self::Newer => (2, 1),
            Self::OnlyNewer => (2, 2),
            Self::OnlyOlder => (0, 0),
        };
        let Ok(mut frame) = serde_json::from_str::<Value>(&text) else { return text };
        if frame["type"] == "hello" {
            frame["protocol"] = json!({"current": versions.0, "lowest": versions.1});
        }
        // Always the same ones, however often they are sent: a number has one body.
        let unheard_of = |command: &Value| {
            command["type"] == "set_title"
                && command["title"].as_str().is_some_and(|title| title.len().is_multiple_of(2))
        };
        if self == Self::Newer && unheard_of(&frame["command"]) {
            frame["command"]["type"] = json!(format!("set_{TOMORROW}"));
        }
        frame.to_string()
    }

    /// A server's frame as it is on the line.
    pub fn to_device(self, text: String) -> String {
        if self != Self::Older {
            return text;
        }
        let Ok(mut frame) = serde_json::from_str::<Value>(&text) else { return text };
        let spell = |event: &mut Value| {
            if event["type"] == TODAY {
                event["type"] = json!(TOMORROW);
            }
        };
        spell(&mut frame["event"]);
        if let Some(events) = frame["events"].as_array_mut() {
            events.iter_mut().for_each(spell);
        }
        if frame["event"].is_null() {
            frame.as_object_mut().map(|fields| fields.remove("event"));
        }
        frame.to_string()
    }

    /// The update that makes the client speak as the server does: what it could not read so far, it can from now on.
    pub fn update(&mut self, cache: &Path) -> rusqlite::Result<()> {
        *self = Self::Same;
        if !cache.exists() {
            return Ok(());
        }
        let cache = rusqlite::Connection::open(cache)?;
        let there = cache.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'unknown_event'", [], |row| {
            row.get::<_, i64>(0)
        })?;
        if there == 1 {
            cache.execute("UPDATE unknown_event SET event = replace(event, ?1, ?2)", [TOMORROW, TODAY])?;
        }
        Ok(())
    }
}
