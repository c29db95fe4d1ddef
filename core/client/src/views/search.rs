//! Messages kept here that contain every word of a query.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fil_protocol::{ConversationId, ItemBody};

use super::View;
use super::overlay::{Overlay, Pending};
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
        if fil_words::query(query).is_none() {
            return Ok(Vec::new());
        }
        let overlays = Overlay::all(self.db)?;
        let mut hits = Vec::new();
        for (id, overlay) in &overlays {
            if conversation.is_none_or(|wanted| wanted == *id) {
                self.search_pending(*id, overlay, query, limit, &mut hits)?;
            }
        }
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.at_ms));
        let none = Overlay::default();
        let mut titles = BTreeMap::new();
        for (id, item) in read::search::matching(self.db, query, conversation, limit)? {
            let ItemBody::Message { id: message, .. } = &item.body else { continue };
            let (body, _) = self.body(&item.body, overlays.get(&id).unwrap_or(&none))?;
            let types::ItemBody::Message { text, .. } = body else { continue };
            let title = match titles.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.title(id)?),
            };
            hits.push(SearchHit {
                conversation: id.to_string(),
                conversation_title: title.clone(),
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
        limit: usize,
        hits: &mut Vec<SearchHit>,
    ) -> rusqlite::Result<()> {
        let text = |pending: &Pending| {
            let (body, _) = overlay.over(pending.message, self.message(pending.message, &pending.text, false));
            match body {
                types::ItemBody::Message { text, .. } if fil_words::contains(&text, query) => Some(text),
                _ => None,
            }
        };
        let newest_first = overlay.pending.iter().rev();
        let found: Vec<_> = newest_first.filter_map(|pending| Some((pending, text(pending)?))).take(limit).collect();
        if found.is_empty() {
            return Ok(());
        }
        let head = read::conversation::one(self.db, self.me(), id)?.map_or(0, |conversation| conversation.head.seq.0);
        let title = self.title(id)?;
        for (pending, text) in found {
            hits.push(SearchHit {
                conversation: id.to_string(),
                conversation_title: title.clone(),
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
