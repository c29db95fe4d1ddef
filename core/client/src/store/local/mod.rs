//! `local.db`: precious and tiny. What exists nowhere else: the device's numbers, the outbox, drafts, read marks.

pub(crate) mod command;
pub(crate) mod device;
pub(crate) mod draft;
pub(super) mod opening;
pub(crate) mod read_mark;

use rusqlite::Connection;

use super::schema::Migrations;

/// The schema, version by version. Changes are only ever additions, so that a newer file stays readable.
pub(super) const MIGRATIONS: Migrations =
    &[concat!(device::table!(), command::table!(), draft::table!(), read_mark::table!()), command::additions!()];

/// What every version has.
const TABLES: [&str; 4] = ["device", "command", "draft", "read_mark"];

/// Reads every row as the app will. SQLite keeps no sums of content, so it finds rows sound that say nothing any more.
fn read_through(db: &Connection) -> rusqlite::Result<()> {
    device::known(db)?;
    command::read_through(db)?;
    draft::read_through(db)?;
    read_mark::all(db).map(drop)
}
