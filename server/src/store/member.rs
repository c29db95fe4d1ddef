//! Members, and with them the account stream's entries about conversations.
//!
//! What an account's stream says about a conversation (kind, member or not, read position) *is* the member row, with
//! the revision at which it last changed. A second copy as JSON was refused: it could disagree.

use fil_protocol::{AccountId, ConversationEntry, ConversationId, Member, Position, Role, Seq};

use super::StoreError;

/// What an account is to a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Whether the account is a member now.
    pub member: bool,
    /// With which rights (held, if it left).
    pub role: Role,
    /// The event that made it so: its joining, or its leaving.
    pub since: Seq,
    /// How far it has read.
    pub read: Position,
    /// The revision of the account stream at which this last changed.
    pub rev: u64,
}

/// A new state of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whose.
    pub account: AccountId,
    /// A member from now on, or no longer.
    pub member: bool,
    /// With which rights.
    pub role: Role,
    /// The event that made it so. Who joins has read up to here: history is not unread.
    pub at: Position,
}

/// Reads.
pub trait ReadMembers {
    /// What this account is to this conversation; none if it never was a member.
    fn member(&self, conversation: ConversationId, account: AccountId) -> Result<Option<MemberRow>, StoreError>;

    /// All members, by account id.
    fn members(&self, conversation: ConversationId) -> Result<Vec<Member>, StoreError>;

    /// How many members there are.
    fn count_members(&self, conversation: ConversationId) -> Result<u64, StoreError>;

    /// How many conversations an account is a member of.
    fn count_conversations(&self, account: AccountId) -> Result<u64, StoreError>;

    /// The entries of the account's stream about the conversations that it is a member of, by revision.
    fn entries(&self, account: AccountId) -> Result<Vec<ConversationEntry>, StoreError>;

    /// The entries of the account's stream with a revision above `after`, by revision, those of conversations that it
    /// left included; at most `entries_max`, the oldest first.
    fn entries_after(
        &self,
        account: AccountId,
        after: u64,
        entries_max: usize,
    ) -> Result<Vec<ConversationEntry>, StoreError>;
}

/// Writes. Each takes the next revision of the account's stream and returns it.
pub trait WriteMembers {
    /// Makes an account a member, or no longer one.
    fn set_membership(&self, membership: Membership) -> Result<u64, StoreError>;

    /// Moves a member's read position. The caller has seen that it is higher than before.
    fn set_read(&self, conversation: ConversationId, account: AccountId, read: Position) -> Result<u64, StoreError>;
}
