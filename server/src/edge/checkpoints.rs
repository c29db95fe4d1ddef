//! The thread that moves the database's log into its file ([`crate::store::sqlite::Checkpointer`]), so that no commit has to.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::store::sqlite::Checkpointer;

/// Time between two looks at the log: short against the time in which a busy server fills it, and long enough that the
/// commits in between cost one look and not one each. Nobody waits for this thread but the server's end, so it may sleep.
const PAUSE: Duration = Duration::from_millis(20);

/// Tells the thread that something was committed. When it is dropped, the thread ends.
#[derive(Debug)]
pub(super) struct Committed(SyncSender<()>);

impl Committed {
    /// Never waits: one message that waits is as good as many.
    pub(super) fn tell(&self) {
        match self.0.try_send(()) {
            // Without its thread, the writer moves the log as it did before there was one.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

/// Starts the thread.
pub(super) fn start(checkpointer: Checkpointer) -> std::io::Result<(Committed, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel(1);
    let thread =
        std::thread::Builder::new().name("checkpoints".to_owned()).spawn(move || run(&checkpointer, &receiver))?;
    Ok((Committed(sender), thread))
}

fn run(checkpointer: &Checkpointer, committed: &Receiver<()>) {
    let mut failing = false;
    while committed.recv().is_ok() {
        match checkpointer.round() {
            Ok(_) => failing = false,
            // A full disk, mostly. The log grows until there is room, which the writer says where it matters.
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "the log could not be moved into the database");
            }
            Err(_) => {}
        }
        std::thread::sleep(PAUSE);
    }
}
