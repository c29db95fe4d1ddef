//! Keeps the witness: notes once a second how far the database has come, beside it (`crate::witness`).
//!
//! The note is made from a reader's snapshot, so it never names a commit that is not durable. A note that cannot be
//! written (the disk is full) is tried again with the next tick; nothing waits for it.

use std::path::PathBuf;
use std::time::Duration;

use super::Reads;
use crate::shutdown::Stopping;
use crate::witness::Witness;

/// Time between two notes.
const EVERY: Duration = Duration::from_secs(1);

/// Notes until the server stops.
pub(super) async fn keep(reads: Reads, file: PathBuf, mut stopping: Stopping) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut noted = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => noted = note(&reads, &file, noted).await,
            () = stopping.wait() => return,
        }
    }
}

/// Notes where the database is now, unless that is what was noted last. Answers what is noted.
pub(super) async fn note(reads: &Reads, file: &std::path::Path, noted: Option<Witness>) -> Option<Witness> {
    let now = match reads.read(|reader| Ok(Witness::of(reader)?)).await {
        Ok(now) => now,
        // Logged where it happened.
        Err(_) => return noted,
    };
    if noted == Some(now) {
        return noted;
    }
    match now.save(file) {
        Ok(()) => Some(now),
        Err(error) => {
            tracing::debug!(%error, "the witness could not be written");
            noted
        }
    }
}
