//! Stretches of a timeline: the server's items, and over them what the outbox says.
//!
//! Numbers have no gap and the cache knows which ranges it keeps whole, so a stretch never hides that something is
//! missing in the middle: it begins at the lowest number of one kept range and ends at the end, or before what is
//! already on screen.
//!
//! Who was away long has the newest messages here and those that were read before, and nothing between them. Then it is not
//! known which message is the first unread one, but which number it has at least: see [`View::first_unread`].

use fil_protocol::{Action, ConversationId, ConversationKind, Item, MembershipChange, MessageId, Role, Seq, can};

use super::View;
use super::overlay::{Overlay, Pending};
use crate::bridge::types::{ItemBody, ItemState, Older, Timeline, TimelineItem};
use crate::store::cache::range;
use crate::store::read;
use crate::store::read::conversation::Conversation;

/// Items shown before the first unread one, so that it has its context.
const CONTEXT: u32 = 10;
/// Items in one stretch. Someone with more unread messages than this begins at the newest.
const ITEMS_MAX: u32 = 1_000;
/// A message written further from its sending than this was "sent later".
const LATER_MS: u64 = 2 * 60 * 1_000;

/// Which stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    Opening { limit: u32 },
    From { seq: Seq },
    Before { seq: Seq, limit: u32 },
}

impl View<'_> {
    /// A stretch of a timeline; none if the conversation is not there. A stretch before something that is not kept is
    /// empty, with `older` at the server.
    pub(crate) fn timeline(&self, id: ConversationId, stretch: Stretch) -> rusqlite::Result<Option<Timeline>> {
        let overlay = Overlay::of(self.db, id)?;
        let Some(conversation) = read::conversation::one(self.db, self.me(), id)? else {
            return overlay.conversation().map(|_| self.pending_timeline(id, &overlay)).transpose();
        };
        let head = conversation.head.seq;
        let read_seq = conversation.read_position(self.db)?.seq;
        let unread = conversation.unread(self.db)?;
        let first_unread = match unread {
            0 => None,
            _ => self.first_unread(id, read_seq, head)?,
        };
        let (low, high) = match stretch {
            Stretch::Opening { limit } => (self.opening(id, head, first_unread, limit)?, head),
            Stretch::From { seq } => (self.newest_range(id, head)?.max(seq), head),
            Stretch::Before { seq, limit } => (self.before(id, seq, limit)?, seq.previous()),
        };
        let mut items = self.items(&conversation, &overlay, low, high)?;
        if !matches!(stretch, Stretch::Before { .. }) {
            for pending in &overlay.pending {
                items.push(self.pending_item(pending, &overlay)?);
            }
        }
        Ok(Some(Timeline {
            conversation: id.to_string(),
            items,
            from: low.0,
            older: self.older(id, low)?,
            head: head.0,
            first_unread: first_unread.map(|seq| seq.0),
            unread,
        }))
    }

    /// Where the newest stretch that is kept begins, if the first unread message lies below it and is not too far away to
    /// begin there: what a timeline needs from the server to open at that message.
    pub(crate) fn unread_below(&self, id: ConversationId) -> rusqlite::Result<Option<Seq>> {
        let Some(conversation) = read::conversation::one(self.db, self.me(), id)? else { return Ok(None) };
        let head = conversation.head.seq;
        let unread = conversation.unread(self.db)?;
        if unread == 0 || unread >= u64::from(ITEMS_MAX) {
            return Ok(None);
        }
        let read_seq = conversation.read_position(self.db)?.seq;
        let kept = self.newest_range(id, head)?;
        Ok(self.first_unread(id, read_seq, head)?.filter(|first| *first < kept).map(|_| kept))
    }

    /// The first message that is not read. If some of those that follow the read position are not kept here, it may be one
    /// of them: then the lowest number that it may have.
    fn first_unread(&self, id: ConversationId, read_seq: Seq, head: Seq) -> rusqlite::Result<Option<Seq>> {
        let first = read::item::first_message_after(self.db, self.me(), id, read_seq)?;
        let kept_to = range::around(self.db, id, read_seq.next())?.map_or(read_seq, |(_, high)| high);
        Ok(match first {
            Some(first) if first <= kept_to => Some(first),
            _ if kept_to >= head => None,
            _ => Some(kept_to.next()),
        })
    }

    /// The beginning of the range that the newest item is in; after everything if nothing is kept.
    fn newest_range(&self, id: ConversationId, head: Seq) -> rusqlite::Result<Seq> {
        Ok(range::around(self.db, id, head)?.map_or(head.next(), |(low, _)| low))
    }

    fn opening(&self, id: ConversationId, head: Seq, first_unread: Option<Seq>, limit: u32) -> rusqlite::Result<Seq> {
        let kept = self.newest_range(id, head)?;
        let back = |high, count| -> rusqlite::Result<Seq> {
            Ok(read::item::nth_back(self.db, id, kept, high, count)?.unwrap_or(kept))
        };
        let newest = back(head, limit.clamp(1, ITEMS_MAX))?;
        let context = match first_unread {
            Some(first) if first >= kept => back(first.previous(), CONTEXT)?,
            _ => newest,
        };
        Ok(newest.min(context).max(back(head, ITEMS_MAX)?))
    }

    fn before(&self, id: ConversationId, seq: Seq, limit: u32) -> rusqlite::Result<Seq> {
        let last = seq.previous();
        match range::around(self.db, id, last)? {
            Some((low, _)) => {
                Ok(read::item::nth_back(self.db, id, low, last, limit.clamp(1, ITEMS_MAX))?.unwrap_or(low))
            }
            None => Ok(seq),
        }
    }

    fn older(&self, id: ConversationId, low: Seq) -> rusqlite::Result<Older> {
        if low <= Seq(1) {
            return Ok(Older::None);
        }
        let kept = range::around(self.db, id, low.previous())?.is_some();
        Ok(if kept { Older::Kept } else { Older::Server })
    }

    fn items(
        &self,
        conversation: &Conversation,
        overlay: &Overlay,
        low: Seq,
        high: Seq,
    ) -> rusqlite::Result<Vec<TimelineItem>> {
        let role = read::conversation::role(self.db, conversation.id, self.me())?;
        let items = read::item::between(self.db, conversation.id, low, high)?;
        items.iter().map(|item| self.item(conversation.kind, role, item, overlay)).collect()
    }

    fn item(
        &self,
        kind: ConversationKind,
        role: Option<Role>,
        item: &Item,
        overlay: &Overlay,
    ) -> rusqlite::Result<TimelineItem> {
        let (body, queued) = self.body(&item.body, overlay)?;
        let message = matches!(body, ItemBody::Message { .. });
        let may = |action| message && can(self.me(), role, kind, action).is_ok();
        let composed_at_ms = match &item.body {
            fil_protocol::ItemBody::Message { composed_at_ms, .. } => Some(*composed_at_ms),
            _ => None,
        };
        Ok(TimelineItem {
            key: item.body.message().map_or_else(|| format!("n{}", item.seq), |id| id.to_string()),
            seq: Some(item.seq.0),
            at_ms: item.at_ms,
            composed_at_ms: composed_at_ms.filter(|composed_ms| composed_ms.abs_diff(item.at_ms) > LATER_MS),
            author: self.person(item.author)?,
            own: item.author == self.me(),
            body,
            state: if queued { ItemState::Queued } else { ItemState::Sent },
            may_edit: may(Action::EditMessage { author: item.author }),
            may_delete: may(Action::DeleteMessage { author: item.author }),
        })
    }

    fn pending_item(&self, pending: &Pending, overlay: &Overlay) -> rusqlite::Result<TimelineItem> {
        let (body, queued) = overlay.over(pending.message, self.message(pending.message, &pending.text, false));
        let message = matches!(body, ItemBody::Message { .. });
        Ok(TimelineItem {
            key: pending.message.to_string(),
            seq: pending.seq.map(|seq| seq.0),
            at_ms: pending.at_ms,
            composed_at_ms: None,
            author: self.person(self.me())?,
            own: true,
            body,
            state: if queued { ItemState::Queued } else { pending.state },
            may_edit: message,
            may_delete: message,
        })
    }

    /// A conversation that exists so far only in the outbox.
    fn pending_timeline(&self, id: ConversationId, overlay: &Overlay) -> rusqlite::Result<Timeline> {
        let items = overlay.pending.iter().map(|pending| self.pending_item(pending, overlay));
        Ok(Timeline {
            conversation: id.to_string(),
            items: items.collect::<rusqlite::Result<_>>()?,
            from: 0,
            older: Older::None,
            head: 0,
            first_unread: None,
            unread: 0,
        })
    }

    pub(super) fn message(&self, id: MessageId, text: &str, edited: bool) -> ItemBody {
        ItemBody::Message { id: id.to_string(), text: text.to_owned(), edited }
    }

    /// An item's body with what is queued for it, and whether anything is.
    pub(super) fn body(&self, body: &fil_protocol::ItemBody, overlay: &Overlay) -> rusqlite::Result<(ItemBody, bool)> {
        use fil_protocol::ItemBody as Kept;
        Ok(match body {
            Kept::Message { id, text, edited, .. } => overlay.over(*id, self.message(*id, text, *edited)),
            Kept::Deleted { .. } => (ItemBody::Deleted, false),
            Kept::Created { .. } => (ItemBody::Created, false),
            Kept::Title { title } => (ItemBody::Title { title: title.clone() }, false),
            Kept::Membership { member, change } => {
                let person = super::person(&member.profile);
                let body = match change {
                    MembershipChange::Joined => ItemBody::Joined { person },
                    MembershipChange::Left => ItemBody::Left { person },
                };
                (body, false)
            }
        })
    }
}
