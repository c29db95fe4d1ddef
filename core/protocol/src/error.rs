//! Errors that cross the wire. A code exists only where some caller acts on it.

use serde::{Deserialize, Serialize};

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum ErrorCode {
    /// The frame, body or parameter does not have the shape that the protocol asks for.
    Malformed,
    /// The content breaks a rule that `detail` names (empty text, unknown handle, wrong kind of conversation).
    Invalid,
    /// Larger than a limit that `detail` names.
    TooLarge,
    /// It does not exist, or not for this account: the two are not told apart.
    NotFound,
    /// It exists for this account, but the account may not do this with it.
    Forbidden,
    /// The id is taken by something else.
    Conflict,
    /// This version of the server does not know the command, frame or route.
    Unsupported,
    /// The client is older than the oldest version that the server speaks.
    ClientTooOld,
    /// The client is newer than the server speaks.
    ClientTooNew,
    /// Nobody is signed in: the credentials or tokens are missing or wrong.
    Unauthorised,
    /// The access token is no longer valid; refresh it.
    TokenExpired,
    /// The device was revoked, or its refresh token was used twice: sign in again.
    DeviceRevoked,
    /// The account was disabled by an administrator.
    AccountDisabled,
    /// A command came with a number that does not follow the last one applied; nothing was applied.
    OutOfOrder,
    /// Too many requests; wait `retry_after_ms`.
    RateLimited,
    /// The server is starting, stopping or out of room; wait `retry_after_ms`.
    Unavailable,
    /// The receiver did not read fast enough; connect again.
    TooSlow,
    /// The server failed. Nothing was applied; try again later.
    Internal,
    /// A code of a newer version. Treated as transient, so that nothing is given up for a misunderstanding.
    #[serde(other)]
    Unknown,
}

/// What happens next, for each code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Try the same again, later.
    Transient,
    /// Refresh the access token, then try the same again.
    Refresh,
    /// Only a person can go on: sign in again.
    SignIn,
    /// Only another version can go on.
    Update,
    /// Refused for good.
    Permanent,
}

impl ErrorCode {
    /// What happens next.
    pub fn class(self) -> Class {
        match self {
            Self::OutOfOrder
            | Self::RateLimited
            | Self::Unavailable
            | Self::TooSlow
            | Self::Internal
            | Self::Unknown => Class::Transient,
            Self::TokenExpired => Class::Refresh,
            Self::Unauthorised | Self::DeviceRevoked | Self::AccountDisabled => Class::SignIn,
            Self::ClientTooOld | Self::ClientTooNew => Class::Update,
            Self::Malformed
            | Self::Invalid
            | Self::TooLarge
            | Self::NotFound
            | Self::Forbidden
            | Self::Conflict
            | Self::Unsupported => Class::Permanent,
        }
    }
}

/// An error as it is sent: a code to act on and a sentence for whoever reads the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code:?}: {detail}")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProtocolError {
    /// What a program acts on.
    pub code: ErrorCode,
    /// What to do about it, in English, without personal data. Not meant for the screen.
    pub detail: String,
    /// How long to wait before trying again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl ProtocolError {
    /// An error without a waiting time.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: None }
    }

    /// An error that says how long to wait.
    pub fn retry_after(code: ErrorCode, detail: impl Into<String>, retry_after_ms: u64) -> Self {
        Self { code, detail: detail.into(), retry_after_ms: Some(retry_after_ms) }
    }
}
