//! `cache.db`: large and disposable. Everything that the server can give again, with a full-text index.

pub mod conversation;
pub mod deletion;
pub mod event;
pub mod item;
pub mod member;
pub mod range;
pub mod state;
pub mod window;

use super::schema::Migrations;

/// The schema, version by version. A cache of a newer version is moved aside and built again.
pub(super) const MIGRATIONS: Migrations = &[concat!(
    state::table!(),
    conversation::table!(),
    member::table!(),
    item::table!(),
    deletion::table!(),
    range::table!(),
    event::table!()
)];
