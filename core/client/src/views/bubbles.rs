//! Bubbles: the messages that the screen draws from the outbox and the journal, for whoever compares the two.

use fil_protocol::{ConversationId, MessageId, Seq};

use super::overlay::Overlay;
use crate::bridge::types::ItemState;
use crate::store::{Reader, StoreError};

/// A message that is drawn over the server's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    /// Where.
    pub conversation: ConversationId,
    /// Which.
    pub message: MessageId,
    /// How it is drawn.
    pub mark: Mark,
}

/// How a bubble is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// With a clock: it waits in the outbox.
    Queued,
    /// With a tick: the server has it as this event, which is still to come.
    Sent(Seq),
    /// Red: it was refused and awaits a decision.
    Rejected,
}

impl Reader {
    /// Every bubble on the screen that does not come from the cache.
    pub fn bubbles(&mut self) -> Result<Vec<Bubble>, StoreError> {
        self.snapshot(|db| Ok(Overlay::all(db)?.into_iter().flat_map(|(id, overlay)| drawn(id, overlay)).collect()))
    }

    /// Those of one conversation.
    pub fn bubbles_in(&mut self, id: ConversationId) -> Result<Vec<Bubble>, StoreError> {
        self.snapshot(|db| Ok(drawn(id, Overlay::of(db, id)?).collect()))
    }
}

fn drawn(conversation: ConversationId, overlay: Overlay) -> impl Iterator<Item = Bubble> {
    overlay.pending.into_iter().map(move |pending| {
        let mark = match (pending.state, pending.seq) {
            (ItemState::Rejected { .. }, _) => Mark::Rejected,
            (_, Some(seq)) => Mark::Sent(seq),
            (_, None) => Mark::Queued,
        };
        Bubble { conversation, message: pending.message, mark }
    })
}
