//! Updates: what the screen reads again, in a bounded queue per receiver.
//!
//! An update says by id what changed and carries no content, so an update that waits already is not queued twice. A
//! receiver that falls [`WAITING_MAX`] updates behind loses them all and gets the one that makes up for them:
//! [`Update::Overflowed`], read everything on screen again. The sender never waits for a receiver.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::types::Update;

/// Updates that wait for one receiver. A screen shows some hundred things; beyond that, reading all of it is cheaper.
const WAITING_MAX: usize = 256;

/// The sending side.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    receivers: Mutex<Vec<Arc<Queue>>>,
}

/// One receiver of updates. Dropping it ends the subscription.
#[derive(Debug)]
pub struct UpdateReceiver {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Update>,
    closed: bool,
}

impl Updates {
    /// A new receiver, which gets every update from now on.
    pub(crate) fn subscribe(&self) -> UpdateReceiver {
        let queue = Arc::new(Queue::default());
        locked(&self.receivers).push(Arc::clone(&queue));
        UpdateReceiver { queue }
    }

    /// Tells every receiver.
    pub(crate) fn send(&self, update: &Update) {
        let mut receivers = locked(&self.receivers);
        // A queue that only this list still holds has lost its receiver.
        receivers.retain(|queue| Arc::strong_count(queue) > 1);
        for queue in receivers.iter() {
            queue.push(update);
        }
    }

    /// No update will come any more: receivers take what waits, then end.
    pub(crate) fn close(&self) {
        for queue in locked(&self.receivers).drain(..) {
            locked(&queue.state).closed = true;
            queue.ready.notify_one();
        }
    }
}

impl UpdateReceiver {
    /// The next update; none once the bridge is closed.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            {
                let mut state = locked(&self.queue.state);
                if let Some(update) = state.waiting.pop_front() {
                    return Some(update);
                }
                if state.closed {
                    return None;
                }
            }
            self.queue.ready.notified().await;
        }
    }
}

impl Queue {
    fn push(&self, update: &Update) {
        let mut state = locked(&self.state);
        if state.waiting.back() == Some(&Update::Overflowed) || state.waiting.contains(update) {
            return;
        }
        if state.waiting.len() >= WAITING_MAX {
            state.waiting.clear();
            state.waiting.push_back(Update::Overflowed);
        } else {
            state.waiting.push_back(update.clone());
        }
        drop(state);
        self.ready.notify_one();
    }
}

/// A panic elsewhere leaves a queue of plain values, which is as good as before.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(number: usize) -> Update {
        Update::Timeline { conversation: number.to_string() }
    }

    #[tokio::test]
    async fn an_update_that_waits_is_not_queued_twice() {
        let updates = Updates::default();
        let mut receiver = updates.subscribe();
        for update in [timeline(1), Update::Status, timeline(1), timeline(2), Update::Status] {
            updates.send(&update);
        }
        updates.close();
        let mut seen = Vec::new();
        while let Some(update) = receiver.next().await {
            seen.push(update);
        }
        assert_eq!(seen, [timeline(1), Update::Status, timeline(2)]);
    }

    #[tokio::test]
    async fn a_receiver_that_falls_behind_is_told_to_read_everything() {
        let updates = Updates::default();
        let mut slow = updates.subscribe();
        let mut quick = updates.subscribe();
        for number in 0..WAITING_MAX + 10 {
            updates.send(&timeline(number));
            assert_eq!(quick.next().await, Some(timeline(number)));
        }
        assert_eq!(slow.next().await, Some(Update::Overflowed));
        updates.send(&Update::Status);
        assert_eq!(slow.next().await, Some(Update::Status));
    }

    #[tokio::test]
    async fn a_dropped_receiver_is_forgotten() {
        let updates = Updates::default();
        drop(updates.subscribe());
        updates.send(&Update::Status);
        assert!(locked(&updates.receivers).is_empty());
    }
}
