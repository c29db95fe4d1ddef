//! What a client asks an address before anybody signs in there.

use axum::Json;
use fil_protocol::version::{CURRENT, LOWEST};
use serde::Serialize;
use utoipa::ToSchema;

/// What answers at this address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Server {
    /// Always `fil`, so that a client knows that it is at the right kind of address.
    name: &'static str,
    /// The version of the server.
    version: &'static str,
    /// The versions of the protocol that it speaks.
    protocol: Protocol,
}

/// Versions of the protocol, both ends included.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Protocol {
    /// The newest.
    current: u16,
    /// The oldest.
    lowest: u16,
}

/// Describe the server.
///
/// Public: a client checks here that an address is right before anybody types a password.
#[utoipa::path(get, path = "/api/v1/server", tag = "server", security(()), responses((status = 200, body = Server)))]
pub(super) async fn describe() -> Json<Server> {
    let protocol = Protocol { current: CURRENT, lowest: LOWEST };
    Json(Server { name: "fil", version: env!("CARGO_PKG_VERSION"), protocol })
}
