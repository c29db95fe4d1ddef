//! What waits for one socket: frames to write, and at the end the reason to close.
//!
//! The node thread puts in and never waits; the socket's task takes everything at once. There is no bound here, because
//! the hub keeps one in bytes ([`Backlog`](crate::node::Backlog)): it stops pushing to a socket that does not read, and
//! closes it. The close does not stand in line behind the frames: the task is told at once and gives what is left a
//! moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fil_protocol::ErrorCode;
use tokio::sync::Notify;

/// The frames that wait for one socket.
#[derive(Debug, Default)]
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// What was taken out of a mailbox.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Frames, oldest first.
    pub frames: Vec<Arc<str>>,
    /// Set once the socket is to be closed: the close code and why.
    pub close: Option<(u16, ErrorCode)>,
}

impl Mailbox {
    /// Adds a frame, without telling the task: [`Self::ring`] does, once for everything that a batch has for a socket, so
    /// that it is one wake-up and one write. True if the mailbox was empty.
    #[must_use = "somebody has to ring"]
    pub fn put(&self, frame: Arc<str>) -> bool {
        let mut waiting = self.lock();
        waiting.frames.push(frame);
        waiting.frames.len() == 1
    }

    /// Tells the task that something waits.
    pub fn ring(&self) {
        self.changed.notify_one();
    }

    /// Asks the socket to close. The first reason stays.
    pub fn close(&self, code: u16, reason: ErrorCode) {
        self.lock().close.get_or_insert((code, reason));
        self.changed.notify_one();
    }

    /// Everything that waits, as soon as there is something.
    pub async fn take(&self) -> Waiting {
        loop {
            {
                let mut waiting = self.lock();
                if !waiting.frames.is_empty() || waiting.close.is_some() {
                    return std::mem::take(&mut *waiting);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Returns once the socket is to be closed, whatever else waits. For the one task that also calls [`Self::take`], in
    /// turns: a change is announced to one waiter only.
    pub async fn closing(&self) {
        while self.lock().close.is_none() {
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that runs under the lock can panic half-way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_that_waits_is_taken_at_once_and_the_first_reason_to_close_stays() {
        let mailbox = Mailbox::default();
        assert!(mailbox.put("one".into()));
        assert!(!mailbox.put("two".into()));
        mailbox.ring();
        let waiting = mailbox.take().await;
        assert_eq!((waiting.frames.len(), waiting.close), (2, None));
        mailbox.close(4401, ErrorCode::DeviceRevoked);
        mailbox.close(1001, ErrorCode::Unavailable);
        mailbox.closing().await;
        assert_eq!(mailbox.take().await.close, Some((4401, ErrorCode::DeviceRevoked)));
    }
}
