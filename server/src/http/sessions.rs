//! Signing in, refreshing, signing out.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use fil_protocol::http::{Refresh, Session, SignIn};
use fil_protocol::{DeviceId, ErrorCode, ProtocolError};

use super::body::Body;
use super::caller::Caller;
use super::client_address;
use super::docs::{BodyRefusals, Refusals};
use super::failure::Failure;
use crate::auth::password::Verified;
use crate::auth::refresh::Presented;
use crate::clock::now_ms;
use crate::edge::Edge;
use crate::history::ReadError;
use crate::listener::Peer;
use crate::metrics::names;
use crate::node::{Actor, Revoked};
use crate::refreshing::{Refreshed, disabled, exchange, unknown};
use crate::secret::Secret;
use crate::store::{AccountRow, NewDevice, OrganisationRow, OrganisationWriter, Reader, StoreError};

/// Sign in with a password.
///
/// Makes a device. A wrong password and an unknown handle or organisation are answered alike.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", security(()), request_body = SignIn, responses(
    (status = 200, description = "Signed in.", body = Session),
    BodyRefusals,
    Refusals,
))]
pub(super) async fn sign_in(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body<SignIn>,
) -> Result<Json<Session>, Failure> {
    let limited = |error: &ProtocolError| {
        tracing::info!(code = ?error.code, "sign-in refused");
        metrics::counter!(names::RATE_LIMITED, "limit" => "sign_in").increment(1);
    };
    edge.limits.sign_in_from(client_address(&edge.config, peer, &headers)).inspect_err(limited)?;
    let SignIn { organisation: slug, handle, password, device_name } = body.value;
    fil_protocol::text::check_device_name(&device_name)?;
    // Handles are lower case; a phone's keyboard likes to begin with a capital letter.
    let (slug, handle) = (slug.map(|slug| slug.to_lowercase()), handle.to_lowercase());
    let well_formed = |text: &String| fil_protocol::text::check_handle(text).is_ok();
    let plausible = well_formed(&handle) && slug.as_ref().is_none_or(well_formed);
    let found = if plausible {
        edge.limits.sign_in_as(slug.as_deref().unwrap_or_default(), &handle).inspect_err(limited)?;
        edge.reads.read(move |reader| find(reader, slug.as_deref(), &handle)).await?
    } else {
        None
    };
    let stored = found.as_ref().and_then(|(_, account)| account.password_hash.clone());
    let verified = edge.passwords.verify(Secret::new(password), stored.clone()).await?;
    let (Verified::Right { rehashed }, Some((organisation, account))) = (verified, found) else {
        metrics::counter!(names::SIGN_INS, "result" => "wrong").increment(1);
        let detail = "organisation, handle or password are wrong";
        return Err(ProtocolError::new(ErrorCode::Unauthorised, detail).into());
    };
    if account.disabled_at_ms.is_some() {
        metrics::counter!(names::SIGN_INS, "result" => "disabled").increment(1);
        return Err(disabled().into());
    }
    let now_ms = now_ms();
    let actor = Actor {
        organisation: organisation.id,
        account: account.profile.account,
        device: DeviceId::from_parts(now_ms, &random()?),
    };
    edge.node
        .write(move |transaction| {
            let writer = transaction.organisation(actor.organisation)?;
            // The world may have changed while the password was hashed.
            let current = writer.account(actor.account)?.ok_or(StoreError::Missing("account"))?;
            if current.disabled_at_ms.is_some() || current.password_hash != stored {
                return Ok(Err(disabled()));
            }
            if let Some(hash) = &rehashed {
                writer.set_password_hash(actor.account, hash)?;
            }
            create_device(&*writer, actor, device_name, now_ms).map(Ok)
        })
        .await??;
    metrics::counter!(names::SIGN_INS, "result" => "right").increment(1);
    tracing::info!(account = %actor.account, device = %actor.device, "signed in");
    Ok(Json(session(&edge, actor, organisation, account, 0)))
}

/// Exchange a refresh token for its successor.
///
/// The token that it replaces still works until something that came with the successor is used, and a minute longer, and
/// yields the same successor. A token used again later is a stolen one: its device is revoked.
#[utoipa::path(post, path = "/api/v1/sessions/refresh", tag = "sessions", security(()), request_body = Refresh, responses(
    (status = 200, description = "New tokens.", body = Session),
    BodyRefusals,
    Refusals,
))]
pub(super) async fn refresh(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body<Refresh>,
) -> Result<Json<Session>, Failure> {
    let count = |result: &'static str| metrics::counter!(names::REFRESHES, "result" => result).increment(1);
    let address = client_address(&edge.config, peer, &headers);
    let limited = |_: &ProtocolError| metrics::counter!(names::RATE_LIMITED, "limit" => "refresh").increment(1);
    let Some(presented) = edge.refresh.read(&body.value.refresh_token) else {
        // Only what nobody could have been given counts as guessing.
        edge.limits.sign_in_from(address).inspect_err(limited)?;
        count("refused");
        return Err(unknown().into());
    };
    // Before the writer: a token that was rotated and not answered would be a lost one, and the tokens of a revoked
    // device stay genuine for ever.
    edge.limits.refresh_of(presented.device, address).inspect_err(limited)?;
    let (now_ms, grace_ms) = (now_ms(), edge.config.sessions.refresh_grace_ms);
    let refreshed = edge.node.write(move |transaction| exchange(transaction, presented, now_ms, grace_ms)).await?;
    match refreshed {
        Refreshed::Granted { actor, organisation, account, counter, repeated } => {
            count(if repeated { "repeated" } else { "rotated" });
            Ok(Json(session(&edge, actor, organisation, account, counter)))
        }
        Refreshed::Reused => {
            count("reused");
            tracing::warn!(device = %presented.device, "an old refresh token was used again: the device is revoked");
            edge.node.revoked(Revoked::Device(presented.device)).await?;
            Err(ProtocolError::new(ErrorCode::DeviceRevoked, "this refresh token was used before: sign in again")
                .into())
        }
        Refreshed::Refused(error) => {
            count("refused");
            Err(error.into())
        }
    }
}

/// Sign out.
///
/// Revokes the device that asks: its tokens are void and its socket is closed.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions", responses(
    (status = 204, description = "Signed out."),
    Refusals,
))]
pub(super) async fn sign_out(State(edge): State<Arc<Edge>>, Caller(actor): Caller) -> Result<StatusCode, Failure> {
    revoke(&edge, actor, actor.device).await?;
    tracing::info!(account = %actor.account, device = %actor.device, "signed out");
    Ok(StatusCode::NO_CONTENT)
}

/// Revokes a device of the actor, durably, then closes its sockets.
pub(super) async fn revoke(edge: &Edge, actor: Actor, device: DeviceId) -> Result<(), ProtocolError> {
    edge.node
        .write(move |transaction| {
            let writer = transaction.organisation(actor.organisation)?;
            match writer.device(device)? {
                Some(row) if row.account == actor.account => writer.revoke_device(device, now_ms()),
                _ => Err(StoreError::Missing("device")),
            }
        })
        .await?;
    edge.node.revoked(Revoked::Device(device)).await
}

/// The answer to signing in and refreshing.
pub(super) fn session(
    edge: &Edge,
    actor: Actor,
    organisation: OrganisationRow,
    account: AccountRow,
    counter: u64,
) -> Session {
    let Actor { organisation: id, account: who, device } = actor;
    Session {
        organisation: id,
        organisation_slug: organisation.slug,
        profile: account.profile,
        device,
        access_token: edge.access.issue_beside(id, who, device, Some(counter), now_ms()),
        access_expires_in_ms: edge.access.life_ms(),
        refresh_token: edge.refresh.issue(Presented { organisation: id, device, counter }),
    }
}

/// Adds the device of an actor.
pub(super) fn create_device(
    writer: &dyn OrganisationWriter,
    actor: Actor,
    name: String,
    created_at_ms: u64,
) -> Result<(), StoreError> {
    writer.create_device(&NewDevice { device: actor.device, account: actor.account, name, created_at_ms })
}

/// Ten random bytes for an id.
pub(super) fn random() -> Result<[u8; 10], ProtocolError> {
    crate::auth::keys::random().map_err(|error| ProtocolError::new(ErrorCode::Internal, error.to_string()))
}

type Found = Option<(OrganisationRow, AccountRow)>;

fn find(reader: &dyn Reader, slug: Option<&str>, handle: &str) -> Result<Found, ReadError> {
    let organisation = match slug {
        Some(slug) => reader.organisation_by_slug(slug)?,
        None => {
            let mut all = reader.organisations()?;
            if all.len() > 1 {
                let detail = "this server has several organisations: name one";
                return Err(ProtocolError::new(ErrorCode::Invalid, detail).into());
            }
            all.pop()
        }
    };
    let Some(organisation) = organisation else { return Ok(None) };
    let account = reader.organisation(organisation.id)?.account_by_handle(handle)?;
    Ok(account.map(|account| (organisation, account)))
}
