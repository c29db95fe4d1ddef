//! Accounts, and the entries of the account stream.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, ConversationId, ConversationKind, Position};

/// How an account is shown to others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Profile {
    /// The account.
    pub account: AccountId,
    /// The short name that people type: unique in the organisation, lower case.
    pub handle: String,
    /// The name that people read.
    pub name: String,
}

/// One entry of the account stream: the newest value of a key. An entry of an unknown type is kept and skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AccountEntry {
    /// An entry that this version knows.
    Known(KnownAccountEntry),
    /// An entry of a newer version.
    Unknown(Value),
}

/// The account entries of this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KnownAccountEntry {
    /// A conversation of the account; its key is the conversation.
    Conversation(ConversationEntry),
}

/// What an account has to say about one of its conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationEntry {
    /// Which.
    pub conversation: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// False once the account left or was removed: the client then deletes its copy.
    pub member: bool,
    /// How far the account has read, on whichever device went furthest.
    pub read: Position,
}
