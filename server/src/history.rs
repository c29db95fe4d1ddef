//! Answers that change nothing, for HTTP: history, search, members, conversations.
//!
//! Each is a function over a reader of the actor's organisation. What the actor may not see does not exist for it.

#[cfg(test)]
mod tests;

use fil_protocol::http::{Conversation, HistoryPage, MemberPage, SearchHit, SearchPage};
use fil_protocol::limits::{PAGE_ITEMS_MAX, QUERY_BYTES_MAX};
use fil_protocol::{Action, ConversationId, ErrorCode, ProtocolError, Seq, can, unread};

use crate::actor::Actor;
use crate::store::{ConversationRow, HitNumber, MemberRow, OrganisationReader, StoreError};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The question is refused.
    #[error(transparent)]
    Refused(#[from] ProtocolError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of items below `before`, or the newest. At most `items_max`, and never more than [`PAGE_ITEMS_MAX`].
pub fn history(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    conversation: ConversationId,
    before: Option<Seq>,
    items_max: usize,
) -> Result<HistoryPage, ReadError> {
    let (row, _) = visible(organisation, actor, conversation)?;
    let items_max = items_max.clamp(1, PAGE_ITEMS_MAX);
    let items = organisation.items_before(conversation, before, items_max)?;
    let from = covered_from(&items, items_max);
    Ok(HistoryPage { items, from, as_of: row.head.seq })
}

/// Messages that contain all words of the query, newest first, in one conversation or in all of the account's.
pub fn search(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    query: &str,
    conversation: Option<ConversationId>,
    before: Option<&str>,
    hits_max: usize,
) -> Result<SearchPage, ReadError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(ProtocolError::new(ErrorCode::TooLarge, "the query has more than 256 bytes").into());
    }
    if let Some(conversation) = conversation {
        visible(organisation, actor, conversation)?;
    }
    let before = before
        .map(|text| text.parse().map(HitNumber))
        .transpose()
        .map_err(|_| ProtocolError::new(ErrorCode::Malformed, "`before` is what an earlier page gave as `next`"))?;
    let hits_max = hits_max.clamp(1, PAGE_ITEMS_MAX);
    let mut hits = organisation.search(actor.account, query, conversation, before, hits_max + 1)?;
    let more = hits.len() > hits_max;
    hits.truncate(hits_max);
    let next = hits.last().filter(|_| more).map(|hit| hit.number.0.to_string());
    let hits = hits.into_iter().map(|hit| SearchHit { conversation: hit.conversation, item: hit.item }).collect();
    Ok(SearchPage { hits, next })
}

/// All members of a conversation, by account id.
pub fn members(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    conversation: ConversationId,
) -> Result<MemberPage, ReadError> {
    visible(organisation, actor, conversation)?;
    Ok(MemberPage { members: organisation.members(conversation)? })
}

/// The conversations of the account, most recently changed first.
pub fn conversations(organisation: &dyn OrganisationReader, actor: &Actor) -> Result<Vec<Conversation>, ReadError> {
    let rows = organisation.conversations_of(actor.account)?;
    rows.iter().map(|(row, member)| Ok(summary(organisation, row, member)?)).collect()
}

/// The conversation and the actor's membership, or `not_found`.
pub(crate) fn visible(
    organisation: &dyn OrganisationReader,
    actor: &Actor,
    conversation: ConversationId,
) -> Result<(ConversationRow, MemberRow), ReadError> {
    let missing = || ProtocolError::new(ErrorCode::NotFound, "there is no such conversation for this account");
    let row = organisation.conversation(conversation)?.ok_or_else(missing)?;
    let member = organisation.member(conversation, actor.account)?.filter(|member| member.member);
    can(actor.account, member.map(|member| member.role), row.record.kind, Action::Read).map_err(|_| missing())?;
    Ok((row, member.ok_or_else(missing)?))
}

/// The lowest number that a page of the newest items covers: everything, if the page is not full.
pub(crate) fn covered_from(items: &[fil_protocol::Item], items_max: usize) -> Seq {
    match items.first() {
        Some(item) if items.len() >= items_max => item.seq,
        _ => Seq::ZERO.next(),
    }
}

fn summary(
    organisation: &dyn OrganisationReader,
    row: &ConversationRow,
    member: &MemberRow,
) -> Result<Conversation, StoreError> {
    let deleted = organisation.count_deleted_after(row.record.conversation, member.read.seq)?;
    Ok(Conversation {
        head: row.head(),
        kind: row.record.kind,
        title: row.record.title.clone(),
        unread: unread(row.head, member.read, deleted),
    })
}
