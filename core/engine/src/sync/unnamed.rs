//! Conversations in which a command of this device was applied, and which the account stream does not name. Either they
//! will be named in a moment, or they were taken away before the verdict came; then what the journal says of them has to
//! go the way of everything else. An answer to a question that was asked after the verdict tells which.

use std::collections::BTreeSet;

use fil_protocol::ConversationId;

/// The conversations, and what was asked about them.
#[derive(Clone, Debug, Default)]
pub(super) struct Unnamed {
    /// Nobody has been asked yet.
    open: BTreeSet<ConversationId>,
    /// The pull of the account stream that is under way was asked for these, too.
    asked: BTreeSet<ConversationId>,
}

impl Unnamed {
    /// As the journal has them.
    pub(super) fn stored(conversations: Vec<ConversationId>) -> Self {
        Self { open: conversations.into_iter().collect(), asked: BTreeSet::new() }
    }

    /// A command was applied in this one.
    pub(super) fn note(&mut self, conversation: ConversationId) {
        self.open.insert(conversation);
    }

    /// Whether something is to be asked.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// A pull of the account stream leaves.
    pub(super) fn ask(&mut self) {
        self.asked.append(&mut self.open);
    }

    /// Its answer came: of these, what is still not followed exists no longer.
    pub(super) fn answered(&mut self) -> BTreeSet<ConversationId> {
        std::mem::take(&mut self.asked)
    }

    /// Its answer will not come.
    pub(super) fn unanswered(&mut self) {
        self.open.append(&mut self.asked);
    }
}
