//! The conversation list, and one row of it.

use fil_protocol::{ConversationId, ConversationKind};

use super::View;
use super::overlay::{Created, Overlay};
use crate::bridge::types::{self, ConversationRow, LastItem};
use crate::store::read;
use crate::store::read::conversation::Conversation;

impl View<'_> {
    /// All conversations, most recently active first, those that exist so far only in the outbox among them.
    pub(crate) fn conversations(&self) -> rusqlite::Result<Vec<ConversationRow>> {
        let mut overlays = Overlay::all(self.db)?;
        let mut rows = Vec::new();
        for conversation in read::conversation::all(self.db, self.me())? {
            let overlay = overlays.remove(&conversation.id).unwrap_or_default();
            rows.push((active_at_ms(Some(&conversation), &overlay), self.row(&conversation, &overlay)?));
        }
        for (id, overlay) in overlays {
            if let Some(created) = overlay.conversation() {
                rows.push((active_at_ms(None, &overlay), self.pending_row(id, &created, &overlay)?));
            }
        }
        rows.sort_by(|(at_ms, row), (other_ms, other)| other_ms.cmp(at_ms).then_with(|| row.id.cmp(&other.id)));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// One conversation; none if it is gone.
    pub(crate) fn conversation(&self, id: ConversationId) -> rusqlite::Result<Option<ConversationRow>> {
        let overlay = Overlay::of(self.db, id)?;
        match (read::conversation::one(self.db, self.me(), id)?, overlay.conversation()) {
            (Some(conversation), _) => self.row(&conversation, &overlay).map(Some),
            (None, Some(created)) => self.pending_row(id, &created, &overlay).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// What a conversation is called: its title, or the other person's name.
    pub(crate) fn title(&self, id: ConversationId) -> rusqlite::Result<String> {
        Ok(self.conversation(id)?.map(|row| row.title).unwrap_or_default())
    }

    fn title_of(&self, conversation: &Conversation, newer: Option<&String>) -> rusqlite::Result<String> {
        match (conversation.kind, newer.or(conversation.title.as_ref()), conversation.other) {
            (ConversationKind::Direct, _, Some(other)) => self.person(other).map(|person| person.name),
            (_, title, _) => Ok(title.cloned().unwrap_or_default()),
        }
    }

    fn row(&self, conversation: &Conversation, overlay: &Overlay) -> rusqlite::Result<ConversationRow> {
        Ok(ConversationRow {
            id: conversation.id.to_string(),
            kind: kind(conversation.kind),
            title: self.title_of(conversation, overlay.title.as_ref())?,
            members: conversation.members,
            unread: conversation.unread(self.db)?,
            last: self.last(Some(conversation), overlay)?,
            draft: read::conversation::draft(self.db, conversation.id)?,
            rejected: overlay.rejected,
            pending: false,
        })
    }

    fn pending_row(
        &self,
        id: ConversationId,
        created: &Created,
        overlay: &Overlay,
    ) -> rusqlite::Result<ConversationRow> {
        let title = match (created.kind, created.members.first()) {
            (ConversationKind::Direct, Some(other)) => self.person(*other)?.name,
            _ => created.title.clone().unwrap_or_default(),
        };
        Ok(ConversationRow {
            id: id.to_string(),
            kind: kind(created.kind),
            title: overlay.title.clone().unwrap_or(title),
            members: u32::try_from(created.members.len() + 1).unwrap_or(u32::MAX),
            unread: 0,
            last: self.last(None, overlay)?,
            draft: read::conversation::draft(self.db, id)?,
            rejected: overlay.rejected,
            pending: true,
        })
    }

    /// The newest thing: what is not sent yet comes after everything that is.
    fn last(&self, conversation: Option<&Conversation>, overlay: &Overlay) -> rusqlite::Result<Option<LastItem>> {
        if let Some(pending) = overlay.pending.last() {
            let (body, _) = overlay.over(pending.message, self.message(pending.message, &pending.text, false));
            let author = self.person(self.me())?;
            return Ok(Some(LastItem { author, own: true, at_ms: pending.at_ms, body }));
        }
        let Some(newest) = conversation.and_then(|conversation| conversation.newest.as_ref()) else { return Ok(None) };
        Ok(Some(LastItem {
            author: self.person(newest.author)?,
            own: newest.author == self.me(),
            at_ms: newest.at_ms,
            body: self.body(&newest.body, overlay)?.0,
        }))
    }
}

fn active_at_ms(conversation: Option<&Conversation>, overlay: &Overlay) -> u64 {
    conversation.map_or(0, |conversation| conversation.changed_at_ms).max(overlay.written_at_ms())
}

fn kind(kind: ConversationKind) -> types::ConversationKind {
    match kind {
        ConversationKind::Direct => types::ConversationKind::Direct,
        ConversationKind::Group => types::ConversationKind::Group,
    }
}
