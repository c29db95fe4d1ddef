//! The JSON body of a request: bounded in size and time, never compressed, and refused with the reason in one sentence.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use fil_protocol::ErrorCode;
use fil_protocol::limits::BODY_BYTES_MAX;
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::edge::Edge;

/// A decoded body, and a hash (SHA-256) of its bytes for requests that may be repeated.
#[derive(Debug)]
pub(super) struct Body<T> {
    /// What it says.
    pub value: T,
    /// The hash of its bytes.
    pub hash: [u8; 32],
}

impl<T: DeserializeOwned> FromRequest<Arc<Edge>> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, Failure> {
        let is_json = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Failure::with_status(status, ErrorCode::Unsupported, "send the body as application/json"));
        }
        // Unpacking is how a small body becomes a large one, so nothing here unpacks; this says so, before reading.
        let plain = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !request.headers().get_all(CONTENT_ENCODING).iter().all(plain) {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Failure::with_status(status, ErrorCode::Unsupported, "send the body without Content-Encoding"));
        }
        let announced =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        let reading = to_bytes(request.into_body(), BODY_BYTES_MAX);
        let Ok(read) = tokio::time::timeout(edge.config.limits.body_timeout(), reading).await else {
            let status = StatusCode::REQUEST_TIMEOUT;
            return Err(Failure::with_status(status, ErrorCode::Malformed, "the body did not arrive in time"));
        };
        let bytes = read.map_err(|error| {
            let limited = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
            if limited { too_large() } else { Failure::malformed("the body broke off") }
        })?;
        // The decoder's own sentence says where and what, and never repeats the text of a string.
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Failure::malformed(format!("the body is not what this route takes: {}", without_values(&error)))
        })?;
        Ok(Self { value, hash: crate::auth::invite::hash_bytes(&bytes) })
    }
}

fn too_large() -> Failure {
    let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
    Failure::with_status(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, detail)
}

/// serde's sentences may quote a value ("invalid type: string \"…\""), which may be a password.
fn without_values(error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    let sentence = error.to_string();
    let what = sentence.split(" at line").next().unwrap_or_default();
    if what.contains('"') || what.contains("invalid value") || what.contains("unknown variant") {
        format!("a value of the wrong kind at {place}")
    } else {
        format!("{what} at {place}")
    }
}
