//! Events: the log of a conversation.

use fil_protocol::{ConversationId, Event, MessageId, Seq};

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
    /// Appends an event. Its number must be the conversation's next; [`StoreError::Exists`] if the number is taken.
    fn append_event(&self, conversation: ConversationId, event: &Event) -> Result<(), StoreError>;

    /// Blanks a message's event and all its edits to tombstones with the same numbers.
    fn bury_message(
        &self,
        conversation: ConversationId,
        message: MessageId,
        seq: Seq,
        sent: u64,
    ) -> Result<(), StoreError>;
}
