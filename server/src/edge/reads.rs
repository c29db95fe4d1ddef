//! A few open doors to the database for reads, used by one request at a time each, on threads that may block.
//!
//! History, search and every other question over HTTP never wait for the writer and never run on its thread. Pulls do:
//! see [`crate::node`]. When all doors are taken, a request
//! waits for [`WAIT_MAX`] and is then told to come back: that is the bound of the queue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fil_protocol::{ErrorCode, ProtocolError};
use tokio::sync::Semaphore;

use crate::history::ReadError;
use crate::http::failure::from_store;
use crate::store::{ReadStore, Reader, Store, StoreError};

/// How long a request waits for a door.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(5);

/// The doors.
#[derive(Clone)]
pub struct Reads {
    doors: Arc<Mutex<Vec<Box<dyn ReadStore>>>>,
    free: Arc<Semaphore>,
}

impl Reads {
    /// Opens this many doors.
    pub fn open(store: &dyn Store, count: usize) -> Result<Self, StoreError> {
        let doors = (0..count).map(|_| store.open_reads()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { doors: Arc::new(Mutex::new(doors)), free: Arc::new(Semaphore::new(count)) })
    }

    /// Reads one committed state. The reader may refuse: "no such conversation".
    pub async fn read<T, R>(&self, read: R) -> Result<T, ProtocolError>
    where
        T: Send + 'static,
        R: FnOnce(&dyn Reader) -> Result<T, ReadError> + Send + 'static,
    {
        let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.free).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(ProtocolError::retry_after(ErrorCode::Unavailable, "the server is busy reading", 2_000));
        };
        let doors = Arc::clone(&self.doors);
        let result = tokio::task::spawn_blocking(move || {
            let door = doors.lock().unwrap_or_else(PoisonError::into_inner).pop();
            // A permit stands for a door; the door comes back before the permit does, even if a reader panics.
            let mut borrowed = Borrowed { door, doors: &doors };
            let door = borrowed.door.as_mut().ok_or(StoreError::Busy)?;
            let snapshot = door.snapshot()?;
            let result = read(&*snapshot);
            drop(snapshot);
            drop(borrowed);
            drop(turn);
            result
        })
        .await;
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(ReadError::Refused(error))) => Err(error),
            Ok(Err(ReadError::Store(error))) => Err(from_store(&error)),
            Err(_) => Err(ProtocolError::new(ErrorCode::Internal, "reading failed")),
        }
    }
}

struct Borrowed<'a> {
    door: Option<Box<dyn ReadStore>>,
    doors: &'a Mutex<Vec<Box<dyn ReadStore>>>,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(door) = self.door.take() {
            self.doors.lock().unwrap_or_else(PoisonError::into_inner).push(door);
        }
    }
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reads").field("free", &self.free.available_permits()).finish_non_exhaustive()
    }
}
