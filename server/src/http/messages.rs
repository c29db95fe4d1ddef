//! The messages of a conversation: pages of its history, and writing one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use fil_protocol::http::{Applied, HistoryPage, NewMessage};
use fil_protocol::{Command, ConversationId, ErrorCode, MessageId, ProtocolError, Seq};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::Body;
use super::caller::Caller;
use super::docs::{BodyRefusals, Refusals};
use super::failure::Failure;
use super::parameters::{Id, NUMBER_MAX, Parameters, limit};
use super::sessions::random;
use crate::clock::now_ms;
use crate::edge::Edge;
use crate::history as answers;
use crate::node::Idempotency;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Only items with a lower number. Left out: the newest.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    before: Option<u64>,
    /// How many at most.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u64>,
}

/// Read a page of the history, oldest first.
#[utoipa::path(get, path = "/api/v1/conversations/{conversation}/messages", tag = "conversations",
    params(("conversation" = ConversationId, Path, description = "A conversation of the account."), Page),
    responses(
        (status = 200, body = HistoryPage),
        (status = 400, description = "A parameter is wrong.", body = ProtocolError),
        (status = 404, description = "There is no such conversation for this account.", body = ProtocolError),
        Refusals,
    )
)]
pub(super) async fn history(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Id(conversation): Id<ConversationId>,
    Parameters(page): Parameters<Page>,
) -> Result<Json<HistoryPage>, Failure> {
    let items_max = limit(page.limit)?;
    if page.before.is_some_and(|before| !(1..=NUMBER_MAX).contains(&before)) {
        return Err(ProtocolError::new(ErrorCode::Invalid, format!("before is 1 to {NUMBER_MAX}")).into());
    }
    let before = page.before.map(Seq);
    let page = edge
        .reads
        .read(move |reader| {
            let organisation = reader.organisation(actor.organisation)?;
            answers::history(&*organisation, &actor, conversation, before, items_max)
        })
        .await?;
    Ok(Json(page))
}

/// Write a message.
///
/// With the header `Idempotency-Key` a repeated request is answered like the first.
#[utoipa::path(post, path = "/api/v1/conversations/{conversation}/messages", tag = "conversations",
    params(
        ("conversation" = ConversationId, Path, description = "A conversation of the account."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, new for each intention.", min_length = 1, max_length = 255, pattern = "^[!-~]+$"),
    ),
    request_body = NewMessage,
    responses(
        (status = 201, description = "It is written, durably.", body = Applied),
        (status = 403, description = "Not allowed.", body = ProtocolError),
        (status = 404, description = "There is no such conversation for this account.", body = ProtocolError),
        (status = 409, description = "The key was used for another request.", body = ProtocolError),
        BodyRefusals,
        Refusals,
    )
)]
pub(super) async fn send(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Id(conversation): Id<ConversationId>,
    headers: HeaderMap,
    body: Body<NewMessage>,
) -> Result<(StatusCode, Json<Applied>), Failure> {
    let route = format!("POST /api/v1/conversations/{conversation}/messages");
    let idempotency = idempotency(&route, &headers, body.hash)?;
    let composed_at_ms = now_ms();
    let message = MessageId::from_parts(composed_at_ms, &random()?);
    let command = Command::SendMessage { conversation, message, text: body.value.text, composed_at_ms };
    let head = edge.node.command(actor, idempotency, command).await?;
    Ok((StatusCode::CREATED, Json(Applied { head })))
}

/// How a repeated request is recognised, if it says so.
pub(super) fn idempotency(
    route: &str,
    headers: &HeaderMap,
    body_hash: [u8; 32],
) -> Result<Option<Idempotency>, ProtocolError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key =
        value.to_str().ok().filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
    let Some(key) = key else {
        let detail = "Idempotency-Key has 1 to 255 visible ASCII characters";
        return Err(ProtocolError::new(ErrorCode::Invalid, detail));
    };
    Ok(Some(Idempotency { key: format!("{route} {key}"), body_hash }))
}
