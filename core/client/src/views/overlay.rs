//! The overlay: what the outbox and the journal draw over the server's rows.
//!
//! A row of the outbox *is* the optimistic change, so there is no "sending" flag that could be left behind. A message
//! whose item is in the cache is drawn from the cache, however its row stands: answer and push may come in either order.

use std::collections::{BTreeMap, BTreeSet};

use fil_protocol::{AccountId, Command, ConversationId, ConversationKind, MessageId, Seq};
use rusqlite::Connection;

use crate::bridge::types::{ItemBody, ItemState};
use crate::failure::reject_reason;
use crate::store::local::command::{State, Written};
use crate::store::read;

/// What is drawn over one conversation.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// The conversation itself, if the server has not sent it yet.
    pub(crate) created: Option<Created>,
    /// Messages that are not in the cache, in the order of pressing send.
    pub(crate) pending: Vec<Pending>,
    /// New texts of messages.
    edits: BTreeMap<MessageId, String>,
    /// Messages that are to go.
    deletions: BTreeSet<MessageId>,
    /// The new title.
    pub(crate) title: Option<String>,
    /// Whether a message, or the conversation, was refused.
    pub(crate) rejected: bool,
}

/// A conversation that is begun.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) kind: ConversationKind,
    pub(crate) title: Option<String>,
    pub(crate) members: Vec<AccountId>,
    pub(crate) at_ms: u64,
}

/// A message that is not in the cache.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) message: MessageId,
    pub(crate) text: String,
    pub(crate) at_ms: u64,
    pub(crate) state: ItemState,
    /// Its number, if the server has it already.
    pub(crate) seq: Option<Seq>,
}

impl Overlay {
    /// The overlay of one conversation.
    pub(crate) fn of(db: &Connection, conversation: ConversationId) -> rusqlite::Result<Self> {
        let mut overlay = Self::default();
        for row in read::command::unseen(db, conversation)? {
            overlay.draw(db, row)?;
        }
        Ok(overlay)
    }

    /// The overlays of all conversations that have one.
    pub(crate) fn all(db: &Connection) -> rusqlite::Result<BTreeMap<ConversationId, Self>> {
        let mut overlays: BTreeMap<ConversationId, Self> = BTreeMap::new();
        for row in read::command::all_unseen(db)? {
            overlays.entry(row.command.conversation()).or_default().draw(db, row)?;
        }
        Ok(overlays)
    }

    fn draw(&mut self, db: &Connection, row: Written) -> rusqlite::Result<()> {
        self.rejected |= matches!(row.state, State::Rejected(_));
        match row.command {
            Command::CreateConversation { kind, title, members, .. } => {
                self.created = Some(Created { kind, title, members, at_ms: row.written_at_ms });
            }
            Command::SendMessage { conversation, message, text, .. } => {
                if read::item::message(db, conversation, message)?.is_none() {
                    let (state, seq) = match row.state {
                        State::Waiting => (ItemState::Queued, None),
                        State::Settled(seq) => (ItemState::Sent, Some(seq)),
                        State::Rejected(code) => (ItemState::Rejected { reason: reject_reason(code) }, None),
                    };
                    self.pending.push(Pending { message, text, at_ms: row.written_at_ms, state, seq });
                }
            }
            Command::EditMessage { message, text, .. } => {
                self.edits.insert(message, text);
            }
            Command::DeleteMessage { message, .. } => {
                self.deletions.insert(message);
            }
            Command::SetTitle { title, .. } => self.title = Some(title),
            // Membership is shown as the server has it: who is in a group is not a matter of opinion.
            Command::AddMember { .. } | Command::RemoveMember { .. } => {}
        }
        Ok(())
    }

    /// A message's body with what is queued for it, and whether anything is.
    pub(crate) fn over(&self, message: MessageId, body: ItemBody) -> (ItemBody, bool) {
        if self.deletions.contains(&message) {
            return (ItemBody::Deleted, true);
        }
        match (body, self.edits.get(&message)) {
            (ItemBody::Message { id, .. }, Some(text)) => {
                (ItemBody::Message { id, text: text.clone(), edited: true }, true)
            }
            (body, _) => (body, false),
        }
    }

    /// The conversation as far as the overlay alone can draw it; none if there is nothing to draw.
    ///
    /// Messages that were refused because the person is no longer a member have a conversation that the server took
    /// away: it is drawn without a name for as long as they await a decision.
    pub(crate) fn conversation(&self) -> Option<Created> {
        self.created.clone().or_else(|| {
            let at_ms = self.pending.iter().map(|pending| pending.at_ms).min()?;
            Some(Created { kind: ConversationKind::Group, title: None, members: Vec::new(), at_ms })
        })
    }

    /// When something was last written here.
    pub(crate) fn written_at_ms(&self) -> u64 {
        let created = self.created.as_ref().map(|created| created.at_ms);
        self.pending.iter().map(|pending| pending.at_ms).chain(created).max().unwrap_or(0)
    }
}
