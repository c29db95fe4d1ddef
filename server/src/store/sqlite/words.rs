//! What a transaction keeps until its commit: the horizon that it writes, and its changes to the index of words.
//!
//! FTS5 writes out everything it has gathered at every savepoint, and each time makes a new segment of its index. A
//! batch has a savepoint per command, so the changes are kept here and written once, before the commit. The price: a
//! search inside the write transaction does not see them, and nothing searches there.

use std::cell::{Cell, RefCell};

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

/// What is kept until the commit.
#[derive(Default)]
pub(super) struct Batch {
    horizon: Cell<u64>,
    changed: Cell<bool>,
    words: RefCell<Vec<WordsChange>>,
    /// The length of `words` at each savepoint.
    places: RefCell<Vec<usize>>,
}

impl Batch {
    pub(super) fn begin(&self, committed: u64) {
        self.horizon.set(committed + 1);
    }

    /// The horizon of this transaction.
    pub(super) fn horizon(&self) -> u64 {
        self.horizon.get()
    }

    /// A conversation changed: the horizon moves with this commit.
    pub(super) fn change(&self) -> u64 {
        self.changed.set(true);
        self.horizon.get()
    }

    pub(super) fn new_horizon(&self) -> Option<u64> {
        self.changed.get().then(|| self.horizon.get())
    }

    pub(super) fn index(&self, change: WordsChange) {
        self.words.borrow_mut().push(change);
    }

    pub(super) fn savepoint(&self) {
        self.places.borrow_mut().push(self.words.borrow().len());
    }

    pub(super) fn roll_back(&self) {
        if let Some(length) = self.places.borrow_mut().pop() {
            self.words.borrow_mut().truncate(length);
        }
    }

    pub(super) fn release(&self) {
        self.places.borrow_mut().pop();
    }

    pub(super) fn write_words(&self, connection: &Connection) -> Result<(), StoreError> {
        for change in self.words.take() {
            match change {
                WordsChange::Add { document, scope, text } => connection
                    .prepare_cached("INSERT INTO item_words (rowid, scope, words) VALUES (?1, ?2, ?3)")?
                    .execute(params![document, scope, fil_words::index(&text)])?,
                WordsChange::Remove { document, scope, text } => connection
                    .prepare_cached(
                        "INSERT INTO item_words (item_words, rowid, scope, words) VALUES ('delete', ?1, ?2, ?3)",
                    )?
                    .execute(params![document, scope, fil_words::index(&text)])?,
            };
        }
        Ok(())
    }
}
