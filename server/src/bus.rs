//! What travels from a commit to the hubs: pushes, after the commit, at most once.
//!
//! In one process they come straight back. Between processes a lost push is found by heartbeats and cursors, so a bus
//! needs no memory and no acknowledgements; one that blocks a commit was refused.

use std::mem;

use fil_protocol::{AccountId, ConversationId, Event, KnownAccountEntry, OrganisationId};

/// One durable change, for whoever is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum Push {
    /// A conversation has a new event. The hub learns from it too who joined and left.
    Event {
        /// In which organisation.
        organisation: OrganisationId,
        /// In which conversation.
        conversation: ConversationId,
        /// The event.
        event: Event,
        /// The horizon of its commit.
        horizon: u64,
    },
    /// An account's stream has a new entry.
    Account {
        /// In which organisation.
        organisation: OrganisationId,
        /// Whose.
        account: AccountId,
        /// Its revision; the one before is always `rev - 1`.
        rev: u64,
        /// The entry.
        entry: KnownAccountEntry,
    },
}

/// Carries pushes to all hubs, the own one included.
pub trait Bus: Send {
    /// Takes the pushes of one commit, in order. Never waits.
    fn publish(&mut self, pushes: Vec<Push>);

    /// What has arrived, in the order of commits.
    fn receive(&mut self) -> Vec<Push>;
}

/// The bus of a server that is alone. It holds the pushes of one batch at most, because each step empties it.
#[derive(Debug, Default)]
pub struct InProcessBus {
    waiting: Vec<Push>,
}

impl Bus for InProcessBus {
    fn publish(&mut self, pushes: Vec<Push>) {
        self.waiting.extend(pushes);
    }

    fn receive(&mut self) -> Vec<Push> {
        mem::take(&mut self.waiting)
    }
}
