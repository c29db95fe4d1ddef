//! What the disk can do without Fil: syncs per second, and bare SQLite commits per second.
//!
//! The file is opened like the server's database (WAL, `synchronous=FULL`), the table has one row per message and no
//! index beside its key. Whatever Fil does per message, it cannot be faster than this with the same grouping. And whatever
//! it does, a disk that stands still now and then bounds every 99th hundredth: [`wait_p99_ms`].

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
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

/// A batch of about fifty messages in the log: pages, and the time from one to the next.
const BATCH_BYTES: usize = 320 * 1024;
const BATCH_EVERY: Duration = Duration::from_millis(3);
/// The log begins anew at this size, in batches.
const LOG_BATCHES: u64 = 50;

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

/// What 99 of a hundred moments wait at most for a sync that is under way, in milliseconds, while the disk is given
/// batches at the pace of a busy server. Prints a line.
pub(crate) fn wait_p99_ms(stage: &Stage) -> Result<f64, Failure> {
    let folder = stage.folder()?;
    let waits = waits(&folder.path().join("log"), Duration::from_millis(stage.sized(20, 2_000, 15_000)))?;
    let p99_ms = waits.exceeded_by(0.01);
    stage.line(&json!({
        "waits_for_the_disk": {
            "syncs": waits.syncs.len(),
            "p99_ms": crate::figure::round(p99_ms),
            "longest_ms": crate::figure::round(waits.longest_ms()),
        }
    }));
    Ok(p99_ms)
}

/// Writes batches over and over into a file of constant size, as SQLite does with its log, and notes how long each sync
/// took.
fn waits(path: &Path, time: Duration) -> Result<Waits, Failure> {
    let mut file = File::create(path)?;
    let batch = vec![7; BATCH_BYTES];
    for _ in 0..LOG_BATCHES {
        file.write_all(&batch)?;
    }
    file.sync_all()?;
    let mut waits = Waits::default();
    let start = Instant::now();
    for number in 0.. {
        if number % LOG_BATCHES == 0 {
            file.rewind()?;
        }
        file.write_all(&batch)?;
        let began = Instant::now();
        file.sync_data()?;
        waits.syncs.push(began.elapsed());
        if start.elapsed() >= time {
            break;
        }
        std::thread::park_timeout(BATCH_EVERY.saturating_sub(began.elapsed()));
    }
    waits.whole = start.elapsed();
    Ok(waits)
}

/// Syncs of some time.
#[derive(Debug, Default)]
struct Waits {
    syncs: Vec<Duration>,
    whole: Duration,
}

impl Waits {
    /// The wait that only this share of all moments exceeds, in milliseconds. A moment inside a sync waits for its end, any
    /// other not at all.
    fn exceeded_by(&self, share: f64) -> f64 {
        let exceeding = |wait: Duration| -> f64 {
            let over: Duration = self.syncs.iter().map(|sync| sync.saturating_sub(wait)).sum();
            over.as_secs_f64() / self.whole.as_secs_f64()
        };
        let (mut low, mut high) = (Duration::ZERO, self.whole);
        while high - low > Duration::from_micros(1) {
            let middle = (low + high) / 2;
            if exceeding(middle) > share { low = middle } else { high = middle }
        }
        millis(high)
    }

    fn longest_ms(&self) -> f64 {
        self.syncs.iter().max().copied().map_or(0.0, millis)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sync of 100 ms in ten seconds: a hundredth of all moments is in it; half of those wait more than 50 ms.
    #[test]
    fn whoever_comes_at_a_random_moment_waits_for_what_is_left_of_a_sync() {
        let mut waits = Waits { syncs: vec![Duration::from_millis(100)], whole: Duration::from_secs(10) };
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.01;
        assert!(near(waits.exceeded_by(0.005), 50.0), "{}", waits.exceeded_by(0.005));
        assert!(near(waits.exceeded_by(0.01), 0.0) && near(waits.exceeded_by(0.0), 100.0));
        waits.syncs = vec![Duration::from_millis(1); 5_000];
        assert!(near(waits.exceeded_by(0.01), 0.98), "{}", waits.exceeded_by(0.01));
        assert!(near(waits.longest_ms(), 1.0));
    }
}
