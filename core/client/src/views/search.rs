//! Messages kept here that contain every word of a query.

use fil_protocol::{ConversationId, ItemBody};

use super::View;
use super::overlay::Overlay;
use crate::bridge::types::{self, SearchHit, SnippetPart};
use crate::store::read;

/// Characters of a message in a search result.
const SNIPPET_CHARS: usize = 120;

impl View<'_> {
    /// The newest hits, newest first: what is not sent yet before everything that is, like in a timeline. A message
    /// whose deletion is queued is not found any more.
    pub(crate) fn search(
        &self,
        query: &str,
        conversation: Option<ConversationId>,
        limit: usize,
    ) -> rusqlite::Result<Vec<SearchHit>> {
        let Some(expression) = fil_words::query(query) else { return Ok(Vec::new()) };
        let overlays = Overlay::all(self.db)?;
        let mut hits = Vec::new();
        for (id, overlay) in &overlays {
            if conversation.is_none_or(|wanted| wanted == *id) {
                self.search_pending(*id, overlay, query, &mut hits)?;
            }
        }
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.at_ms));
        let none = Overlay::default();
        for (id, item) in read::search::matching(self.db, &expression, conversation, limit)? {
            let ItemBody::Message { id: message, .. } = &item.body else { continue };
            let (body, _) = self.body(&item.body, overlays.get(&id).unwrap_or(&none))?;
            let types::ItemBody::Message { text, .. } = body else { continue };
            hits.push(SearchHit {
                conversation: id.to_string(),
                conversation_title: self.title(id)?,
                seq: item.seq.0,
                message: message.to_string(),
                author: self.person(item.author)?,
                at_ms: item.at_ms,
                snippet: snippet(&text, query),
            });
        }
        hits.truncate(limit);
        Ok(hits)
    }

    /// Messages that are in no index, because they are not sent. Their timeline opens at its end.
    fn search_pending(
        &self,
        id: ConversationId,
        overlay: &Overlay,
        query: &str,
        hits: &mut Vec<SearchHit>,
    ) -> rusqlite::Result<()> {
        for pending in overlay.pending.iter().rev() {
            let (body, _) = overlay.over(pending.message, self.message(pending.message, &pending.text, false));
            let types::ItemBody::Message { text, .. } = body else { continue };
            if !fil_words::contains(&text, query) {
                continue;
            }
            let head =
                read::conversation::one(self.db, self.me(), id)?.map_or(0, |conversation| conversation.head.seq.0);
            hits.push(SearchHit {
                conversation: id.to_string(),
                conversation_title: self.title(id)?,
                seq: head + 1,
                message: pending.message.to_string(),
                author: self.person(self.me())?,
                at_ms: pending.at_ms,
                snippet: snippet(&text, query),
            });
        }
        Ok(())
    }
}

fn snippet(text: &str, query: &str) -> Vec<SnippetPart> {
    let pieces = fil_words::snippet(text, query, SNIPPET_CHARS);
    pieces.into_iter().map(|(text, hit)| SnippetPart { text, hit }).collect()
}
