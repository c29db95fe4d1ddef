//! Moving the log into the database file, beside the writer.
//!
//! SQLite lets the commit that fills the log move it, and everybody in that commit waits. Another connection can do the
//! work meanwhile, as long as it leaves what is committed during its work to the next round. Only the writer begins the
//! log anew, once all of it is moved: its own limit ([`super::LOG_PAGES`]) stays, and then finds little left to do. By
//! itself this was not seen to shorten the slowest hundredth of messages (`docs/PERFORMANCE.md`): what was longest there
//! was the merging of the index of words.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::configure;
use crate::store::StoreError;

/// Pages in the log that are worth a round: fewer, and pages that every commit changes would be moved too often.
const PAGES_WORTH_IT: u64 = 1_000;
/// Pages in the log from which every round counts, because the writer is about to begin it anew.
const PAGES_NEAR_THE_LIMIT: u64 = super::LOG_PAGES * 3 / 4;
/// Pages that are worth a round then.
const PAGES_WORTH_IT_THEN: u64 = 100;

/// A connection that moves the log.
pub struct Checkpointer {
    connection: Connection,
}

impl Checkpointer {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        configure(&connection)?;
        Ok(Self { connection })
    }

    /// Moves what is in the log, if that is worth it. It never waits for anybody, and nobody for it. Answers whether it
    /// did something.
    pub fn round(&self) -> Result<bool, StoreError> {
        let (pages, moved) = self.checkpoint("PRAGMA wal_checkpoint(NOOP)")?;
        let worth_it = if pages >= PAGES_NEAR_THE_LIMIT { PAGES_WORTH_IT_THEN } else { PAGES_WORTH_IT };
        if pages.saturating_sub(moved) < worth_it {
            return Ok(false);
        }
        self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)")?;
        Ok(true)
    }

    /// The pages in the log, and how many of them are moved. Both are 0 where SQLite does not know, such as before the
    /// first commit.
    fn checkpoint(&self, sql: &str) -> Result<(u64, u64), StoreError> {
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([], |row| Ok((count(row.get(1)?), count(row.get(2)?))))?)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{ADA, House, create_group, group, send};

    /// The log is moved once it is long enough, while the writer goes on, and what was moved is not moved again.
    #[test]
    fn a_long_log_is_moved_and_a_short_one_is_left() {
        let mut house = House::new();
        house.apply(ADA, &create_group(1, "Crew", &[]));
        let checkpointer = super::Checkpointer::open(&house.folder.path().join("fil.db")).unwrap();
        let left = |checkpointer: &super::Checkpointer| {
            let (pages, moved) = checkpointer.checkpoint("PRAGMA wal_checkpoint(NOOP)").unwrap();
            pages - moved
        };
        assert!(left(&checkpointer) > 0 && !checkpointer.round().unwrap());
        let mut number = 0;
        while left(&checkpointer) < super::PAGES_WORTH_IT {
            number += 1;
            house.apply(ADA, &send(group(1), number, &"long ".repeat(2_000)));
        }
        assert!(checkpointer.round().unwrap());
        assert_eq!(left(&checkpointer), 0);
        assert!(!checkpointer.round().unwrap());
        house.apply(ADA, &send(group(1), number + 1, "after"));
        assert!(!checkpointer.round().unwrap());
        let seen = house.read(|organisation| organisation.conversation(group(1)).unwrap().unwrap().head.seq.0);
        assert_eq!(seen, u64::from(number) + 2);
    }
}
