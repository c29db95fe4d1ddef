//! A thorough look at the cache, in the background.
//!
//! Opening and using a database finds the damage that stands in the way. A page that was swapped, zeroed or put back by a
//! failing disk may not: a lookup then misses a row and nobody is told. So the whole cache is read through now and then:
//! after an end that was not clean, and once a week. It is no part of opening, because it takes as long as reading
//! the file. What even this cannot see is a changed letter: SQLite keeps no checksums of content.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::InterruptHandle;

use super::{Reader, StoreError};

/// The file whose time of change is that of the last look.
const MARK: &str = "cache.inspected";
/// How often a cache that was always closed is looked at.
const EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether the cache in this folder wants a look. Asked before it is opened: a log that is there was left by a process
/// that did not close it.
pub(super) fn is_due(folder: &Path) -> bool {
    let inspected = fs::metadata(folder.join(MARK)).and_then(|mark| mark.modified());
    // A clock that was set back is no reason to wait for years.
    let recently = |at: SystemTime| at.elapsed().is_ok_and(|elapsed| elapsed < EVERY);
    folder.join("cache.db").exists() && (folder.join("cache.db-wal").exists() || !inspected.is_ok_and(recently))
}

/// The cache was found sound.
pub(crate) fn mark(folder: &Path) -> std::io::Result<()> {
    fs::write(folder.join(MARK), "")
}

impl Reader {
    /// Reads the whole cache, indexes and words included: an error if it is damaged. Takes seconds on a large one.
    pub fn inspect(&mut self) -> Result<(), StoreError> {
        let verdict = self.db.query_row("PRAGMA cache.integrity_check(1)", [], |row| row.get::<_, String>(0))?;
        if verdict == "ok" { Ok(()) } else { Err(StoreError::CacheDamaged) }
    }

    /// Ends a question from another thread.
    pub(crate) fn interrupt_handle(&self) -> InterruptHandle {
        self.db.get_interrupt_handle()
    }
}
