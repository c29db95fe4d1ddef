//! Accounts: people and bots of an organisation.

use fil_protocol::{AccountId, Profile};

use super::StoreError;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// How others see it.
    pub profile: Profile,
    /// The hash of its password; none before an invite was accepted.
    pub password_hash: Option<String>,
    /// When it was made.
    pub created_at_ms: u64,
    /// When an administrator disabled it.
    pub disabled_at_ms: Option<u64>,
}

/// Reads.
pub trait ReadAccounts {
    /// One account.
    fn account(&self, account: AccountId) -> Result<Option<AccountRow>, StoreError>;

    /// The account with this handle.
    fn account_by_handle(&self, handle: &str) -> Result<Option<AccountRow>, StoreError>;

    /// All accounts, disabled ones too, by handle: for the administrator.
    fn accounts(&self) -> Result<Vec<AccountRow>, StoreError>;

    /// Accounts in use whose handle, or a word of whose name, begins with the query, by name. An empty query finds all.
    fn find_accounts(&self, query: &str, rows_max: usize) -> Result<Vec<Profile>, StoreError>;

    /// The newest revision of the account's stream.
    fn account_rev(&self, account: AccountId) -> Result<u64, StoreError>;
}

/// Writes.
pub trait WriteAccounts {
    /// Adds an account; [`StoreError::Exists`] if id or handle are taken.
    fn create_account(&self, account: &AccountRow) -> Result<(), StoreError>;

    /// Sets the hash of the password.
    fn set_password_hash(&self, account: AccountId, hash: &str) -> Result<(), StoreError>;

    /// Disables (`Some`, with the time) or enables the account.
    fn set_disabled(&self, account: AccountId, at_ms: Option<u64>) -> Result<(), StoreError>;
}
