//! A few read-only connections, lent out one at a time.
//!
//! Readers see what was committed and never wait for the writer. There are [`READERS`] of them; further requests wait
//! for one to come back, in the order of asking, which bounds threads and memory however fast a screen asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio::task;

use crate::bridge::types::Failure;
use crate::failure::internal;
use crate::store::Reader;

/// One for the screen, and one for a search that takes its time.
pub(crate) const READERS: usize = 2;

/// The connections.
pub(crate) struct Readers {
    idle: Mutex<Idle>,
    free: Arc<Semaphore>,
}

struct Idle {
    readers: Vec<Reader>,
    /// Counts replacements: a reader lent out before one is not taken back after it.
    round: u64,
}

impl Readers {
    pub(crate) fn new(readers: Vec<Reader>) -> Self {
        let free = Arc::new(Semaphore::new(readers.len()));
        Self { idle: Mutex::new(Idle { readers, round: 0 }), free }
    }

    /// Other connections from now on: the cache was rebuilt, and those lent out still read the one that was moved aside.
    pub(crate) fn replace(&self, readers: Vec<Reader>) {
        let mut idle = self.idle();
        idle.readers = readers;
        idle.round += 1;
    }

    /// Runs a question on a connection, on a thread that may block. Answers in which round that was, too.
    pub(crate) async fn ask<T: Send + 'static>(
        self: Arc<Self>,
        question: impl FnOnce(&mut Reader) -> T + Send + 'static,
    ) -> Result<(T, u64), Failure> {
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(|_| internal("the profile was closed"))?;
        let asked = task::spawn_blocking(move || {
            let (mut reader, round) = self.take().ok_or_else(|| internal("the profile was closed"))?;
            let answer = question(&mut reader);
            let mut idle = self.idle();
            if idle.round == round {
                idle.readers.push(reader);
            }
            drop(permit);
            Ok((answer, round))
        });
        asked.await.map_err(internal)?
    }

    /// How often the connections were replaced.
    pub(crate) fn round(&self) -> u64 {
        self.idle().round
    }

    fn take(&self) -> Option<(Reader, u64)> {
        let mut idle = self.idle();
        let round = idle.round;
        idle.readers.pop().map(|reader| (reader, round))
    }

    /// Waits for every connection to come back and closes it. Nothing can be asked any more.
    pub(crate) async fn close(&self) {
        let all = self.free.acquire_many(u32::try_from(READERS).unwrap_or(u32::MAX)).await;
        self.idle().readers.clear();
        self.free.close();
        drop(all);
    }

    /// A panic in a question leaves whole connections behind.
    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
