//! Exchanging a refresh token for its successor, and noting that the successor arrived: functions over a transaction, like
//! the relay's commands.

use fil_protocol::{ErrorCode, ProtocolError};

use crate::actor::Actor;
use crate::auth::access::Claims;
use crate::auth::refresh::{Decision, Presented, decide};
use crate::store::{AccountRow, DeviceRow, OrganisationRow, StoreError, Transaction};

/// What became of a token that was presented.
pub enum Refreshed {
    /// It has a successor.
    Granted {
        /// Whose it is.
        actor: Actor,
        /// The tenant.
        organisation: OrganisationRow,
        /// The account.
        account: AccountRow,
        /// The successor's counter.
        counter: u64,
        /// Whether this successor was answered before.
        repeated: bool,
    },
    /// It was used before, so a copy of it is about: the device is revoked.
    Reused,
    /// It is good for nothing.
    Refused(ProtocolError),
}

/// Exchanges a genuine token. The caller commits, and closes the sockets of a device that was revoked.
pub fn exchange(
    transaction: &dyn Transaction,
    presented: Presented,
    now_ms: u64,
    grace_ms: u64,
) -> Result<Refreshed, StoreError> {
    let writer = match transaction.organisation(presented.organisation) {
        Err(StoreError::Missing(_)) => return Ok(Refreshed::Refused(unknown())),
        writer => writer?,
    };
    let Some(device) = writer.device(presented.device)? else { return Ok(Refreshed::Refused(unknown())) };
    if device.revoked_at_ms.is_some() {
        let detail = "this device was revoked: sign in again";
        return Ok(Refreshed::Refused(ProtocolError::new(ErrorCode::DeviceRevoked, detail)));
    }
    let organisation = transaction.organisations()?.into_iter().find(|row| row.id == presented.organisation);
    let (Some(organisation), Some(account)) = (organisation, writer.account(device.account)?) else {
        return Ok(Refreshed::Refused(unknown()));
    };
    if account.disabled_at_ms.is_some() {
        return Ok(Refreshed::Refused(disabled()));
    }
    let actor = Actor { organisation: organisation.id, account: device.account, device: device.device };
    let seen_at_ms = device.refresh_seen_at_ms;
    Ok(match decide(presented.counter, device.refresh_counter, seen_at_ms, now_ms, grace_ms) {
        Decision::Rotate { counter } => {
            writer.set_refresh_counter(device.device, counter)?;
            Refreshed::Granted { actor, organisation, account, counter, repeated: false }
        }
        Decision::Repeat { counter } => Refreshed::Granted { actor, organisation, account, counter, repeated: true },
        Decision::Reused => {
            writer.revoke_device(device.device, now_ms)?;
            Refreshed::Reused
        }
    })
}

/// Whether an access token that is being used shows for the first time that a device has its newest refresh token.
pub fn is_news(claims: &Claims, device: &DeviceRow) -> bool {
    claims.refresh == Some(device.refresh_counter) && device.refresh_seen_at_ms.is_none()
}

/// Notes that a device has its newest refresh token, if that is still the one it was seen with.
pub fn note_seen(transaction: &dyn Transaction, claims: &Claims, now_ms: u64) -> Result<(), StoreError> {
    let writer = transaction.organisation(claims.organisation)?;
    match writer.device(claims.device)? {
        Some(device) if is_news(claims, &device) => writer.set_refresh_seen(claims.device, now_ms),
        _ => Ok(()),
    }
}

/// Nobody was given this token, or its device is of a history that a restored backup does not have.
pub fn unknown() -> ProtocolError {
    ProtocolError::new(ErrorCode::Unauthorised, "the refresh token is not valid: sign in again")
}

/// The account of the token is disabled.
pub fn disabled() -> ProtocolError {
    ProtocolError::new(ErrorCode::AccountDisabled, "the account is disabled: ask an administrator")
}
