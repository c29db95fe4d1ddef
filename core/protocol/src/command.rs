//! Commands: the durable changes that a client asks for.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, ConversationId, ConversationKind, MessageId};

/// A command as it arrives. One that this version does not know still consumes its number, with a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RawCommand {
    /// A command that this version knows.
    Known(Command),
    /// A command of a newer client, or one that does not decode.
    Unknown(Value),
}

/// The commands of this version. Applying one twice is prevented by its number, and survived by its ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Begin a conversation. Beginning a direct one that exists already is accepted and changes nothing.
    CreateConversation {
        /// Its id: [`ConversationId::direct`] for a direct one, a new UUIDv7 for a group.
        conversation: ConversationId,
        /// Direct or group.
        kind: ConversationKind,
        /// The title of a group; none for a direct one.
        title: Option<String>,
        /// The other members.
        members: Vec<AccountId>,
    },
    /// Write a message.
    SendMessage {
        /// Where.
        conversation: ConversationId,
        /// Its id, new.
        message: MessageId,
        /// Its text.
        text: String,
        /// The device's clock when it was written, in milliseconds since 1970.
        #[serde(deserialize_with = "crate::number::deserialize")]
        composed_at_ms: u64,
    },
    /// Replace the text of an own message.
    EditMessage {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
        /// The new text.
        text: String,
    },
    /// Delete a message for everybody.
    DeleteMessage {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// Give a group another title.
    SetTitle {
        /// Which group.
        conversation: ConversationId,
        /// The title.
        title: String,
    },
    /// Add an account of the organisation to a group.
    AddMember {
        /// Which group.
        conversation: ConversationId,
        /// Who.
        account: AccountId,
    },
    /// Remove an account from a group, or leave it.
    RemoveMember {
        /// Which group.
        conversation: ConversationId,
        /// Who; oneself to leave.
        account: AccountId,
    },
}

impl Command {
    /// The conversation that the command changes.
    pub fn conversation(&self) -> ConversationId {
        match self {
            Self::CreateConversation { conversation, .. }
            | Self::SendMessage { conversation, .. }
            | Self::EditMessage { conversation, .. }
            | Self::DeleteMessage { conversation, .. }
            | Self::SetTitle { conversation, .. }
            | Self::AddMember { conversation, .. }
            | Self::RemoveMember { conversation, .. } => *conversation,
        }
    }

    /// The message that the command is about, if it is about one.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::SendMessage { message, .. }
            | Self::EditMessage { message, .. }
            | Self::DeleteMessage { message, .. } => Some(*message),
            _ => None,
        }
    }
}
