//! Who gets which pushes: connected accounts, and the conversations that they are members of.
//!
//! Only what concerns a connected account is held. Membership follows the events themselves, in the order of commits,
//! so after the commit that removed a member nothing reaches it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fil_protocol::{AccountId, ConversationId, Head, KnownEvent, MembershipChange, OrganisationId, Seq};

use super::ConnectionId;

/// An account in its organisation.
pub(super) type AccountKey = (OrganisationId, AccountId);
type ConversationKey = (OrganisationId, ConversationId);

/// What a connection subscribes to when it says hello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The newest revision of its account's stream.
    pub account_rev: u64,
    /// The account's conversations, each with the horizon of its last change.
    pub conversations: Vec<(Head, u64)>,
}

/// All subscriptions of this process.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    accounts: HashMap<AccountKey, Account>,
    conversations: HashMap<ConversationKey, Conversation>,
}

#[derive(Debug, Default)]
struct Account {
    /// In the order in which they said hello.
    connections: Vec<ConnectionId>,
    conversations: BTreeSet<ConversationId>,
    rev: u64,
}

#[derive(Debug, Default)]
struct Conversation {
    /// Members that are connected.
    members: BTreeSet<AccountId>,
    head: Seq,
    /// The horizon of the last change.
    changed: u64,
}

impl Subscriptions {
    /// Adds a connection of an account, with what was read about the account just now.
    pub(super) fn add(&mut self, key: AccountKey, connection: ConnectionId, subscription: &Subscription) {
        let account = self.accounts.entry(key).or_default();
        account.connections.push(connection);
        account.rev = account.rev.max(subscription.account_rev);
        for (head, changed) in &subscription.conversations {
            account.conversations.insert(head.conversation);
            let conversation = self.conversations.entry((key.0, head.conversation)).or_default();
            conversation.members.insert(key.1);
            conversation.head = conversation.head.max(head.seq);
            conversation.changed = conversation.changed.max(*changed);
        }
    }

    /// Removes a connection, and with the account's last one everything held for it.
    pub(super) fn remove(&mut self, key: AccountKey, connection: ConnectionId) {
        let Some(account) = self.accounts.get_mut(&key) else { return };
        account.connections.retain(|other| *other != connection);
        if account.connections.is_empty() {
            let conversations = std::mem::take(&mut account.conversations);
            self.accounts.remove(&key);
            for conversation in conversations {
                self.part(key, conversation);
            }
        }
    }

    /// Takes note of an event: who is a member from now on, and the new head.
    pub(super) fn note_event(
        &mut self,
        organisation: OrganisationId,
        id: ConversationId,
        seq: Seq,
        event: Option<&KnownEvent>,
        horizon: u64,
    ) {
        match event {
            Some(KnownEvent::Created { members, .. }) => {
                for member in members {
                    self.join((organisation, member.account()), id);
                }
            }
            Some(KnownEvent::Membership { member, change: MembershipChange::Joined }) => {
                self.join((organisation, member.account()), id);
            }
            Some(KnownEvent::Membership { member, change: MembershipChange::Left }) => {
                let key = (organisation, member.account());
                if let Some(account) = self.accounts.get_mut(&key) {
                    account.conversations.remove(&id);
                }
                self.part(key, id);
            }
            _ => {}
        }
        if let Some(conversation) = self.conversations.get_mut(&(organisation, id)) {
            conversation.head = conversation.head.max(seq);
            conversation.changed = conversation.changed.max(horizon);
        }
    }

    /// Takes note of an account's new revision.
    pub(super) fn note_rev(&mut self, key: AccountKey, rev: u64) {
        if let Some(account) = self.accounts.get_mut(&key) {
            account.rev = account.rev.max(rev);
        }
    }

    /// The connections of a conversation's members, in order.
    pub(super) fn of_conversation(
        &self,
        organisation: OrganisationId,
        conversation: ConversationId,
    ) -> impl Iterator<Item = ConnectionId> {
        let members = self.conversations.get(&(organisation, conversation)).map(|found| &found.members);
        members.into_iter().flatten().flat_map(move |member| self.of_account((organisation, *member)))
    }

    /// The connections of an account, in order.
    pub(super) fn of_account(&self, key: AccountKey) -> impl Iterator<Item = ConnectionId> {
        self.accounts.get(&key).into_iter().flat_map(|account| account.connections.iter().copied())
    }

    /// The account's newest revision, and its conversations that changed after this horizon, newest first.
    pub(super) fn changed_since(&self, key: AccountKey, horizon: u64) -> (u64, Vec<Head>) {
        let Some(account) = self.accounts.get(&key) else { return (0, Vec::new()) };
        let mut changed = BTreeMap::new();
        for id in &account.conversations {
            if let Some(conversation) = self.conversations.get(&(key.0, *id)).filter(|found| found.changed > horizon) {
                changed.insert((conversation.changed, *id), Head { conversation: *id, seq: conversation.head });
            }
        }
        (account.rev, changed.into_values().rev().collect())
    }

    fn join(&mut self, key: AccountKey, id: ConversationId) {
        if let Some(account) = self.accounts.get_mut(&key) {
            account.conversations.insert(id);
            self.conversations.entry((key.0, id)).or_default().members.insert(key.1);
        }
    }

    fn part(&mut self, key: AccountKey, id: ConversationId) {
        if let Some(conversation) = self.conversations.get_mut(&(key.0, id)) {
            conversation.members.remove(&key.1);
            if conversation.members.is_empty() {
                self.conversations.remove(&(key.0, id));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.conversations.is_empty()
    }
}
