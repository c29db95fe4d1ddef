//! The conversations of the account that asks, and beginning one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use fil_protocol::http::{Applied, Conversation, NewConversation};
use fil_protocol::limits::MEMBERS_MAX;
use fil_protocol::{Command, ConversationId, ConversationKind, ErrorCode, ProtocolError};

use super::body::Body;
use super::caller::Caller;
use super::docs::{BodyRefusals, Refusals};
use super::failure::Failure;
use super::messages::idempotency;
use super::sessions::random;
use crate::clock::now_ms;
use crate::edge::Edge;
use crate::history;

/// List the conversations of the account, most recently changed first.
#[utoipa::path(get, path = "/api/v1/conversations", tag = "conversations", responses(
    (status = 200, body = Vec<Conversation>),
    Refusals,
))]
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
) -> Result<Json<Vec<Conversation>>, Failure> {
    let conversations = edge
        .reads
        .read(move |reader| history::conversations(&*reader.organisation(actor.organisation)?, &actor))
        .await?;
    Ok(Json(conversations))
}

/// Begin a conversation.
///
/// A direct conversation that exists already is answered like a new one. With the header `Idempotency-Key` a repeated
/// request is answered like the first.
#[utoipa::path(post, path = "/api/v1/conversations", tag = "conversations",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, new for each intention.", min_length = 1, max_length = 255, pattern = "^[!-~]+$")),
    request_body = NewConversation,
    responses(
        (status = 201, description = "It has begun.", body = Applied),
        (status = 403, description = "Not allowed.", body = ProtocolError),
        (status = 404, description = "A member does not exist.", body = ProtocolError),
        (status = 409, description = "The key was used for another request.", body = ProtocolError),
        BodyRefusals,
        Refusals,
    )
)]
pub(super) async fn create(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    headers: HeaderMap,
    body: Body<NewConversation>,
) -> Result<(StatusCode, Json<Applied>), Failure> {
    let idempotency = idempotency("POST /api/v1/conversations", &headers, body.hash)?;
    let NewConversation { kind, title, members } = body.value;
    if members.len() >= MEMBERS_MAX {
        let detail = format!("a conversation has at most {MEMBERS_MAX} members");
        return Err(ProtocolError::new(ErrorCode::TooLarge, detail).into());
    }
    let conversation = match (kind, members.as_slice()) {
        (ConversationKind::Direct, [other]) if *other == actor.account => {
            return Err(ProtocolError::new(ErrorCode::Forbidden, "a direct conversation is with somebody else").into());
        }
        (ConversationKind::Direct, [other]) => ConversationId::direct(actor.organisation, actor.account, *other),
        (ConversationKind::Direct, _) => {
            return Err(
                ProtocolError::new(ErrorCode::Invalid, "a direct conversation has exactly one other member").into()
            );
        }
        (ConversationKind::Group, _) => ConversationId::from_parts(now_ms(), &random()?),
    };
    let command = Command::CreateConversation { conversation, kind, title, members };
    let head = edge.node.command(actor, idempotency, command).await?;
    Ok((StatusCode::CREATED, Json(Applied { head })))
}
