//! `cache.db`: large and disposable. Everything that the server can give again, with a full-text index.

pub(crate) mod conversation;
pub(crate) mod deletion;
pub(crate) mod event;
pub(crate) mod item;
pub(crate) mod member;
pub(crate) mod range;
pub(crate) mod state;
pub(crate) mod unknown;
pub(crate) mod window;

use super::schema::Migrations;

/// The schema, version by version. A cache of a newer version is moved aside and built again.
pub(super) const MIGRATIONS: Migrations = &[
    concat!(
        state::table!(),
        conversation::table!(),
        member::table!(),
        item::table!(),
        deletion::table!(),
        range::table!(),
        unknown::table!()
    ),
    concat!(item::index_by_conversation!(), conversation::summary!()),
    state::stamp!(),
];
