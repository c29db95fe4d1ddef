//! The profile behind the window: opened once, and its updates forwarded as the event `update`.
//!
//! A profile that cannot be opened (in use, newer, damaged) is no reason to end: the screen says so and asks again,
//! and asking again opens again.

use std::path::Path;
use std::sync::Arc;

use fil_client::bridge::types::{Failure, FailureKind, Request, Response};
use fil_client::bridge::{Bridge, Options};
use tauri::{AppHandle, Emitter};
use tokio::sync::Mutex;

/// The one event.
const UPDATE: &str = "update";

/// The core of one profile.
pub(crate) struct Core {
    app: AppHandle,
    options: Options,
    bridge: Mutex<State>,
}

/// How far the profile is. It never opens again once it was closed.
enum State {
    NotOpen,
    Open(Arc<Bridge>),
    Closed,
}

impl Core {
    /// Nothing is opened yet.
    pub(crate) fn new(app: AppHandle, data: &Path, profile: &str) -> Self {
        let mut options = Options::new(data, profile);
        options.device_name = "Fil, desktop".to_owned();
        options.app = concat!("fil-desktop ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { app, options, bridge: Mutex::new(State::NotOpen) }
    }

    /// The bridge; opens the profile if it is not open yet.
    pub(crate) async fn open(&self) -> Result<Arc<Bridge>, Failure> {
        let mut state = self.bridge.lock().await;
        match &*state {
            State::Open(bridge) => return Ok(Arc::clone(bridge)),
            State::Closed => return Err(internal("the app is closing")),
            State::NotOpen => {}
        }
        let options = self.options.clone();
        // Files, databases and perhaps a keyring: off the threads that wait for other things.
        let opening = tauri::async_runtime::spawn_blocking(move || Bridge::open(options));
        let bridge = Arc::new(opening.await.map_err(internal)??);
        let updates = bridge.updates();
        let app = self.app.clone();
        tauri::async_runtime::spawn(async move {
            let mut updates = updates;
            while let Some(update) = updates.next().await {
                // Fails only when the window is gone, and then nobody has to be told.
                let _ = app.emit(UPDATE, update);
            }
        });
        *state = State::Open(Arc::clone(&bridge));
        Ok(bridge)
    }

    /// Asks the core.
    pub(crate) async fn request(&self, request: Request) -> Result<Response, Failure> {
        self.open().await?.request(request).await
    }

    /// Closes the profile and waits until its lock is free. Requests that are under way keep it open a little longer.
    pub(crate) async fn close(&self) {
        let state = std::mem::replace(&mut *self.bridge.lock().await, State::Closed);
        if let State::Open(bridge) = state
            && let Some(bridge) = Arc::into_inner(bridge)
        {
            bridge.close().await;
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn internal(detail: impl ToString) -> Failure {
    Failure { kind: FailureKind::Internal, detail: detail.to_string() }
}
