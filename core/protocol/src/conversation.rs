//! What a conversation is, apart from its messages.

use serde::{Deserialize, Serialize};

use crate::{AccountId, ConversationId, Profile};

/// The kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ConversationKind {
    /// Two accounts, for ever the same two; it has no title of its own.
    Direct,
    /// Any number of accounts, with a title.
    Group,
}

/// What a member may do in a group. Both members of a direct conversation are plain members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Role {
    /// May write, rename the group, add members, and leave.
    Member,
    /// May also remove members and delete messages of others.
    Owner,
}

/// An account in a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Member {
    /// Who.
    #[serde(flatten)]
    pub profile: Profile,
    /// With which rights.
    pub role: Role,
}

impl Member {
    /// The account behind the member.
    pub fn account(&self) -> AccountId {
        self.profile.account
    }
}

/// How a membership changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum MembershipChange {
    /// Added by the event's author.
    Joined,
    /// Left, or was removed by the event's author.
    Left,
}

/// A conversation as of some event: everything but its items and members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ConversationRecord {
    /// Its id.
    pub conversation: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// The title of a group; a direct conversation has none.
    pub title: Option<String>,
}
