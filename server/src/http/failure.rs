//! Refusals as HTTP answers: always the JSON of a [`ProtocolError`], whoever refused.
//!
//! | status | codes |
//! |---|---|
//! | 400 | `malformed`, `invalid`, `too_large` (a text or list in the request), `client_too_old`, `client_too_new` |
//! | 401 | `unauthorised`, `token_expired`, `device_revoked`, `account_disabled` |
//! | 403 | `forbidden` |
//! | 404 | `not_found`, `unsupported` (no such route) |
//! | 405, 415 | `unsupported` (method, content type) |
//! | 408 | `malformed` (the body did not arrive in time) |
//! | 409 | `conflict`, `out_of_order` |
//! | 413 | `too_large` (the body as a whole) |
//! | 429 | `rate_limited`, with `Retry-After` |
//! | 500 | `internal` |
//! | 503 | `unavailable`, with `Retry-After` |

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fil_protocol::{ErrorCode, ProtocolError};

use crate::store::StoreError;

/// Bytes of a sentence about a request: it may name a field of it, and a client chose how long that is.
const DETAIL_BYTES_MAX: usize = 512;

/// A refusal with its status.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    error: ProtocolError,
}

impl Failure {
    /// A refusal whose status is not the one of its code.
    pub fn with_status(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { status, error: ProtocolError::new(code, detail) }
    }

    /// The request does not have the right shape.
    pub fn malformed(detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_BYTES_MAX {
            detail.truncate(detail.floor_char_boundary(DETAIL_BYTES_MAX));
            detail.push('…');
        }
        ProtocolError::new(ErrorCode::Malformed, detail).into()
    }

    /// It does not exist, or not for this account.
    pub fn not_found(what: &str) -> Self {
        ProtocolError::new(ErrorCode::NotFound, format!("there is no such {what}")).into()
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        Self { status: status(error.code), error }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, error } = self;
        let retry_after = error.retry_after_ms;
        let mut response = (status, Json(error)).into_response();
        if let Some(wait_ms) = retry_after {
            let seconds = HeaderValue::from(wait_ms.div_ceil(1000).max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The status of a code.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Malformed
        | ErrorCode::Invalid
        | ErrorCode::TooLarge
        | ErrorCode::ClientTooOld
        | ErrorCode::ClientTooNew => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorised | ErrorCode::TokenExpired | ErrorCode::DeviceRevoked | ErrorCode::AccountDisabled => {
            StatusCode::UNAUTHORIZED
        }
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound | ErrorCode::Unsupported => StatusCode::NOT_FOUND,
        ErrorCode::Conflict | ErrorCode::OutOfOrder => StatusCode::CONFLICT,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Unavailable | ErrorCode::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What a client is told when the database refuses. The details go to the log: they are the operator's.
pub fn from_store(error: &StoreError) -> ProtocolError {
    match error {
        StoreError::Full => {
            tracing::error!("the disk is full: nothing can be written");
            ProtocolError::retry_after(ErrorCode::Unavailable, "the server has no room left", 30_000)
        }
        StoreError::Busy => ProtocolError::retry_after(ErrorCode::Unavailable, "the database is busy", 1_000),
        StoreError::Exists(what) => ProtocolError::new(ErrorCode::Conflict, format!("{what} exists already")),
        StoreError::Missing(what) => ProtocolError::new(ErrorCode::NotFound, format!("there is no such {what}")),
        error => {
            tracing::error!(%error, "the database failed");
            ProtocolError::new(ErrorCode::Internal, "the database failed")
        }
    }
}

/// The page of the documentation serves files of its own; other files and other methods it refuses with nothing.
pub async fn no_such_page(response: Response) -> Response {
    match response.status() {
        StatusCode::NOT_FOUND => no_such_route().await.into_response(),
        StatusCode::METHOD_NOT_ALLOWED => no_such_method().await.into_response(),
        _ => response,
    }
}

/// No such route.
pub async fn no_such_route() -> Failure {
    Failure::with_status(StatusCode::NOT_FOUND, ErrorCode::Unsupported, "this server has no such route")
}

/// The route exists, the method does not.
pub async fn no_such_method() -> Failure {
    Failure::with_status(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, "this route has no such method")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_its_status_and_says_when_to_come_back() {
        let check = |error: ProtocolError, status: u16, retry_after: Option<&str>| {
            let response = Failure::from(error).into_response();
            assert_eq!(response.status().as_u16(), status);
            let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, retry_after);
            assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), status == 401);
        };
        check(ProtocolError::new(ErrorCode::Malformed, ""), 400, None);
        check(ProtocolError::new(ErrorCode::TokenExpired, ""), 401, None);
        check(ProtocolError::retry_after(ErrorCode::RateLimited, "", 1), 429, Some("1"));
        check(ProtocolError::retry_after(ErrorCode::Unavailable, "", 1_001), 503, Some("2"));
        check(from_store(&StoreError::Damaged("secret path".into())), 500, None);
        assert!(!from_store(&StoreError::Damaged("secret path".into())).detail.contains("secret"));
        let long = Failure::malformed("é".repeat(100_000)).error.detail;
        assert!(long.len() <= DETAIL_BYTES_MAX + '…'.len_utf8() && long.ends_with("é…"), "{}", long.len());
    }
}
