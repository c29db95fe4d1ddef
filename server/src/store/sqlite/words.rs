//! The index of words.

use rusqlite::{Connection, params};

use crate::store::StoreError;

/// One change of the index.
pub(super) enum WordsChange {
    /// Add a text.
    Add { document: i64, scope: String, text: String },
    /// Remove a text. An index without content must be told what to remove, and then really removes it: the
    /// `contentless_delete` option keeps the bytes until a later merge, so it was refused.
    Remove { document: i64, scope: String, text: String },
}

/// Writes one change.
pub(super) fn write(connection: &Connection, change: &WordsChange) -> Result<(), StoreError> {
    match change {
        WordsChange::Add { document, scope, text } => connection
            .prepare_cached("INSERT INTO item_words (rowid, scope, words) VALUES (?1, ?2, ?3)")?
            .execute(params![document, scope, fil_words::index(text)])?,
        WordsChange::Remove { document, scope, text } => connection
            .prepare_cached("INSERT INTO item_words (item_words, rowid, scope, words) VALUES ('delete', ?1, ?2, ?3)")?
            .execute(params![document, scope, fil_words::index(text)])?,
    };
    Ok(())
}
