//! The end of a server: the signals that ask for it, and how every part hears of it.

use tokio::sync::watch;

/// Begins the end.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Hears of the end. Cheap to copy.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

/// One end and its listeners.
pub fn channel() -> (Stop, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopping(receiver))
}

impl Stop {
    /// Tells everybody, now and later.
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Whether the end has begun.
    pub fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the end begins, or when nobody is left who could begin it.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|on| *on).await;
    }
}

/// The operating system's wish that the process ends: SIGTERM or SIGINT, elsewhere Ctrl-C.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on: a signal that comes between this and [`Self::wait`] is not lost, and does not kill.
    pub fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Returns when one has come.
    #[cfg_attr(not(unix), allow(unused_mut, reason = "elsewhere there is nothing to poll"))]
    pub async fn wait(mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals the process ends when it is killed, and SQLite takes care of the rest.
            std::future::pending::<()>().await;
        }
    }
}
