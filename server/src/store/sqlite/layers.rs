//! Changes that wait in memory to be written, in layers: one for the transaction, and one for each place to roll back to
//! (see [`crate::store::Transaction::savepoint`]), so that undoing a command is dropping its layer.
//!
//! Ordered maps, because the order of writing shows in the bytes of the file, and the simulation repeats a run from its
//! seed.

use std::collections::BTreeMap;
use std::mem;

/// What has a layer per place to roll back to.
pub(super) trait Layered {
    /// Puts a layer on top.
    fn savepoint(&mut self);

    /// Drops the layer on top.
    fn roll_back(&mut self);

    /// Joins the layer on top with the one below.
    fn release(&mut self);

    /// Drops what waits in every layer.
    fn reset(&mut self);

    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
}

/// Changes by their key.
pub(super) struct Layers<K, V> {
    /// Never empty: the transaction's own layer is the first.
    layers: Vec<BTreeMap<K, V>>,
}

impl<K: Ord, V> Default for Layers<K, V> {
    fn default() -> Self {
        Self { layers: vec![BTreeMap::new()] }
    }
}

impl<K: Ord, V> Layers<K, V> {
    /// The newest change of this key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.layers.iter().rev().find_map(|layer| layer.get(key))
    }

    /// Changes something in the layer on top.
    pub(super) fn put(&mut self, key: K, value: V) {
        if let Some(layer) = self.layers.last_mut() {
            layer.insert(key, value);
        }
    }

    /// Changes something in another layer.
    pub(super) fn put_in(&mut self, layer: usize, key: K, value: V) {
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.insert(key, value);
        }
    }

    /// What waits in one layer, to be written now.
    pub(super) fn take(&mut self, layer: usize) -> BTreeMap<K, V> {
        self.layers.get_mut(layer).map(mem::take).unwrap_or_default()
    }
}

impl<K: Ord, V> Layered for Layers<K, V> {
    fn savepoint(&mut self) {
        self.layers.push(BTreeMap::new());
    }

    fn roll_back(&mut self) {
        if self.layers.len() > 1 {
            self.layers.pop();
        }
    }

    fn release(&mut self) {
        if self.layers.len() > 1
            && let Some(layer) = self.layers.pop()
            && let Some(below) = self.layers.last_mut()
        {
            // One by one: `append` builds the larger map anew for every command.
            below.extend(layer);
        }
    }

    fn reset(&mut self) {
        self.layers.truncate(1);
        self.take(0);
    }

    fn is_empty(&self) -> bool {
        self.layers.iter().all(BTreeMap::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is changed is seen at once, goes with its place, and is handed out layer by layer.
    #[test]
    fn changes_follow_the_places_to_roll_back_to() {
        let mut layers = Layers::default();
        layers.put(1, "changed");
        layers.savepoint();
        layers.put(1, "undone");
        layers.put(2, "undone");
        assert_eq!((layers.get(&1), layers.get(&2)), (Some(&"undone"), Some(&"undone")));
        layers.roll_back();
        assert_eq!((layers.get(&1), layers.get(&2)), (Some(&"changed"), None));
        layers.savepoint();
        layers.put(1, "later");
        assert_eq!(layers.take(0).into_iter().collect::<Vec<_>>(), [(1, "changed")]);
        layers.release();
        assert_eq!(layers.take(0).into_iter().collect::<Vec<_>>(), [(1, "later")]);
        assert!(layers.is_empty());
    }
}
