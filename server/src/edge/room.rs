//! Whether the server can write, for those who watch it: `/readyz`, the figures and the log.
//!
//! A disk that is full or read-only is no reason to end: reading goes on, connections stay, and nothing that was
//! acknowledged is in danger. But somebody has to know. After a commit that failed (the figures count them, see
//! [`crate::metrics::store_failures`]) a look a second asks whether the next would succeed, until it would: a row is
//! written, and a file of [`ROOM_BYTES`] beside the database. The row alone is no answer: a log that could not grow still
//! has room for something small. A server that writes without trouble is never asked anything.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fil_protocol::{ErrorCode, ProtocolError};

use super::Edge;
use crate::http::failure::from_store;
use crate::metrics::{names, store_failures};
use crate::store::StoreError;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// As much as a busy server may write in one commit.
const ROOM_BYTES: usize = 1024 * 1024;

/// What is wrong with writing, if anything is.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Mutex<Option<ProtocolError>>>);

impl Room {
    /// Why nothing can be written; none if it can.
    pub fn trouble(&self) -> Option<ProtocolError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<ProtocolError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Whether a file of [`ROOM_BYTES`] can be written here. It is removed at once.
async fn has_room(file: PathBuf) -> Result<(), ProtocolError> {
    let written = tokio::task::spawn_blocking(move || {
        let written = std::fs::write(&file, vec![0; ROOM_BYTES]);
        // If it was not made, there is nothing to remove.
        let _ = std::fs::remove_file(&file);
        written
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::StorageFull => Err(from_store(&StoreError::Full)),
        Ok(Err(error)) => Err(ProtocolError::new(ErrorCode::Unavailable, format!("the disk fails: {error}"))),
        Err(error) => Err(ProtocolError::new(ErrorCode::Internal, error.to_string())),
    }
}

/// Looks until the server stops.
pub(super) async fn watch(edge: Arc<Edge>) {
    let mut stopping = edge.stopping.clone();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut failures = store_failures();
    metrics::gauge!(names::WRITABLE).set(1.0);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.wait() => return,
        }
        let now = store_failures();
        let before = edge.room.trouble();
        if now == failures && before.is_none() {
            continue;
        }
        // The same epoch once more: the smallest write there is.
        let row = edge.node.write(|transaction| transaction.set_epoch(transaction.epoch()?)).await;
        let written = match row {
            Ok(()) => has_room(edge.config.data.join("room")).await,
            Err(error) => Err(error),
        };
        // What this write itself has added is no news.
        failures = store_failures();
        match (&written, &before) {
            (Ok(()), Some(_)) => tracing::warn!("the database can be written again"),
            (Err(error), None) => {
                tracing::error!(%error, "nothing can be written: nothing is acknowledged until it can; reading goes on");
            }
            _ => {}
        }
        metrics::gauge!(names::WRITABLE).set(if written.is_ok() { 1.0 } else { 0.0 });
        edge.room.set(written.err());
    }
}
