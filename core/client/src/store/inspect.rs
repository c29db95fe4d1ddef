//! A thorough look at the cache, in the background.
//!
//! Opening and using a database finds the damage that stands in the way. A page that was swapped, zeroed or put back by a
//! failing disk may not: a lookup then misses a row and nobody is told. So the whole cache is read through once a week.
//! It is no part of opening: with a million messages (760 MB) it took 58 seconds, measured on two cores that were
//! busy many times over. Nor is it done after every crash, which damages nothing on a disk that is whole. What even this
//! cannot see is a changed letter: SQLite keeps no checksums of content.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::InterruptHandle;

use super::{Reader, StoreError};

/// The file whose time of change is that of the last look.
const MARK: &str = "cache.inspected";
/// How often a cache is looked at.
const EVERY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether the cache in this folder wants a look. Asked before it is opened: a new one does not.
pub(super) fn is_due(folder: &Path) -> bool {
    let inspected = fs::metadata(folder.join(MARK)).and_then(|mark| mark.modified());
    // A clock that was set back is no reason to wait for years.
    let recently = |at: SystemTime| at.elapsed().is_ok_and(|elapsed| elapsed < EVERY);
    folder.join("cache.db").exists() && !inspected.is_ok_and(recently)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Row 52: the look comes once a week, also when the clock was set back, and not for a cache that is just made.
    #[test]
    fn a_cache_is_looked_at_once_a_week() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_due(folder.path()), "there is nothing to look at");
        fs::write(folder.path().join("cache.db"), "").unwrap();
        assert!(is_due(folder.path()), "it was never looked at");
        mark(folder.path()).unwrap();
        assert!(!is_due(folder.path()));
        let mark = fs::File::options().write(true).open(folder.path().join(MARK)).unwrap();
        for (at, due) in [
            (SystemTime::now() - EVERY + Duration::from_secs(3_600), false),
            (SystemTime::now() - EVERY - Duration::from_secs(1), true),
            (SystemTime::now() + EVERY, true),
        ] {
            mark.set_modified(at).unwrap();
            assert_eq!(is_due(folder.path()), due);
        }
    }
}
