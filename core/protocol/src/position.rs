//! Where something stands: numbers in a stream, and the streams themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ConversationId;

/// The number of an event in its conversation. The first is 1 and there is no gap; 0 means "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Seq(#[serde(deserialize_with = "crate::number::deserialize")] pub u64);

impl Seq {
    /// Before the first event.
    pub const ZERO: Self = Self(0);

    /// The number that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one; 0 stays 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A stream as a client names it. The account stream is always the asking account's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// The keyed stream of the signed-in account.
    Account,
    /// The log of one conversation.
    Conversation(ConversationId),
}

/// The newest number of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Head {
    /// The conversation.
    pub conversation: ConversationId,
    /// Its newest event.
    pub seq: Seq,
}

/// A place in a conversation together with the number of messages sent up to it.
///
/// Both only ever grow, and `sent` at a given `seq` never changes, which is what makes unread counts arithmetic
/// (see [`crate::unread()`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Position {
    /// The event.
    pub seq: Seq,
    /// How many messages have a number up to and including `seq`, deleted ones included.
    #[serde(deserialize_with = "crate::number::deserialize")]
    pub sent: u64,
}
