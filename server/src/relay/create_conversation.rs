//! Begin a conversation.

use std::collections::BTreeSet;

use fil_protocol::limits::MEMBERS_MAX;
use fil_protocol::text::check_title;
use fil_protocol::{
    AccountId, ConversationId, ConversationKind, ConversationRecord, ErrorCode, KnownEvent, Member, Position, Role, Seq,
};

use super::log::{Log, recruit};
use super::{Context, Done, Stop, reject};
use crate::store::ConversationRow;

pub(super) fn apply(
    context: Context<'_>,
    conversation: ConversationId,
    kind: ConversationKind,
    title: Option<&str>,
    others: &[AccountId],
) -> Result<Done, Stop> {
    let others: BTreeSet<AccountId> =
        others.iter().copied().filter(|account| *account != context.actor.account).collect();
    match kind {
        ConversationKind::Direct => check_direct(&context, conversation, title, &others)?,
        ConversationKind::Group => check_group(conversation, title, &others)?,
    }
    if let Some(seq) = begun_before(&context, conversation, kind)? {
        return Ok(Done::before(seq));
    }
    let members = gather(&context, kind, &others)?;
    let record = ConversationRecord { conversation, kind, title: title.map(ToOwned::to_owned) };
    context.organisation.create_conversation(&record)?;
    let row = ConversationRow { record, head: Position::default(), last_at_ms: 0, changed: 0 };
    let mut log = Log { context, row, member: None, pushes: Vec::new() };
    for member in &members {
        log.set_membership(member.account(), member.role, true)?;
    }
    log.append(KnownEvent::Created { kind, title: title.map(ToOwned::to_owned), members })?;
    Ok(log.done())
}

fn check_direct(
    context: &Context<'_>,
    conversation: ConversationId,
    title: Option<&str>,
    others: &BTreeSet<AccountId>,
) -> Result<(), Stop> {
    let (Some(other), 1) = (others.first(), others.len()) else {
        return Err(reject(ErrorCode::Invalid, "a direct conversation has exactly one other member"));
    };
    if title.is_some() {
        return Err(reject(ErrorCode::Invalid, "a direct conversation has no title"));
    }
    if conversation != ConversationId::direct(context.organisation.id(), context.actor.account, *other) {
        return Err(reject(ErrorCode::Invalid, "the id is not that of the direct conversation of these two"));
    }
    Ok(())
}

fn check_group(conversation: ConversationId, title: Option<&str>, others: &BTreeSet<AccountId>) -> Result<(), Stop> {
    // Also keeps anybody from taking the id of a direct conversation of two others, which is a version 5.
    if conversation.0.get_version_num() != 7 {
        return Err(reject(ErrorCode::Invalid, "the id of a group is a UUIDv7"));
    }
    title.map_or(Ok(()), check_title)?;
    if others.len() >= MEMBERS_MAX {
        return Err(reject(ErrorCode::TooLarge, "a group has at most 1000 members"));
    }
    Ok(())
}

/// The first event of the conversation, if the actor may take it for its own. Either of two people may have begun
/// their direct conversation; a group belongs to whoever began it.
fn begun_before(
    context: &Context<'_>,
    conversation: ConversationId,
    kind: ConversationKind,
) -> Result<Option<Seq>, Stop> {
    if context.organisation.conversation(conversation)?.is_none() {
        return Ok(None);
    }
    let first = Seq::ZERO.next();
    let author = context.organisation.event(conversation, first)?.map(|event| event.author);
    if kind == ConversationKind::Direct || author == Some(context.actor.account) {
        Ok(Some(first))
    } else {
        Err(reject(ErrorCode::Conflict, "the id is taken"))
    }
}

/// The first members, by account id.
fn gather(context: &Context<'_>, kind: ConversationKind, others: &BTreeSet<AccountId>) -> Result<Vec<Member>, Stop> {
    let own_role = if kind == ConversationKind::Group { Role::Owner } else { Role::Member };
    let mut members = vec![recruit(context, context.actor.account, own_role)?];
    for other in others {
        members.push(recruit(context, *other, Role::Member)?);
    }
    members.sort_by_key(Member::account);
    Ok(members)
}
