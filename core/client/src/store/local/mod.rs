//! `local.db`: precious and tiny. What exists nowhere else: the device's numbers, the outbox, drafts, read marks.

pub(crate) mod command;
pub(crate) mod device;
pub(crate) mod draft;
pub(super) mod opening;
pub(crate) mod read_mark;

use super::schema::Migrations;

/// The schema, version by version. Changes are only ever additions, so that a newer file stays readable.
pub(super) const MIGRATIONS: Migrations =
    &[concat!(device::table!(), command::table!(), draft::table!(), read_mark::table!()), command::additions!()];
