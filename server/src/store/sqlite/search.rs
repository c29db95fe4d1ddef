//! What a search asks of the index of words.
//!
//! FTS5 gives the messages with a whole word one by one, newest first, and stops when enough are there. Asked for words
//! that *begin* so, it merges the messages of all these words before it gives the first: with 100,000 messages that was
//! 2.3 of the 2.4 ms of a search for a word that every other message has, and it grew with them. So the words of the index
//! that begin so are looked up, which takes some twenty microseconds for each, and asked for by name.
//!
//! Where there are too many of them (two or three letters of a word that is still being typed) the newest messages are
//! looked at one by one. What so many words begin with is in so many messages that a page is soon full; where it is not,
//! the index merges, as before.
//!
//! Refused: an index of beginnings (`prefix = '2 3'`), which answers such questions at once, but has to be written with
//! every message, searched for or not.

use fil_protocol::{AccountId, ConversationId, ItemBody};
use fil_words::Sought;
use rusqlite::{Connection, OptionalExtension};

use super::organisation::Organisation;
use crate::store::{Hit, HitNumber, StoreError};

/// Words of the index that are asked for by name, for each word of a query.
const WORDS_MAX: usize = 16;
/// Messages that are looked at one by one.
const LOOKED_AT_MAX: usize = 200;

/// The words of the index, in their order. It keeps nothing: a view of the index, for each connection.
const TERMS: &str = "CREATE VIRTUAL TABLE temp.item_terms USING fts5vocab(main, item_words, instance)";
/// With `>` instead, the table would look at every place of the word itself.
const TERM: &str = "SELECT term FROM temp.item_terms WHERE term >= ?1 LIMIT 1";
/// Less than every letter and digit: added to a word, the least that comes after it.
const AFTER: char = '\u{1}';

/// Lets a connection look up words.
pub(super) fn prepare(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch(TERMS)?)
}

impl Organisation<'_> {
    /// See [`crate::store::ReadItems::search`].
    pub(super) fn find(
        &self,
        account: AccountId,
        query: &str,
        conversation: Option<ConversationId>,
        before: Option<HitNumber>,
        hits_max: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let words = fil_words::sought(query);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let scope = match conversation {
            Some(conversation) => format!("c{}", conversation.0.simple()),
            None => format!("o{}", self.number),
        };
        let mut named = vec![format!("scope : \"{scope}\"")];
        let mut open = Vec::new();
        for sought in words {
            match self.by_name(&sought)? {
                Some(names) if names.is_empty() => return Ok(Vec::new()),
                Some(names) => named.push(format!("words : ({names})")),
                None => open.push(format!("words : ({})", sought.expression())),
            }
        }
        if !open.is_empty() {
            let mut hits = self.matching(account, &named.join(" AND "), before, LOOKED_AT_MAX)?;
            let all = hits.len() < LOOKED_AT_MAX;
            hits.retain(|hit| match &hit.item.body {
                ItemBody::Message { text, .. } => fil_words::contains(text, query),
                _ => false,
            });
            if all || hits.len() >= hits_max {
                hits.truncate(hits_max);
                return Ok(hits);
            }
        }
        named.append(&mut open);
        self.matching(account, &named.join(" AND "), before, hits_max)
    }

    /// An expression without words that only begin so. Empty if the index has none; none if it has too many.
    fn by_name(&self, sought: &Sought) -> Result<Option<String>, StoreError> {
        let Sought::Beginning(beginning) = sought else { return Ok(Some(sought.expression())) };
        let mut statement = self.sql(TERM)?;
        let mut words: Vec<String> = Vec::new();
        let mut from = beginning.clone();
        while let Some(word) = statement.query_row([&from], |row| row.get::<_, String>(0)).optional()?
            && word.starts_with(beginning)
        {
            if words.len() == WORDS_MAX {
                return Ok(None);
            }
            words.push(format!("\"{word}\""));
            from = word;
            from.push(AFTER);
        }
        Ok(Some(words.join(" OR ")))
    }
}
