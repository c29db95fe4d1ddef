//! The thorough look at the cache, on a thread and a connection of its own, so that nothing waits for it.

use std::path::Path;

use rusqlite::InterruptHandle;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Event;
use crate::store::{Reader, inspect};

/// A look that is under way, or over.
pub(super) struct Inspection {
    interrupt: InterruptHandle,
    ended: JoinHandle<()>,
}

impl Inspection {
    /// Begins. If the cache of this round of readers is damaged the loop is told, and builds it again.
    pub(super) fn begin(
        runtime: &Handle,
        folder: &Path,
        mut reader: Reader,
        round: u64,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (interrupt, folder) = (reader.interrupt_handle(), folder.to_owned());
        let ended = runtime.spawn_blocking(move || match reader.inspect() {
            Ok(()) => {
                if let Err(error) = inspect::mark(&folder) {
                    tracing::debug!(%error, "the cache is looked at again next time");
                }
            }
            Err(error) if error.suggests_damage() => {
                drop(reader);
                // If the queue is full or the loop has ended, the look comes again with the next start: there is no mark.
                let _ = events.try_send(Event::CacheDamaged { round });
            }
            Err(error) => tracing::debug!(%error, "the cache could not be looked at"),
        });
        Self { interrupt, ended }
    }

    /// Stops and lets go of the files.
    pub(super) async fn end(self) {
        self.interrupt.interrupt();
        let _ = self.ended.await;
    }
}
