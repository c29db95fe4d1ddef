//! How many bytes a connection has yet to write: shared by the hub, which adds, and the socket's writer, which subtracts.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that wait for one socket.
#[derive(Debug, Default)]
pub struct Backlog {
    queued_bytes: AtomicU64,
}

impl Backlog {
    /// The hub handed a frame to the connection.
    pub fn add(&self, bytes: usize) {
        self.queued_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The writer has put a frame on the wire.
    pub fn subtract(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// What waits now.
    pub fn queued_bytes(&self) -> u64 {
        self.queued_bytes.load(Ordering::Relaxed)
    }
}
