//! Items: messages and notices with every later change applied, and the index of their words.

use fil_protocol::{AccountId, ConversationId, Item, MessageId, Seq};

use super::StoreError;

/// The place of a message in the order in which the server stored messages: what pages of hits are cut by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HitNumber(pub u64);

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its place among all hits.
    pub number: HitNumber,
    /// Where.
    pub conversation: ConversationId,
    /// The message.
    pub item: Item,
}

/// Reads.
pub trait ReadItems {
    /// The newest `items_max` items with a number below `before` (none: from the head), oldest first.
    fn items_before(
        &self,
        conversation: ConversationId,
        before: Option<Seq>,
        items_max: usize,
    ) -> Result<Vec<Item>, StoreError>;

    /// Items with a number below `below` that a later event touched after `since`, oldest first, at most `items_max`.
    fn items_touched(
        &self,
        conversation: ConversationId,
        since: Seq,
        below: Seq,
        items_max: usize,
    ) -> Result<Vec<Item>, StoreError>;

    /// A message by its id, deleted or not.
    fn message(&self, conversation: ConversationId, message: MessageId) -> Result<Option<Item>, StoreError>;

    /// Messages that contain all words of a query (see `fil_words::query`) in conversations that the account is a member
    /// of, newest first. None without a word.
    fn search(
        &self,
        account: AccountId,
        query: &str,
        conversation: Option<ConversationId>,
        before: Option<HitNumber>,
        hits_max: usize,
    ) -> Result<Vec<Hit>, StoreError>;
}

/// Writes. Items come with their events ([`super::WriteEvents`]); the index of words follows by itself.
pub trait WriteItems {
    /// Replaces the body and `rev` of the item with this number.
    fn replace_item(&self, conversation: ConversationId, item: &Item) -> Result<(), StoreError>;
}
