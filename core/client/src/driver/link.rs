//! The link: the one socket that the session may have at a time, as the driver holds it.
//!
//! Every attempt gets a number. Events carry it, so what an abandoned socket still says is not taken for news. Frames
//! that leave wait in a queue of [`FRAMES_MAX`]; a socket that does not drain it is broken, since the engine never has
//! more than the commands in flight and a few pulls under way.

use std::sync::Arc;

use fil_protocol::ClientFrame;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::JoinHandle;

use super::event::Event;
use crate::auth::Auth;
use crate::socket;

/// Frames that wait for the socket.
const FRAMES_MAX: usize = 1_024;

/// The socket of one attempt.
pub(crate) struct Link {
    number: u64,
    frames: mpsc::Sender<ClientFrame>,
    task: JoinHandle<()>,
}

impl Link {
    /// Begins an attempt. Its events go into the driver's queue.
    pub(crate) fn open(
        runtime: &Handle,
        number: u64,
        auth: Arc<Auth>,
        tls: Arc<rustls::ClientConfig>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (frames, outgoing) = mpsc::channel(FRAMES_MAX);
        let renewals = frames.downgrade();
        let report = async move |event| events.send(Event::Socket { connection: number, event }).await.is_ok();
        let task = runtime.spawn(socket::run(auth, tls, outgoing, renewals, report));
        Self { number, frames, task }
    }

    /// Whether this is the attempt that an event belongs to.
    pub(crate) fn is(&self, number: u64) -> bool {
        self.number == number
    }

    /// Queues a frame. Answers false if the socket does not keep up.
    pub(crate) fn send(&self, frame: ClientFrame) -> bool {
        // A socket that is gone reports it by itself.
        !matches!(self.frames.try_send(frame), Err(TrySendError::Full(_)))
    }

    /// Says good-bye and waits for the end.
    pub(crate) async fn close(self) {
        drop(self.frames);
        // The socket's task does not panic, and its end is all that is waited for.
        let _ = self.task.await;
    }
}
