//! Turns: changes reach the driver in the order in which they were asked for.
//!
//! Requests are answered by tasks on several threads, and whichever task runs first would be first: two messages sent in
//! one breath stood in the log the wrong way round. So a change takes its turn where it is asked for, before anything is
//! awaited, and its task waits for the one before to be handed over. There is no queue here: a turn is held by the task
//! that waits for it.

use std::sync::Mutex;

use tokio::sync::oneshot;

/// Gives out turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Resolves when the turn that was given out last is over.
    last: Mutex<Option<oneshot::Receiver<()>>>,
}

/// The place of one change among the others. Dropping it lets the next one go on.
#[derive(Debug)]
pub(super) struct Turn {
    before: Option<oneshot::Receiver<()>>,
    _over: oneshot::Sender<()>,
}

impl Turns {
    /// The turn after all that were taken before.
    pub(super) fn take(&self) -> Turn {
        let (over, next) = oneshot::channel();
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Turn { before: last.replace(next), _over: over }
    }
}

impl Turn {
    /// Waits until the turn before is over.
    pub(super) async fn come(&mut self) {
        if let Some(before) = self.before.take() {
            // It is over however its task ended.
            let _ = before.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A thousand tasks on several threads, started in any order, come one after the other as their turns were taken.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn turns_come_in_the_order_in_which_they_were_taken() {
        let (turns, came) = (Turns::default(), Arc::new(Mutex::new(Vec::new())));
        let mut taken: Vec<(usize, Turn)> = (0..1_000).map(|number| (number, turns.take())).collect();
        taken.reverse();
        let tasks = taken.into_iter().map(|(number, mut turn)| {
            let came = Arc::clone(&came);
            tokio::spawn(async move {
                turn.come().await;
                came.lock().unwrap().push(number);
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(*came.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
    }
}
