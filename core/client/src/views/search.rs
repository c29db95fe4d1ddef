//! Messages kept here that contain every word of a query.

use fil_protocol::{ConversationId, ItemBody};

use super::View;
use super::overlay::Overlay;
use crate::bridge::types::{self, SearchHit, SnippetPart};
use crate::store::read;

/// Characters of a message in a search result.
const SNIPPET_CHARS: usize = 120;

impl View<'_> {
    /// The newest hits, newest first. A message whose deletion is queued is not found any more.
    pub(crate) fn search(
        &self,
        query: &str,
        conversation: Option<ConversationId>,
        limit: usize,
    ) -> rusqlite::Result<Vec<SearchHit>> {
        let Some(expression) = fil_words::query(query) else { return Ok(Vec::new()) };
        let overlays = Overlay::all(self.db)?;
        let none = Overlay::default();
        let mut hits = Vec::new();
        for (id, item) in read::search::matching(self.db, &expression, conversation, limit)? {
            let ItemBody::Message { id: message, .. } = &item.body else { continue };
            let (body, _) = self.body(&item.body, overlays.get(&id).unwrap_or(&none))?;
            let types::ItemBody::Message { text, .. } = body else { continue };
            let snippet = fil_words::snippet(&text, query, SNIPPET_CHARS);
            hits.push(SearchHit {
                conversation: id.to_string(),
                conversation_title: self.title(id)?,
                seq: item.seq.0,
                message: message.to_string(),
                author: self.person(item.author)?,
                at_ms: item.at_ms,
                snippet: snippet.into_iter().map(|(text, hit)| SnippetPart { text, hit }).collect(),
            });
        }
        Ok(hits)
    }
}
