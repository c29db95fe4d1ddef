//! Read marks: how far the person has read, for conversations where the server does not know yet.
//!
//! A mark only ever grows. Marks are coalesced to one per conversation, kept over restarts, and held back until the
//! client is caught up: a position sent in the middle of catching up would claim messages read that nobody has seen
//! (row 31 of the failure catalogue).

use std::collections::BTreeMap;

use fil_protocol::{ClientFrame, ConversationId, Seq};

use crate::action::{Action, StoreAction};

/// The machine.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    marks: BTreeMap<ConversationId, Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: Seq,
    /// Sent on the connection that is open now.
    sent: bool,
}

impl Reading {
    /// The marks that were kept.
    pub fn new(kept: impl IntoIterator<Item = (ConversationId, Seq)>) -> Self {
        let marks = kept.into_iter().map(|(conversation, seq)| (conversation, Mark { seq, sent: false })).collect();
        Self { marks }
    }

    /// The person has read this far.
    pub fn mark(&mut self, conversation: ConversationId, seq: Seq, actions: &mut Vec<Action>) {
        let known = self.marks.get(&conversation).map_or(Seq::ZERO, |mark| mark.seq);
        if seq > known {
            self.marks.insert(conversation, Mark { seq, sent: false });
            actions.push(Action::Store(StoreAction::SetReadMark { conversation, seq }));
        }
    }

    /// The server says how far the account has read.
    pub fn confirmed(&mut self, conversation: ConversationId, seq: Seq, actions: &mut Vec<Action>) {
        if self.marks.get(&conversation).is_some_and(|mark| mark.seq <= seq) {
            self.forget(conversation, actions);
        }
    }

    /// The conversation is gone.
    pub fn forget(&mut self, conversation: ConversationId, actions: &mut Vec<Action>) {
        if self.marks.remove(&conversation).is_some() {
            actions.push(Action::Store(StoreAction::ClearReadMark { conversation }));
        }
    }

    /// The marks were numbers of a history that the server has lost. They mean nothing in the other one, where the same
    /// number may be a message that nobody has seen.
    pub fn forget_all(&mut self, actions: &mut Vec<Action>) {
        let marks = std::mem::take(&mut self.marks);
        actions
            .extend(marks.into_keys().map(|conversation| Action::Store(StoreAction::ClearReadMark { conversation })));
    }

    /// What was sent may not have arrived: the connection is gone, or a heartbeat came and the server has not confirmed
    /// it. It is sent again.
    pub fn doubt(&mut self) {
        for mark in self.marks.values_mut() {
            mark.sent = false;
        }
    }

    /// Sends what is due. Called only while the client is caught up.
    pub fn send(&mut self, actions: &mut Vec<Action>) {
        for (conversation, mark) in &mut self.marks {
            if !mark.sent {
                mark.sent = true;
                actions.push(Action::Send(ClientFrame::Read { conversation: *conversation, seq: mark.seq }));
            }
        }
    }
}
