//! The devices of the account that asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fil_protocol::http::Device;
use fil_protocol::{DeviceId, ProtocolError};

use super::caller::Caller;
use super::docs::Refusals;
use super::failure::Failure;
use super::parameters::Id;
use super::sessions::revoke as revoke_device;
use crate::edge::Edge;

/// List the devices of the account, oldest first.
#[utoipa::path(get, path = "/api/v1/devices", tag = "sessions", responses((status = 200, body = Vec<Device>), Refusals))]
pub(super) async fn list(State(edge): State<Arc<Edge>>, Caller(actor): Caller) -> Result<Json<Vec<Device>>, Failure> {
    let devices =
        edge.reads.read(move |reader| Ok(reader.organisation(actor.organisation)?.devices_of(actor.account)?)).await?;
    let shown = devices.into_iter().map(|row| Device {
        device: row.device,
        name: row.name,
        created_at_ms: row.created_at_ms,
        current: row.device == actor.device,
    });
    Ok(Json(shown.collect()))
}

/// Revoke a device.
///
/// Its tokens are void from now on and its sockets are closed. A second time changes nothing.
#[utoipa::path(delete, path = "/api/v1/devices/{device}", tag = "sessions",
    params(("device" = DeviceId, Path, description = "One of the account's devices.")),
    responses(
        (status = 204, description = "Revoked."),
        (status = 400, description = "The id is no UUID.", body = ProtocolError),
        (status = 404, description = "The account has no such device.", body = ProtocolError),
        Refusals,
    )
)]
pub(super) async fn revoke(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Id(device): Id<DeviceId>,
) -> Result<StatusCode, Failure> {
    revoke_device(&edge, actor, device).await?;
    tracing::info!(account = %actor.account, %device, "revoked a device");
    Ok(StatusCode::NO_CONTENT)
}
