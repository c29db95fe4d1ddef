//! Devices: signed-in apps, each with its command numbers and its refresh counter.

use fil_protocol::{AccountId, DeviceId, Generation};

use super::StoreError;

/// A device as it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDevice {
    /// Its id.
    pub device: DeviceId,
    /// Whose.
    pub account: AccountId,
    /// What the person calls it.
    pub name: String,
    /// When it signed in.
    pub created_at_ms: u64,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id.
    pub device: DeviceId,
    /// Whose.
    pub account: AccountId,
    /// What the person calls it.
    pub name: String,
    /// When it signed in.
    pub created_at_ms: u64,
    /// When it was revoked. A revoked device never comes back.
    pub revoked_at_ms: Option<u64>,
    /// How often its refresh token was rotated: the counter of the token that is valid now.
    pub refresh_counter: u64,
    /// When something that came with that token was first used; none while it was not. Its predecessor may still be
    /// presented then.
    pub refresh_seen_at_ms: Option<u64>,
}

/// How far a device's commands are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The series of numbers; none before the first command.
    pub generation: Option<Generation>,
    /// The last number applied in it.
    pub applied: u64,
    /// Verdicts up to here are stored on the device and no longer here.
    pub acknowledged: u64,
    /// Neither the device is revoked nor its account disabled.
    pub active: bool,
}

/// Reads.
pub trait ReadDevices {
    /// One device.
    fn device(&self, device: DeviceId) -> Result<Option<DeviceRow>, StoreError>;

    /// The devices of an account that are not revoked, oldest first.
    fn devices_of(&self, account: AccountId) -> Result<Vec<DeviceRow>, StoreError>;

    /// How far its commands are.
    fn progress(&self, device: DeviceId) -> Result<Option<Progress>, StoreError>;
}

/// Writes.
pub trait WriteDevices {
    /// Adds a device, with refresh counter 0.
    fn create_device(&self, device: &NewDevice) -> Result<(), StoreError>;

    /// Sets the refresh counter, whatever it was: a device may be ahead of a restored backup. Nothing that comes with it
    /// was seen in use. What a counter means is [`crate::auth::refresh`]'s; here it is only kept.
    fn set_refresh_counter(&self, device: DeviceId, counter: u64) -> Result<(), StoreError>;

    /// Notes when something that came with the newest refresh token was first used; a second time changes nothing.
    fn set_refresh_seen(&self, device: DeviceId, at_ms: u64) -> Result<(), StoreError>;

    /// Revokes the device; a second time changes nothing.
    fn revoke_device(&self, device: DeviceId, at_ms: u64) -> Result<(), StoreError>;

    /// Begins a series of numbers: nothing applied, all verdicts gone.
    fn start_generation(&self, device: DeviceId, generation: Generation) -> Result<(), StoreError>;

    /// Records the number last applied.
    fn set_applied(&self, device: DeviceId, no: u64) -> Result<(), StoreError>;

    /// Forgets the verdicts up to this number. Never goes back, never beyond the last number applied.
    fn acknowledge(&self, device: DeviceId, no: u64) -> Result<(), StoreError>;
}
