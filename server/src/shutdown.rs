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

/// Returns when the operating system asks the process to end: SIGTERM or SIGINT, elsewhere Ctrl-C.
pub async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
