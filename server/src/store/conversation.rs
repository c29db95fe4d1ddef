//! Conversations: kind, title, and the counters that number their events.

use fil_protocol::{AccountId, ConversationId, ConversationRecord, Head, Position, Seq};

use super::{MemberRow, StoreError};

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    /// Id, kind and title.
    pub record: ConversationRecord,
    /// The newest event and the number of messages sent, deleted ones included. Both only grow.
    pub head: Position,
    /// When the newest event was written; never decreases.
    pub last_at_ms: u64,
    /// The horizon of the commit that changed it last.
    pub changed: u64,
}

impl ConversationRow {
    /// The head as frames carry it.
    pub fn head(&self) -> Head {
        Head { conversation: self.record.conversation, seq: self.head.seq }
    }
}

/// Reads.
pub trait ReadConversations {
    /// One conversation.
    fn conversation(&self, conversation: ConversationId) -> Result<Option<ConversationRow>, StoreError>;

    /// The conversations that an account is a member of, most recently changed first, with its membership.
    fn conversations_of(&self, account: AccountId) -> Result<Vec<(ConversationRow, MemberRow)>, StoreError>;

    /// The number of messages with a `seq` up to and including this one, deleted ones included.
    fn sent_up_to(&self, conversation: ConversationId, seq: Seq) -> Result<u64, StoreError>;

    /// Numbers of deleted messages in `(after, before)`, ascending: the highest `numbers_max`.
    fn deleted_between(
        &self,
        conversation: ConversationId,
        after: Seq,
        before: Seq,
        numbers_max: usize,
    ) -> Result<Vec<Seq>, StoreError>;

    /// How many messages with a number above `after` are deleted: for [`fil_protocol::unread()`].
    fn count_deleted_after(&self, conversation: ConversationId, after: Seq) -> Result<u64, StoreError>;
}

/// Writes.
pub trait WriteConversations {
    /// Adds a conversation without events.
    fn create_conversation(&self, record: &ConversationRecord) -> Result<(), StoreError>;

    /// Moves the counters on after an event, and marks the conversation changed in this commit.
    fn advance(&self, conversation: ConversationId, head: Position, at_ms: u64) -> Result<(), StoreError>;

    /// Replaces the title.
    fn set_title(&self, conversation: ConversationId, title: &str) -> Result<(), StoreError>;

    /// Records that the message with this number was deleted.
    fn record_deletion(&self, conversation: ConversationId, seq: Seq) -> Result<(), StoreError>;
}
