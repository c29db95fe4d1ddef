//! Remove an account from a group, or leave it.

use fil_protocol::{AccountId, Action, ConversationId, ErrorCode, KnownEvent, Member, MembershipChange};

use super::log::Log;
use super::{Context, Done, Stop, reject};
use crate::store::StoreError;

pub(super) fn apply(context: Context<'_>, conversation: ConversationId, account: AccountId) -> Result<Done, Stop> {
    let mut log = Log::open(context, conversation)?;
    let target = context.organisation.member(conversation, account)?;
    if let Some(left) = target.filter(|target| !target.member && account == context.actor.account) {
        return Ok(Done::before(left.since));
    }
    log.allow(Action::RemoveMember { account })?;
    let Some(target) = target else {
        return Err(reject(ErrorCode::NotFound, "there is no such member"));
    };
    if !target.member {
        return Ok(Done::before(target.since));
    }
    let profile = context.organisation.account(account)?.ok_or(StoreError::Missing("account"))?.profile;
    log.set_membership(account, target.role, false)?;
    let member = Member { profile, role: target.role };
    log.append(KnownEvent::Membership { member, change: MembershipChange::Left })?;
    Ok(log.done())
}
