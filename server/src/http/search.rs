//! Full-text search in what the account may see.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fil_protocol::http::SearchPage;
use fil_protocol::{ConversationId, ProtocolError};
use serde::Deserialize;
use utoipa::IntoParams;

use super::caller::Caller;
use super::docs::Refusals;
use super::failure::Failure;
use super::parameters::{Parameters, limit, query_text};
use crate::edge::Edge;
use crate::history;

/// What to find.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Words; all must be in the message. The last letters of each word are open.
    #[param(max_length = 256, pattern = r"^[^\u0000]*$")]
    query: String,
    /// Only in this conversation.
    conversation: Option<ConversationId>,
    /// `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    before: Option<String>,
    /// How many at most.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u64>,
}

/// Search messages, newest first.
#[utoipa::path(get, path = "/api/v1/search", tag = "conversations", params(Search), responses(
    (status = 200, body = SearchPage),
    (status = 400, description = "A parameter is wrong.", body = ProtocolError),
    (status = 404, description = "There is no such conversation for this account.", body = ProtocolError),
    Refusals,
))]
pub(super) async fn search(
    State(edge): State<Arc<Edge>>,
    Caller(actor): Caller,
    Parameters(asked): Parameters<Search>,
) -> Result<Json<SearchPage>, Failure> {
    query_text(&asked.query)?;
    let hits_max = limit(asked.limit)?;
    if asked
        .before
        .as_ref()
        .is_some_and(|before| before.is_empty() || before.len() > 18 || !before.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(Failure::malformed("`before` is what an earlier page gave as `next`"));
    }
    let page = edge
        .reads
        .read(move |reader| {
            let organisation = reader.organisation(actor.organisation)?;
            let Search { query, conversation, before, .. } = &asked;
            history::search(&*organisation, &actor, query, *conversation, before.as_deref(), hits_max)
        })
        .await?;
    Ok(Json(page))
}
