//! The parts of a request's path and query, refused with the reason in one sentence.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use fil_protocol::limits::PAGE_ITEMS_MAX;
use fil_protocol::{ErrorCode, ProtocolError};
use serde::de::DeserializeOwned;

use super::failure::Failure;
use crate::edge::Edge;

/// The largest number that a JSON number of every language and a column of every database can hold.
pub(super) const NUMBER_MAX: u64 = 9_007_199_254_740_991;

/// An id in the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id<T>(pub T);

impl<T: FromStr> FromRequestParts<Arc<Edge>> for Id<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Failure> {
        let refused = || Failure::malformed("the id in the path is no UUID");
        let Path(text) = Path::<String>::from_request_parts(parts, edge).await.map_err(|_| refused())?;
        // The parser also takes braces, `urn:` and no hyphens; ids have one spelling here.
        if text.len() != 36 {
            return Err(refused());
        }
        text.parse().map(Self).map_err(|_| refused())
    }
}

/// The query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Edge>> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Failure> {
        let query = Query::<T>::from_request_parts(parts, edge).await;
        query.map(|Query(value)| Self(value)).map_err(|rejection| Failure::malformed(rejection.body_text()))
    }
}

/// The number of rows to answer with.
pub(super) fn limit(asked: Option<u64>) -> Result<usize, ProtocolError> {
    match asked {
        None => Ok(PAGE_ITEMS_MAX),
        Some(rows) if (1..=PAGE_ITEMS_MAX as u64).contains(&rows) => {
            Ok(usize::try_from(rows).unwrap_or(PAGE_ITEMS_MAX))
        }
        Some(_) => Err(ProtocolError::new(ErrorCode::Invalid, format!("limit is 1 to {PAGE_ITEMS_MAX}"))),
    }
}

/// A text to search for.
pub(super) fn query_text(text: &str) -> Result<(), ProtocolError> {
    let bytes_max = fil_protocol::limits::QUERY_BYTES_MAX;
    if text.len() > bytes_max {
        return Err(ProtocolError::new(ErrorCode::TooLarge, format!("the query has more than {bytes_max} bytes")));
    }
    if text.contains('\0') {
        return Err(ProtocolError::new(ErrorCode::Invalid, "the query has a control character"));
    }
    Ok(())
}
