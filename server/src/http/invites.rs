//! Invites: the page that the link opens, and signing in with one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;
use axum::{Extension, Json};
use fil_protocol::http::{AcceptInvite, Session};
use fil_protocol::{DeviceId, ErrorCode, ProtocolError};

use super::body::Body;
use super::client_address;
use super::docs::{BodyRefusals, Refusals};
use super::failure::Failure;
use super::sessions::{create_device, random, session};
use crate::auth::{invite, password};
use crate::clock::now_ms;
use crate::edge::Edge;
use crate::listener::Peer;
use crate::node::Actor;
use crate::secret::Secret;
use crate::store::{AccountRow, OrganisationRow, StoreError, Transaction};

/// The page of an invite link opened in a browser. The secret stands behind the `#` and never comes here.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("invite.html"))
}

/// Sign in with a one-time invite, choosing a password on the way.
#[utoipa::path(post, path = "/api/v1/invites/accept", tag = "sessions", security(()), request_body = AcceptInvite, responses(
    (status = 200, description = "Signed in.", body = Session),
    (status = 404, description = "The invite does not exist, was used, or has expired.", body = ProtocolError),
    BodyRefusals,
    Refusals,
))]
pub(super) async fn accept(
    State(edge): State<Arc<Edge>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body<AcceptInvite>,
) -> Result<Json<Session>, Failure> {
    edge.limits.sign_in_from(client_address(&edge.config, peer, &headers))?;
    let AcceptInvite { invite, password, device_name } = body.value;
    fil_protocol::text::check_device_name(&device_name)?;
    let password = Secret::new(password);
    password::check(&password)?;
    let hash = invite::hash(&invite);
    let now_ms = now_ms();
    // Looked at before the costly hash, so that guessing invites costs the guesser more than the server.
    edge.reads
        .read(move |reader| {
            let Some(organisation) = reader.organisation_of_invite(&hash)? else { return Err(gone().into()) };
            let invite = reader.organisation(organisation)?.invite(&hash)?;
            let usable = invite.is_some_and(|invite| invite.used_at_ms.is_none() && now_ms < invite.expires_at_ms);
            if usable { Ok(()) } else { Err(gone().into()) }
        })
        .await?;
    let password_hash = edge.passwords.hash(password).await?;
    let device = DeviceId::from_parts(now_ms, &random()?);
    let (actor, organisation, account) = edge
        .node
        .write(move |transaction| use_invite(transaction, &hash, &password_hash, device, device_name, now_ms))
        .await??;
    tracing::info!(account = %actor.account, device = %actor.device, "accepted an invite");
    Ok(Json(session(&edge, actor, organisation, account, 0)))
}

type Accepted = Result<(Actor, OrganisationRow, AccountRow), ProtocolError>;

fn use_invite(
    transaction: &dyn Transaction,
    hash: &[u8; 32],
    password_hash: &str,
    device: DeviceId,
    device_name: String,
    now_ms: u64,
) -> Result<Accepted, StoreError> {
    let Some(id) = transaction.organisation_of_invite(hash)? else { return Ok(Err(gone())) };
    let writer = transaction.organisation(id)?;
    let Some(account) = writer.use_invite(hash, now_ms)? else { return Ok(Err(gone())) };
    let account = writer.account(account)?.ok_or(StoreError::Missing("account"))?;
    if account.disabled_at_ms.is_some() {
        return Ok(Err(ProtocolError::new(ErrorCode::AccountDisabled, "the account is disabled")));
    }
    let organisation = transaction.organisations()?.into_iter().find(|row| row.id == id);
    let organisation = organisation.ok_or(StoreError::Missing("organisation"))?;
    let actor = Actor { organisation: id, account: account.profile.account, device };
    writer.set_password_hash(actor.account, password_hash)?;
    create_device(&*writer, actor, device_name, now_ms)?;
    Ok(Ok((actor, organisation, account)))
}

fn gone() -> ProtocolError {
    ProtocolError::new(ErrorCode::NotFound, "the invite does not exist, was used, or has expired: ask for another")
}
