//! Events: the durable changes of a conversation, each with its number.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, ConversationKind, Member, MembershipChange, MessageId, Seq};

/// One durable change of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: gap-free in its conversation.
    pub seq: Seq,
    /// Server time in milliseconds since 1970; never decreases within a conversation.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub at_ms: u64,
    /// Who caused it.
    pub author: AccountId,
    /// What changed.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What an event says. An event of an unknown type is stored as it came and skipped, and the cursor moves on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventBody {
    /// An event that this version knows.
    Known(KnownEvent),
    /// An event of a newer version, or one that does not decode.
    Unknown(Value),
}

/// The events of this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KnownEvent {
    /// The conversation begins; always number 1.
    Created {
        /// Direct or group.
        kind: ConversationKind,
        /// The title of a group.
        title: Option<String>,
        /// The first members, the author among them.
        members: Vec<Member>,
    },
    /// A message was written.
    Message {
        /// Its id, chosen by the author's device.
        id: MessageId,
        /// Its text.
        text: String,
        /// Its ordinal: how many messages the conversation has had, this one included.
        #[serde(deserialize_with = "crate::number::deserialize")]
        sent: u64,
        /// The author's clock when it was written, in milliseconds since 1970. Shown only if plausible, never an order.
        #[serde(deserialize_with = "crate::number::deserialize")]
        composed_at_ms: u64,
    },
    /// The text of a message was replaced by its author.
    Edit {
        /// Which message.
        message: MessageId,
        /// The number of the message, so that a client without it can skip the event.
        target: Seq,
        /// The new text.
        text: String,
    },
    /// A message was deleted. Its own event has become a [`KnownEvent::Tombstone`] in the same commit.
    Deletion {
        /// Which message.
        message: MessageId,
        /// The number of the message.
        target: Seq,
    },
    /// What is left of a deleted message, or of an edit of one: the number, without the content.
    Tombstone {
        /// The message that was deleted.
        message: MessageId,
        /// The ordinal, if this was the message itself; none if it was an edit.
        sent: Option<u64>,
    },
    /// Somebody joined, left or was removed.
    Membership {
        /// Who, with the role held from now on (or until now).
        member: Member,
        /// What happened.
        change: MembershipChange,
    },
    /// The group has a new title.
    Title {
        /// The title.
        title: String,
    },
}

impl Event {
    /// The known event inside, if this version knows it.
    pub fn known(&self) -> Option<&KnownEvent> {
        match &self.body {
            EventBody::Known(known) => Some(known),
            EventBody::Unknown(_) => None,
        }
    }
}
