//! Who makes a request: the bearer of an access token whose device is not revoked and whose account is not disabled.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use fil_protocol::{ErrorCode, ProtocolError};

use super::failure::Failure;
use crate::auth::access::Claims;
use crate::clock::now_ms;
use crate::edge::Edge;
use crate::metrics::names;
use crate::node::Actor;
use crate::refreshing::note_seen;

/// Who makes a request. Taking it as an argument is what protects a route.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub Actor);

impl FromRequestParts<Arc<Edge>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, Failure> {
        let token = bearer(&parts.headers)?;
        let (actor, _) = authenticate(edge, token).await?;
        edge.limits.request_of(actor.account).inspect_err(|_| {
            metrics::counter!(names::RATE_LIMITED, "limit" => "requests").increment(1);
        })?;
        Ok(Self(actor))
    }
}

/// The token of `Authorization: Bearer …`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, ProtocolError> {
    let refused = || {
        let detail = "sign in first, and send the header Authorization: Bearer <access token>";
        ProtocolError::new(ErrorCode::Unauthorised, detail)
    };
    let value = headers.get(AUTHORIZATION).ok_or_else(refused)?.to_str().map_err(|_| refused())?;
    let (scheme, token) = value.split_once(' ').ok_or_else(refused)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(refused()) }
}

/// Who a token speaks for, as of now in the database.
pub async fn authenticate(edge: &Edge, token: &str) -> Result<(Actor, Claims), ProtocolError> {
    let claims = edge.access.verify(token, now_ms())?;
    let news = edge.bearers.check(claims).await?;
    if news {
        // Once per refresh. If it cannot be written, the next request says it again.
        let noted = edge.node.write(move |transaction| note_seen(transaction, &claims, now_ms())).await;
        if let Err(error) = noted {
            tracing::warn!(code = ?error.code, "the use of a refresh token could not be noted");
        }
    }
    let Claims { organisation, account, device, .. } = claims;
    Ok((Actor { organisation, account, device }, claims))
}
