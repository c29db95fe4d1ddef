//! Who acts, and who no longer may. Everything done for an actor is done inside its organisation.

use fil_protocol::{AccountId, DeviceId, OrganisationId};

/// A signed-in device of an account. The edge makes one from an access token; nothing inside checks tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The organisation, which bounds everything that the actor can reach.
    pub organisation: OrganisationId,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
}

/// Who may no longer be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// One device; its sockets are told [`fil_protocol::ErrorCode::DeviceRevoked`].
    Device(DeviceId),
    /// All devices of a disabled account; their sockets are told [`fil_protocol::ErrorCode::AccountDisabled`].
    Account(AccountId),
}
