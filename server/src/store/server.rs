//! What belongs to the server as a whole: its epoch, its horizon, its organisations, and the few look-ups by a secret
//! or an id that come before the organisation is known.

use fil_protocol::{Epoch, OrganisationId};

use super::{InviteHash, StoreError};
use crate::actor::{Actor, Revoked};

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationRow {
    /// Its id.
    pub id: OrganisationId,
    /// Its short name, unique on the server.
    pub slug: String,
    /// Its name for people.
    pub name: String,
}

/// Server-wide reads.
pub trait ReadServer {
    /// The history that all numbers belong to.
    fn epoch(&self) -> Result<Epoch, StoreError>;

    /// The history that this one began after; none if the database was never restored.
    fn epoch_before(&self) -> Result<Option<Epoch>, StoreError>;

    /// The number of the last commit that changed a conversation or the stream of an account.
    fn committed_horizon(&self) -> Result<u64, StoreError>;

    /// The mark in force at a horizon: the newest one at or before it. None before the first that is kept.
    fn mark_at(&self, horizon: u64) -> Result<Option<u64>, StoreError>;

    /// All organisations, by short name.
    fn organisations(&self) -> Result<Vec<OrganisationRow>, StoreError>;

    /// The organisation with this short name.
    fn organisation_by_slug(&self, slug: &str) -> Result<Option<OrganisationRow>, StoreError>;

    /// Whose device this is, revoked or not: for a refresh token, which names the device alone.
    fn owner_of_device(&self, device: fil_protocol::DeviceId) -> Result<Option<Actor>, StoreError>;

    /// The devices that were revoked and the accounts that were disabled at this time or later, on the whole server: a
    /// running server asks it to notice what another process did.
    fn revoked_since(&self, at_ms: u64) -> Result<Vec<Revoked>, StoreError>;

    /// The organisation that an invite is for: for an invite link, which carries its secret alone.
    fn organisation_of_invite(&self, hash: &InviteHash) -> Result<Option<OrganisationId>, StoreError>;
}

/// Server-wide writes.
pub trait WriteServer {
    /// Adds an organisation; [`StoreError::Exists`] if id or short name are taken.
    fn create_organisation(&self, organisation: &OrganisationRow) -> Result<(), StoreError>;

    /// Begins another history.
    fn set_epoch(&self, epoch: Epoch) -> Result<(), StoreError>;

    /// From this horizon on, which is the transaction's, this mark is in force.
    fn add_mark(&self, horizon: u64, mark: u64, at_ms: u64) -> Result<(), StoreError>;

    /// Forgets marks that are older than this; the newest one stays.
    fn forget_marks(&self, before_ms: u64) -> Result<(), StoreError>;
}
