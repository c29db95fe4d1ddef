//! Add an account of the organisation to a group. What was written before counts as read.

use fil_protocol::limits::MEMBERS_MAX;
use fil_protocol::{AccountId, Action, ConversationId, ErrorCode, KnownEvent, MembershipChange, Role};

use super::log::{Log, recruit};
use super::{Context, Done, Stop, reject};

pub(super) fn apply(context: Context<'_>, conversation: ConversationId, account: AccountId) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    log.allow(Action::AddMember)?;
    if let Some(member) = context.organisation.member(conversation, account)?.filter(|member| member.member) {
        return Ok(Done::before(member.since));
    }
    let member = recruit(&context, account, Role::Member)?;
    if context.organisation.count_members(conversation)? >= MEMBERS_MAX as u64 {
        return Err(reject(ErrorCode::TooLarge, "a group has at most 1000 members"));
    }
    log.set_membership(account, member.role, true)?;
    log.append(KnownEvent::Membership { member, change: MembershipChange::Joined })?;
    Ok(log.done())
}
