//! Notices what an administrator changed beside the running server: `fil-server account disable` is another process.
//!
//! Once a second the database is asked which devices and accounts lost their rights lately, and their sockets are
//! closed. The question goes to two small indexes and costs some microseconds; watching for changes of the database
//! file instead was refused, because on a busy server it changes all the time. Requests over HTTP need none of this:
//! each reads the rows of its device and account.

use std::sync::Arc;
use std::time::Duration;

use super::Edge;
use crate::clock::now_ms;

/// Time between two looks.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How far each look goes back: longer than a transaction may take from its time stamp to its commit. Closing a socket
/// that is closed already does nothing.
pub(super) const OVERLAP_MS: u64 = 15_000;

/// Looks until the server stops.
pub(super) async fn watch(edge: Arc<Edge>) {
    let mut stopping = edge.stopping.clone();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut since_ms = now_ms();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.wait() => return,
        }
        let until_ms = now_ms();
        let from_ms = since_ms.saturating_sub(OVERLAP_MS);
        match edge.reads.read(move |reader| Ok(reader.revoked_since(from_ms)?)).await {
            Ok(revoked) => {
                for revoked in revoked {
                    if edge.node.revoked(revoked).await.is_err() {
                        return;
                    }
                }
                since_ms = until_ms;
            }
            // Logged where it happened; the next look goes back far enough.
            Err(error) => tracing::debug!(%error, "could not look for revoked devices"),
        }
    }
}
