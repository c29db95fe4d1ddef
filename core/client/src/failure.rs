//! From what went wrong inside to what a screen can act on.
//!
//! Every error ends in one of the few [`FailureKind`]s; the sentence beside it is for the log. Neither holds a token, a
//! password or a message.

use fil_protocol::{ErrorCode, ProtocolError};

use crate::auth::AuthError;
use crate::bridge::types::{Failure, FailureKind, RejectReason};
use crate::http::HttpError;
use crate::profile::from_io;
use crate::store::{OpenError, StoreError};

/// Bytes of the sentence beside a failure. A server's own sentence may stand in it, and a server may say anything.
const DETAIL_BYTES_MAX: usize = 512;

/// A failure of this kind.
pub(crate) fn failure(kind: FailureKind, detail: impl Into<String>) -> Failure {
    let mut detail = detail.into();
    if detail.len() > DETAIL_BYTES_MAX {
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
        detail.push('…');
    }
    Failure { kind, detail }
}

/// Nobody is signed in.
pub(crate) fn signed_out() -> Failure {
    failure(FailureKind::SignedOut, "nobody is signed in")
}

/// Something here is broken, or the disk is.
pub(crate) fn internal(error: impl std::fmt::Display) -> Failure {
    failure(FailureKind::Internal, error.to_string())
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Refused(error) => error.into(),
            HttpError::Unreachable(_) | HttpError::Failing { .. } => failure(FailureKind::Offline, error.to_string()),
            HttpError::NotFil(_) => failure(FailureKind::NotAServer, error.to_string()),
        }
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        let kind = match error.code {
            ErrorCode::Malformed | ErrorCode::Invalid | ErrorCode::TooLarge | ErrorCode::Conflict => {
                FailureKind::Invalid
            }
            ErrorCode::NotFound => FailureKind::NotFound,
            ErrorCode::Forbidden => FailureKind::Forbidden,
            ErrorCode::Unsupported | ErrorCode::ClientTooOld | ErrorCode::ClientTooNew => FailureKind::UpdateNeeded,
            ErrorCode::Unauthorised
            | ErrorCode::TokenExpired
            | ErrorCode::DeviceRevoked
            | ErrorCode::AccountDisabled => FailureKind::SignedOut,
            ErrorCode::RateLimited => FailureKind::RateLimited,
            ErrorCode::OutOfOrder
            | ErrorCode::Unavailable
            | ErrorCode::TooSlow
            | ErrorCode::Internal
            | ErrorCode::Unknown => FailureKind::Offline,
        };
        failure(kind, error.to_string())
    }
}

/// Why a command was refused, in the screen's words.
pub(crate) fn reject_reason(code: ErrorCode) -> RejectReason {
    match code {
        ErrorCode::Forbidden => RejectReason::Forbidden,
        ErrorCode::NotFound => RejectReason::NotFound,
        ErrorCode::TooLarge => RejectReason::TooLarge,
        ErrorCode::Unsupported | ErrorCode::ClientTooOld | ErrorCode::ClientTooNew => RejectReason::Unsupported,
        _ => RejectReason::Invalid,
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match error {
            StoreError::DiskFull => FailureKind::DiskFull,
            StoreError::Locked => FailureKind::Locked,
            StoreError::LocalDamaged => FailureKind::DamagedProfile,
            StoreError::CacheDamaged | StoreError::Failed(_) => FailureKind::Internal,
        };
        failure(kind, error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let kind = match error {
            OpenError::Newer { .. } => FailureKind::NewerProfile,
            OpenError::Damaged { .. } => FailureKind::DamagedProfile,
            OpenError::Store(error) => return error.into(),
            OpenError::Folder(error) => return from_io(error),
            OpenError::SqliteTooOld(_) => FailureKind::Internal,
        };
        failure(kind, error.to_string())
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Later(error) => error.into(),
            AuthError::Ended(error) => failure(FailureKind::SignedOut, error.to_string()),
        }
    }
}
