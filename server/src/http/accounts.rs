//! The account that asks, and finding the others.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fil_protocol::http::AccountPage;
use fil_protocol::{DeviceId, OrganisationId, Profile, ProtocolError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::docs::Refusals;
use super::failure::Failure;
use super::parameters::{Parameters, limit, query_text};
use crate::edge::Edge;

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    /// The organisation.
    organisation: OrganisationId,
    /// Its short name.
    organisation_slug: String,
    /// Its name for people.
    organisation_name: String,
    /// The account.
    profile: Profile,
    /// The device that asks.
    device: DeviceId,
}

/// Say who is signed in.
#[utoipa::path(get, path = "/api/v1/me", tag = "accounts", responses((status = 200, body = Me), Refusals))]
pub(super) async fn me(State(edge): State<Arc<Edge>>, Caller(actor): Caller) -> Result<Json<Me>, Failure> {
    let (organisation, account) = edge
        .reads
        .read(move |reader| {
            let organisation = reader.organisations()?.into_iter().find(|row| row.id == actor.organisation);
            let account = reader.organisation(actor.organisation)?.account(actor.account)?;
            Ok((organisation, account))
        })
        .await?;
    let (Some(organisation), Some(account)) = (organisation, account) else {
        return Err(Failure::not_found("account"));
    };
    Ok(Json(Me {
        organisation: organisation.id,
        organisation_slug: organisation.slug,
        organisation_name: organisation.name,
        profile: account.profile,
        device: actor.device,
    }))
}

/// What to find.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Find {
    /// The beginning of a handle or of a word of a name. Empty finds everybody.
    #[serde(default)]
    #[param(max_length = 256, pattern = r"^[^\u0000]*$")]
    query: String,
    /// How many at most.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u64>,
}

/// Find people of the organisation, by name.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", params(Find), responses(
    (status = 200, body = AccountPage),
    (status = 400, description = "A parameter is wrong.", body = ProtocolError),
    Refusals,
))]
pub(super) async fn find(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Find>,
) -> Result<Json<AccountPage>, Failure> {
    query_text(&asked.query)?;
    let rows_max = limit(asked.limit)?;
    let accounts = edge
        .reads
        .read(move |reader| Ok(reader.organisation(actor.organisation)?.find_accounts(&asked.query, rows_max)?))
        .await?;
    Ok(Json(AccountPage { accounts }))
}
