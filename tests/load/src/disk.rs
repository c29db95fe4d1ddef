//! What the disk can do without Fil: syncs per second, and bare SQLite commits per second.
//!
//! The file is opened like the server's database (WAL, `synchronous=FULL`), the table has one row per message and no
//! index beside its key. Whatever Fil does per message, it cannot be faster than this with the same grouping.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;

use crate::{Failure, Stage, text};

/// What was measured, per second.
#[derive(Clone, Copy, Debug)]
pub struct DiskRates {
    /// Appends of 4 KiB, each made durable with `fdatasync`.
    pub syncs: f64,
    /// SQLite transactions of one row.
    pub single_commits: f64,
    /// Rows in SQLite transactions of 100.
    pub grouped_rows: f64,
}

/// Measures, and prints a line.
pub(crate) fn measure(stage: &Stage) -> Result<DiskRates, Failure> {
    let time = Duration::from_millis(stage.sized(20, 500, 3_000));
    let folder = stage.folder()?;
    let mut file = File::create(folder.path().join("appended"))?;
    let block = [7; 4096];
    let syncs = per_second(time, || {
        file.write_all(&block)?;
        file.sync_data()?;
        Ok(1)
    })?;
    let mut database = Connection::open(folder.path().join("bare.db"))?;
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update_and_check(None, "wal_autocheckpoint", 4_000, |_| Ok(()))?;
    database.execute_batch("CREATE TABLE message (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")?;
    let mut number = 0;
    let mut commit = |rows: u64| -> Result<u64, Failure> {
        let transaction = database.transaction()?;
        let mut statement = transaction.prepare_cached("INSERT INTO message (body) VALUES (?)")?;
        for _ in 0..rows {
            number += 1;
            statement.execute([text::of(number, text::BYTES)])?;
        }
        drop(statement);
        transaction.commit()?;
        Ok(rows)
    };
    let single_commits = per_second(time, || commit(1))?;
    let grouped_rows = per_second(time, || commit(100))?;
    let rates = DiskRates { syncs, single_commits, grouped_rows };
    stage.line(&json!({
        "disk": {
            "fdatasync_per_s": crate::figure::round(syncs),
            "sqlite_commits_of_1_per_s": crate::figure::round(single_commits),
            "sqlite_rows_in_commits_of_100_per_s": crate::figure::round(grouped_rows),
        }
    }));
    Ok(rates)
}

fn per_second(time: Duration, mut work: impl FnMut() -> Result<u64, Failure>) -> Result<f64, Failure> {
    let start = Instant::now();
    let mut done = 0;
    while start.elapsed() < time {
        done += work()?;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}
