//! What bare SQLite does with as many rows and no client around it: the baselines.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::sample::message_text;
use crate::{Failure, Stage};

/// Time to insert so many texts of messages into a table without any index, in commits of this many, as the cache syncs.
pub(crate) fn insert(stage: &Stage, rows: u64, together: u64) -> Result<Duration, Failure> {
    let folder = stage.folder()?;
    let mut db = Connection::open(folder.path().join("bare.db"))?;
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.execute_batch("CREATE TABLE message (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let mut time = Duration::ZERO;
    for from in (0..rows).step_by(usize::try_from(together)?) {
        let texts: Vec<String> = (from..rows.min(from + together)).map(message_text).collect();
        let began = Instant::now();
        let transaction = db.transaction()?;
        let mut statement = transaction.prepare_cached("INSERT INTO message (body) VALUES (?)")?;
        texts.iter().try_for_each(|text| statement.execute([text]).map(drop))?;
        drop(statement);
        transaction.commit()?;
        time += began.elapsed();
    }
    Ok(time)
}

/// Time to open a profile's cache and read its newest fifty messages.
pub(crate) fn first_fifty(folder: &Path) -> Result<Duration, Failure> {
    let began = Instant::now();
    let db = read_only(folder)?;
    let mut statement = db.prepare("SELECT body FROM item ORDER BY id DESC LIMIT 50")?;
    let bodies = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    std::hint::black_box(bodies);
    Ok(began.elapsed())
}

/// Time of the middle of several searches for one word in the index of a profile, the fifty that came last.
pub(crate) fn find(folder: &Path, word: &str, turns: usize) -> Result<Duration, Failure> {
    let db = read_only(folder)?;
    let sql = "SELECT i.body FROM item_fts f JOIN item i ON i.id = f.rowid WHERE item_fts MATCH ? ORDER BY f.rowid DESC LIMIT 50";
    let mut statement = db.prepare(sql)?;
    let mut times = Vec::with_capacity(turns);
    for _ in 0..turns {
        let began = Instant::now();
        let bodies = statement.query_map([word], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        std::hint::black_box(bodies);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(turns / 2).copied().unwrap_or_default())
}

fn read_only(folder: &Path) -> Result<Connection, Failure> {
    Ok(Connection::open_with_flags(folder.join("cache.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}
