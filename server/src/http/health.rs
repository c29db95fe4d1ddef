//! Whether the server lives, whether it can work, and its figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, http::HeaderValue};
use fil_protocol::{ErrorCode, ProtocolError};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::bearer;
use super::failure::Failure;
use crate::edge::Edge;
use crate::listener::Peer;
use crate::metrics::recorder;
use crate::secret::equal;

/// The state of the server in one word.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Whether the process lives, and with it its writer.
///
/// Asks nothing of the database: a supervisor restarts what does not answer here, or not with 200.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses(
    (status = 200, body = Health),
    (status = 503, description = "Dead: restart it.", body = ProtocolError, headers(("Retry-After" = u64))),
))]
pub(super) async fn alive(State(edge): State<Arc<Edge>>) -> Result<Json<Health>, Failure> {
    if edge.node.is_alive() { Ok(Json(Health { status: "ok" })) } else { Err(dead().into()) }
}

/// Whether the server can work: it is not stopping, its writer lives, and the database can be read and written.
///
/// A server that cannot write (its disk is full) still answers everything that only reads: take it as a call for help, and
/// not as a reason to restart it.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()), responses(
    (status = 200, body = Health),
    (status = 503, description = "Not now.", body = ProtocolError, headers(("Retry-After" = u64))),
    (status = 500, description = "The database failed.", body = ProtocolError),
))]
pub(super) async fn ready(State(edge): State<Arc<Edge>>) -> Result<Json<Health>, Failure> {
    if edge.stopping.is_on() {
        return Err(not_now("the server is stopping").into());
    }
    if !edge.node.is_alive() {
        return Err(dead().into());
    }
    edge.reads.read(|reader| Ok(reader.epoch()?)).await?;
    if let Some(trouble) = edge.room.trouble() {
        return Err(not_now(&format!("nothing can be written: {}", trouble.detail)).into());
    }
    Ok(Json(Health { status: "ok" }))
}

fn dead() -> ProtocolError {
    not_now("the writer has stopped: restart the server")
}

fn not_now(detail: &str) -> ProtocolError {
    ProtocolError::retry_after(ErrorCode::Unavailable, detail, 2_000)
}

/// `/metrics` on the main address: for the bearer of the configured token; without one, for this machine alone.
pub(super) async fn metrics(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let token = &edge.config.metrics.token;
    let allowed = if token.is_empty() {
        // A proxy on this machine would otherwise let everybody in.
        let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
        edge.config.metrics.listen.is_empty() && peer.0.ip().to_canonical().is_loopback() && !forwarded
    } else {
        headers.contains_key(AUTHORIZATION)
            && bearer(&headers).is_ok_and(|given| equal(given.as_bytes(), token.reveal().as_bytes()))
    };
    if allowed {
        Ok(render().await)
    } else {
        Err(Failure::with_status(StatusCode::FORBIDDEN, ErrorCode::Forbidden, "set metrics.token or metrics.listen"))
    }
}

/// The figures, for whoever reaches the second address.
pub(super) async fn render() -> Response {
    let text = recorder().render();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, kind)], text).into_response()
}
