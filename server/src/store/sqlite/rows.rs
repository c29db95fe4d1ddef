//! Rows of one kind that the writer keeps in memory: what it has read, and what waits to be written.
//!
//! A send reads and changes the same few small rows again and again: the conversation's counters, the author's
//! membership, revision and progress. They are read once, changed here, and each is written once per transaction,
//! whatever the number of commands that changed it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::layers::{Layered, Layers};

/// Rows of one kind that are kept; more are forgotten all at once, and read again when they are needed.
const KEPT_MAX: usize = 8_192;

/// Rows of one kind, by their key.
pub(super) struct Rows<K, V> {
    /// What the database has.
    kept: HashMap<K, V>,
    /// What it is to have.
    changed: Layers<K, V>,
}

impl<K: Ord, V> Default for Rows<K, V> {
    fn default() -> Self {
        Self { kept: HashMap::new(), changed: Layers::default() }
    }
}

impl<K: Ord + Hash + Copy, V: Clone> Rows<K, V> {
    /// The row as the transaction sees it, if it is here.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.changed.get(key).or_else(|| self.kept.get(key)).cloned()
    }

    /// Remembers what was just read.
    pub(super) fn keep(&mut self, key: K, row: V) {
        if self.kept.len() >= KEPT_MAX {
            self.kept.clear();
        }
        self.kept.insert(key, row);
    }

    /// Changes a row; it waits to be written.
    pub(super) fn put(&mut self, key: K, row: V) {
        self.changed.put(key, row);
    }

    /// What waits in one layer, to be written now: from here on the database has it.
    pub(super) fn take(&mut self, layer: usize) -> BTreeMap<K, V> {
        let rows = self.changed.take(layer);
        for (key, row) in &rows {
            self.keep(*key, row.clone());
        }
        rows
    }

    /// Forgets what the database has: it was changed by other ways than through here, or a change of it was undone.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
    }
}

impl<K: Ord, V> Layered for Rows<K, V> {
    fn savepoint(&mut self) {
        self.changed.savepoint();
    }

    fn roll_back(&mut self) {
        self.changed.roll_back();
    }

    fn release(&mut self) {
        self.changed.release();
    }

    fn reset(&mut self) {
        self.changed.reset();
    }

    fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written is what the database has; what is forgotten is read again.
    #[test]
    fn a_row_is_kept_from_reading_or_writing_until_it_is_forgotten() {
        let mut rows = Rows::default();
        rows.keep(1, "read");
        assert_eq!((rows.get(&1), rows.get(&2), rows.is_empty()), (Some("read"), None, true));
        rows.put(1, "changed");
        assert_eq!((rows.get(&1), rows.is_empty()), (Some("changed"), false));
        assert_eq!(rows.take(0).into_iter().collect::<Vec<_>>(), [(1, "changed")]);
        assert_eq!((rows.get(&1), rows.is_empty()), (Some("changed"), true));
        rows.forget();
        assert_eq!(rows.get(&1), None);
    }

    #[test]
    fn a_bounded_number_of_rows_is_kept() {
        let mut rows = Rows::default();
        for key in 0..KEPT_MAX * 3 {
            rows.keep(key, key);
        }
        assert!(rows.kept.len() <= KEPT_MAX);
    }
}
