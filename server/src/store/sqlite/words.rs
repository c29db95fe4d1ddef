//! The index of words.

use rusqlite::{Connection, params};

use super::columns::int;
use crate::store::StoreError;

/// One change of the index.
pub(super) enum WordsChange {
    /// Add a text.
    Add { document: i64, scope: String, text: String },
    /// Remove a text. An index without content must be told what to remove, and then really removes it: the
    /// `contentless_delete` option keeps the bytes until a later merge, so it was refused.
    Remove { document: i64, scope: String, text: String },
}

/// Version 3: the index does not merge its segments by itself. It does so for every 64 pages that were written, and then
/// writes up to a thousand pages in one commit, for which everybody in it waits 20 to 35 ms. [`merge`] does as much, a
/// little with every commit.
pub(super) const MERGED_BY_US: &str = "INSERT INTO item_words (item_words, rank) VALUES ('automerge', 0);";

/// Texts from which a merge is worth its own reading and writing. With one text in a commit, that is as many segments,
/// and at sixteen the index would merge them all at once.
const TEXTS_MIN: u64 = 8;
/// Pages to merge for each two texts: with texts of 200 bytes, fifty to a commit, one in three is needed.
const TEXTS_PER_PAGE: u64 = 2;
/// The most pages that one commit merges: about a millisecond. What is left over is done with the next ones.
const PAGES_MAX: u64 = 64;

const ADD: &str = "INSERT INTO item_words (rowid, scope, words) VALUES (?1, ?2, ?3)";
const REMOVE: &str = "INSERT INTO item_words (item_words, rowid, scope, words) VALUES ('delete', ?1, ?2, ?3)";
const MERGE: &str = "INSERT INTO item_words (item_words, rank) VALUES ('merge', ?1)";

/// Writes changes, in this order.
pub(super) fn write<'w>(
    connection: &Connection,
    mut changes: impl ExactSizeIterator<Item = &'w WordsChange>,
) -> Result<(), StoreError> {
    if changes.len() == 0 {
        return Ok(());
    }
    let mut adding = connection.prepare_cached(ADD)?;
    changes.try_for_each(|change| {
        match change {
            WordsChange::Add { document, scope, text } => {
                adding.execute(params![document, scope, fil_words::index(text)])?
            }
            WordsChange::Remove { document, scope, text } => {
                connection.prepare_cached(REMOVE)?.execute(params![document, scope, fil_words::index(text)])?
            }
        };
        Ok(())
    })
}

/// Merges segments for so many texts that were written and not merged for yet. Answers how many are left.
pub(super) fn merge(connection: &Connection, texts: u64) -> Result<u64, StoreError> {
    if texts < TEXTS_MIN {
        return Ok(texts);
    }
    let pages = (texts / TEXTS_PER_PAGE).min(PAGES_MAX);
    connection.prepare_cached(MERGE)?.execute([int(pages)])?;
    // A long time without a merge is not made up for: the index has its own limit for that.
    Ok((texts - pages * TEXTS_PER_PAGE).min(PAGES_MAX * TEXTS_PER_PAGE))
}

#[cfg(test)]
mod tests {
    use crate::testing::{ADA, House, actor, create_group, group, organisation, send};

    /// The index stays in few segments, and no commit has to merge much: its pages in the log are counted.
    #[test]
    fn no_commit_merges_much_and_all_together_merge_enough() {
        let mut house = House::new();
        house.apply(ADA, &create_group(1, "Crew", &[]));
        let beside = rusqlite::Connection::open(house.folder.path().join("fil.db")).unwrap();
        let logged = || -> i64 { beside.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap() };
        let mut most = 0;
        for batch in 0..400_u64 {
            let before = logged();
            let transaction = house.store.begin().unwrap();
            let writer = transaction.organisation(organisation(1)).unwrap();
            for number in 0..20_u64 {
                let place = batch * 20 + number;
                let words: Vec<String> = (0..30).map(|word| format!("w{}", (place + 1) * (word + 7) % 9_973)).collect();
                let mut command = send(group(1), 1, &words.join(" "));
                if let fil_protocol::Command::SendMessage { message, .. } = &mut command {
                    *message = fil_protocol::MessageId::from((u128::from(place) + 1).to_be_bytes());
                }
                crate::relay::apply(writer.as_ref(), &actor(ADA), &command, 1).unwrap();
            }
            drop(writer);
            transaction.commit().unwrap();
            most = most.max(logged() - before);
        }
        let segments: i64 =
            beside.query_row("SELECT count(DISTINCT segid) FROM item_words_idx", [], |row| row.get(0)).unwrap();
        println!("{most} pages, {segments} segments");
        assert!(most < 150, "{most} pages in one commit");
        assert!(segments < 40, "{segments} segments");
        let found =
            house.read(|organisation| organisation.search(actor(ADA).account, "\"w7\"", None, None, 5).unwrap().len());
        assert!(found > 0);
    }
}
