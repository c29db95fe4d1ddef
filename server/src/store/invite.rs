//! Invites: one-time secrets that let a person set a password. Only the hash of a secret is stored.

use fil_protocol::AccountId;

use super::StoreError;

/// A hash (SHA-256) of an invite's secret.
pub type InviteHash = [u8; 32];

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteRow {
    /// The hash of its secret.
    pub hash: InviteHash,
    /// The account that it signs in.
    pub account: AccountId,
    /// Until when.
    pub expires_at_ms: u64,
    /// When it was used.
    pub used_at_ms: Option<u64>,
}

/// Reads.
pub trait ReadInvites {
    /// One invite.
    fn invite(&self, hash: &InviteHash) -> Result<Option<InviteRow>, StoreError>;
}

/// Writes.
pub trait WriteInvites {
    /// Adds an invite and removes earlier unused ones of the account.
    fn create_invite(&self, invite: &InviteRow) -> Result<(), StoreError>;

    /// Uses an invite: its account, if the invite exists, is unused and not expired.
    fn use_invite(&self, hash: &InviteHash, now_ms: u64) -> Result<Option<AccountId>, StoreError>;
}
