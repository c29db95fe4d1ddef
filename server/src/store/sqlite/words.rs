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

const ADD: &str = "INSERT INTO item_words (rowid, scope, words) VALUES (?1, ?2, ?3)";
const REMOVE: &str = "INSERT INTO item_words (item_words, rowid, scope, words) VALUES ('delete', ?1, ?2, ?3)";

/// Writes changes, in this order.
pub(super) fn write<'w>(
    connection: &Connection,
    mut changes: impl ExactSizeIterator<Item = &'w WordsChange>,
) -> Result<(), StoreError> {
    if changes.len() == 0 {
        return Ok(());
    }
    let mut adding = connection.prepare_cached(ADD)?;
    changes.try_for_each(|change| {
        match change {
            WordsChange::Add { document, scope, text } => {
                adding.execute(params![document, scope, fil_words::index(text)])?
            }
            WordsChange::Remove { document, scope, text } => {
                connection.prepare_cached(REMOVE)?.execute(params![document, scope, fil_words::index(text)])?
            }
        };
        Ok(())
    })
}
