//! A conversation that is being written: permissions on the way in, numbers and times on the way out.

use fil_protocol::limits::CONVERSATIONS_MAX;
use fil_protocol::{
    AccountId, Action, ConversationEntry, ConversationId, Event, EventBody, Item, KnownAccountEntry, KnownEvent,
    Member, MessageId, Position, Role, Seq, can,
};

use super::{Context, Done, Stop, reject};
use crate::bus::Push;
use crate::store::{AccountRow, ConversationRow, MemberRow, Membership, StoreError};

/// A conversation open for writing, with the pushes gathered so far.
pub(super) struct Log<'t> {
    pub(super) context: Context<'t>,
    pub(super) row: ConversationRow,
    /// The actor's membership.
    pub(super) member: Option<MemberRow>,
    pub(super) pushes: Vec<Push>,
}

impl<'t> Log<'t> {
    /// Opens a conversation of the actor's organisation. Whoever is no member is told that there is none.
    pub(super) fn open(context: Context<'t>, conversation: ConversationId) -> Result<Self, Stop> {
        let row = context.organisation.conversation(conversation)?.ok_or(fil_protocol::Denied::Invisible)?;
        let member = context.organisation.member(conversation, context.actor.account)?;
        Ok(Self { context, row, member, pushes: Vec::new() })
    }

    /// Whether the actor may do it.
    pub(super) fn allow(&self, action: Action) -> Result<(), Stop> {
        let role: Option<Role> = self.member.filter(|member| member.member).map(|member| member.role);
        Ok(can(self.context.actor.account, role, self.row.record.kind, action)?)
    }

    /// A message of this conversation.
    pub(super) fn message(&self, message: MessageId) -> Result<Item, Stop> {
        let item = self.context.organisation.message(self.conversation(), message)?;
        item.ok_or_else(|| reject(fil_protocol::ErrorCode::NotFound, "there is no such message"))
    }

    pub(super) fn conversation(&self) -> ConversationId {
        self.row.record.conversation
    }

    /// The position that the next event gets, if it is no message.
    pub(super) fn next(&self) -> Position {
        Position { seq: self.row.head.seq.next(), sent: self.row.head.sent }
    }

    /// Appends an event. Numbers have no gap, time does not go back.
    pub(super) fn append(&mut self, body: KnownEvent) -> Result<Seq, StoreError> {
        let head = match &body {
            KnownEvent::Message { sent, .. } => Position { sent: *sent, ..self.next() },
            _ => self.next(),
        };
        let at_ms = self.context.now_ms.max(self.row.last_at_ms);
        let (organisation, author) = (self.context.organisation, self.context.actor.account);
        let event = Event { seq: head.seq, at_ms, author, body: EventBody::Known(body) };
        organisation.append_event(self.conversation(), &event)?;
        organisation.advance(self.conversation(), head, at_ms)?;
        self.row.head = head;
        self.row.last_at_ms = at_ms;
        self.pushes.push(Push::Event {
            organisation: organisation.id(),
            conversation: self.conversation(),
            event,
            horizon: organisation.horizon(),
        });
        Ok(head.seq)
    }

    /// Makes an account a member, or no longer one, as of the next event.
    pub(super) fn set_membership(&mut self, account: AccountId, role: Role, member: bool) -> Result<(), StoreError> {
        let before = self.context.organisation.member(self.conversation(), account)?;
        let at = self.next();
        let membership = Membership { conversation: self.conversation(), account, member, role, at };
        let rev = self.context.organisation.set_membership(membership)?;
        let read = if member { at } else { before.map_or_else(Position::default, |row| row.read) };
        self.push_entry(account, rev, member, read);
        Ok(())
    }

    /// Moves the actor's own read position.
    pub(super) fn set_read(&mut self, read: Position) -> Result<(), StoreError> {
        let account = self.context.actor.account;
        let rev = self.context.organisation.set_read(self.conversation(), account, read)?;
        self.push_entry(account, rev, true, read);
        Ok(())
    }

    pub(super) fn done(self) -> Done {
        Done { seq: self.row.head.seq, pushes: self.pushes }
    }

    fn push_entry(&mut self, account: AccountId, rev: u64, member: bool, read: Position) {
        let entry = ConversationEntry { conversation: self.conversation(), kind: self.row.record.kind, member, read };
        self.pushes.push(Push::Account {
            organisation: self.context.organisation.id(),
            account,
            rev,
            entry: KnownAccountEntry::Conversation(entry),
        });
    }
}

/// An account that can become a member. Nobody is pushed over [`CONVERSATIONS_MAX`], by themselves or by others.
pub(super) fn recruit(context: &Context<'_>, account: AccountId, role: Role) -> Result<Member, Stop> {
    let row: AccountRow = context
        .organisation
        .account(account)?
        .ok_or_else(|| reject(fil_protocol::ErrorCode::NotFound, "there is no such account"))?;
    if row.disabled_at_ms.is_some() {
        return Err(reject(fil_protocol::ErrorCode::Invalid, "the account is disabled"));
    }
    // Every membership has taken a revision, so most accounts need not be counted.
    let maybe_full = context.organisation.account_rev(account)? >= CONVERSATIONS_MAX as u64;
    if maybe_full && context.organisation.count_conversations(account)? >= CONVERSATIONS_MAX as u64 {
        return Err(reject(fil_protocol::ErrorCode::TooLarge, "an account has at most 5000 conversations"));
    }
    Ok(Member { profile: row.profile, role })
}
