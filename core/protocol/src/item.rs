//! Items: what a timeline shows, with every later change already applied.
//!
//! A client that was away too long does not replay events; it takes a [`Window`] of items. Both ways must end in the
//! same state: `apply(window@S, events S+1..T) == window@T`, tested for every event type.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, ConversationKind, ConversationRecord, Event, KnownEvent, Member, MembershipChange, MessageId, Position,
    Seq,
};

/// One thing in a timeline: a message or a notice, as of [`Item::rev`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Item {
    /// The number of the event that made it.
    pub seq: Seq,
    /// The number of the last event that touched it. Of two copies the one with the higher `rev` wins.
    pub rev: Seq,
    /// Server time of the event that made it, in milliseconds since 1970.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub at_ms: u64,
    /// Who caused it.
    pub author: AccountId,
    /// What it shows.
    #[serde(flatten)]
    pub body: ItemBody,
}

/// What an item shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ItemBody {
    /// A message.
    Message {
        /// Its id.
        id: MessageId,
        /// Its ordinal in the conversation.
        #[serde(deserialize_with = "crate::number::deserialize")]
        sent: u64,
        /// Its newest text.
        text: String,
        /// The author's clock when it was written.
        #[serde(deserialize_with = "crate::number::deserialize")]
        composed_at_ms: u64,
        /// Whether the text was ever replaced.
        edited: bool,
    },
    /// A message that was deleted.
    Deleted {
        /// Its id.
        id: MessageId,
        /// Its ordinal in the conversation.
        #[serde(deserialize_with = "crate::number::deserialize")]
        sent: u64,
    },
    /// The conversation began.
    Created {
        /// Direct or group.
        kind: ConversationKind,
        /// The first title of a group.
        title: Option<String>,
    },
    /// Somebody joined, left or was removed.
    Membership {
        /// Who.
        member: Member,
        /// What happened.
        change: MembershipChange,
    },
    /// The group got a title.
    Title {
        /// The title.
        title: String,
    },
}

impl Item {
    /// The item that an event makes by itself; none for an event that only changes another item.
    pub fn from_event(event: &Event) -> Option<Self> {
        let Event { seq, at_ms, author, .. } = *event;
        Some(Self { seq, rev: seq, at_ms, author, body: ItemBody::from_event(event.known()?)? })
    }
}

impl ItemBody {
    /// The item that an event makes by itself; none for an event that only changes another item.
    pub fn from_event(event: &KnownEvent) -> Option<Self> {
        Some(match event {
            KnownEvent::Message { id, text, sent, composed_at_ms } => Self::Message {
                id: *id,
                sent: *sent,
                text: text.clone(),
                composed_at_ms: *composed_at_ms,
                edited: false,
            },
            KnownEvent::Tombstone { message, sent: Some(sent) } => Self::Deleted { id: *message, sent: *sent },
            KnownEvent::Created { kind, title, .. } => Self::Created { kind: *kind, title: title.clone() },
            KnownEvent::Membership { member, change } => Self::Membership { member: member.clone(), change: *change },
            KnownEvent::Title { title } => Self::Title { title: title.clone() },
            KnownEvent::Edit { .. } | KnownEvent::Deletion { .. } | KnownEvent::Tombstone { sent: None, .. } => {
                return None;
            }
        })
    }

    /// The id of the message, if the item is one, deleted or not.
    pub fn message(&self) -> Option<MessageId> {
        match self {
            Self::Message { id, .. } | Self::Deleted { id, .. } => Some(*id),
            Self::Created { .. } | Self::Membership { .. } | Self::Title { .. } => None,
        }
    }
}

/// A conversation as of one event, with its newest items: what a client takes instead of a long list of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Kind and title.
    pub record: ConversationRecord,
    /// All members, by account id.
    pub members: Vec<Member>,
    /// The newest items, oldest first: every item with a number in `from..=as_of.seq`.
    pub items: Vec<Item>,
    /// The lowest number that `items` covers.
    pub from: Seq,
    /// The head that all of this is true for.
    pub as_of: Position,
    /// Older items (numbers below `from`) changed since the cursor that was asked for.
    pub changed: Vec<Item>,
    /// True if `changed` would have been too long: the client drops its items below `from`.
    pub reset: bool,
    /// Numbers of deleted messages between the account's read position and `from`, for the unread count: the newest
    /// [`crate::limits::WINDOW_DELETED_MAX`]. Where more unread messages than that were deleted, the count is too high
    /// by the rest until the account reads on; a frame without a bound would be worse.
    pub deleted: Vec<Seq>,
}
