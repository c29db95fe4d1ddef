//! What a screen draws, for whoever compares it with what the server has.

use fil_protocol::{ConversationId, Profile};

use super::{Stretch, View};
use crate::bridge::types::{ConversationRow, Timeline};
use crate::store::{Reader, StoreError};

impl Reader {
    /// The list of conversations as it is drawn for this person.
    pub fn conversation_rows(&mut self, me: &Profile) -> Result<Vec<ConversationRow>, StoreError> {
        self.snapshot(|db| View::of(db, me).conversations())
    }

    /// A timeline as it is opened by this person, with at least so many items if they are kept; none if the conversation
    /// is not there.
    pub fn opened_timeline(
        &mut self,
        me: &Profile,
        conversation: ConversationId,
        limit: u32,
    ) -> Result<Option<Timeline>, StoreError> {
        self.snapshot(|db| View::of(db, me).timeline(conversation, Stretch::Opening { limit }))
    }
}
