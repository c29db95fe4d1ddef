//! The members of a conversation.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fil_protocol::http::MemberPage;
use fil_protocol::{ConversationId, ProtocolError};

use super::caller::Caller;
use super::docs::Refusals;
use super::failure::Failure;
use super::parameters::Id;
use crate::edge::Edge;
use crate::history;

/// List the members of a conversation, by account id.
#[utoipa::path(get, path = "/api/v1/conversations/{conversation}/members", tag = "conversations",
    params(("conversation" = ConversationId, Path, description = "A conversation of the account.")),
    responses(
        (status = 200, body = MemberPage),
        (status = 400, description = "The id is no UUID.", body = ProtocolError),
        (status = 404, description = "There is no such conversation for this account.", body = ProtocolError),
        Refusals,
    )
)]
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Id(conversation): Id<ConversationId>,
) -> Result<Json<MemberPage>, Failure> {
    let page = edge
        .reads
        .read(move |reader| history::members(&*reader.organisation(actor.organisation)?, &actor, conversation))
        .await?;
    Ok(Json(page))
}
