//! Events: the log of a conversation.

use fil_protocol::{ConversationId, Event, Item, Seq};

use super::StoreError;

/// Reads.
pub trait ReadEvents {
    /// The events after a cursor, in order; none if there are more than `events_max` or they have more than `bytes_max`
    /// bytes of JSON in all: then a window is the cheaper answer.
    fn events_after(
        &self,
        conversation: ConversationId,
        after: Seq,
        events_max: usize,
        bytes_max: usize,
    ) -> Result<Option<Vec<Event>>, StoreError>;

    /// One event.
    fn event(&self, conversation: ConversationId, seq: Seq) -> Result<Option<Event>, StoreError>;
}

/// Writes.
pub trait WriteEvents {
    /// Appends an event, and with it the item that it makes, if it makes one. Its number must be the conversation's next;
    /// [`StoreError::Exists`] if the number is taken.
    fn append_event(&self, conversation: ConversationId, event: &Event) -> Result<(), StoreError>;

    /// Deletes the content of a message: its event and all its edits become tombstones with the same numbers, its item
    /// becomes this one, and its words leave the index. Nothing else of `deleted` is looked at than its number, `rev` and
    /// body, which is [`fil_protocol::ItemBody::Deleted`].
    fn bury_message(&self, conversation: ConversationId, deleted: &Item) -> Result<(), StoreError>;
}
