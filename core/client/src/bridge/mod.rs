//! The bridge: typed requests, responses and updates between the core and any screen.
//!
//! A [`Bridge`] is one open profile. It answers from the databases, so it works offline and at once; what it answers
//! `queued`, `opened` or `done` is durable. Screens hold nothing that they could not ask for again: an [`Update`](types::Update) says
//! by id what to read.
//!
//! It brings its own small runtime and its own thread, so its methods may be called from any runtime and any thread.

mod answer;
mod ask;
pub mod request;
mod sign_in;
mod turns;
pub mod types;
pub(crate) mod updates;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{mpsc, oneshot};

use crate::account::Shared;
use crate::address::ServerAddress;
use crate::auth::Auth;
use crate::clock::Clock;
use crate::driver::{Driver, EVENTS_MAX};
use crate::failure::{failure, internal};
use crate::http::Http;
use crate::profile::{ProfileFolder, Record};
use crate::tokens::tokens;
use answer::Core;
use ask::Asked;
use types::{Failure, FailureKind, Request, Response};
pub use updates::UpdateReceiver;

/// Threads for sockets and HTTP, which wait more than they work.
const WORKERS: usize = 2;
/// How long requests that are under way may take to end when the bridge is closed.
const END_MAX: Duration = Duration::from_secs(2);

/// What a shell says about itself and about where things are.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds all profiles. Made with private permissions if it does not exist.
    pub data: PathBuf,
    /// The profile: `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit.
    pub profile: String,
    /// What a device that signs in here is called in the person's list of devices.
    pub device_name: String,
    /// The name and version of the app, for the server's log.
    pub app: String,
    /// Where tokens are kept.
    pub tokens: TokenChoice,
}

/// Where tokens are to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenChoice {
    /// The operating system's keyring if there is one, else a private file. The environment variable
    /// `FIL_TOKENS=file` makes it the private file.
    #[default]
    Automatic,
    /// A private file, without asking for a keyring.
    PrivateFile,
}

impl Options {
    /// A profile in a folder, with the rest left to the defaults.
    pub fn new(data: impl Into<PathBuf>, profile: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            profile: profile.into(),
            device_name: "Fil".to_owned(),
            app: concat!("fil ", env!("CARGO_PKG_VERSION")).to_owned(),
            tokens: TokenChoice::default(),
        }
    }
}

/// One open profile, signed in or not. All its methods may be called from any runtime, and from several tasks at once.
///
/// Dropping it closes it without waiting for the end; [`Bridge::close`] waits.
pub struct Bridge {
    core: Arc<Core>,
    runtime: runtime::Handle,
    /// Dropped to close the driver.
    open: oneshot::Sender<()>,
    /// Resolves when the driver has ended.
    ended: oneshot::Receiver<()>,
}

impl Bridge {
    /// Opens a profile. If somebody is signed in it connects in the background and answers from the database at once.
    pub fn open(options: Options) -> Result<Self, Failure> {
        let folder = ProfileFolder::open(&options.data, &options.profile)?;
        let record = folder.record()?;
        let tls = crate::tls::config().map_err(internal)?;
        let http = Http::new(tls.clone())?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("fil-network")
            .enable_all()
            .build()
            .map_err(internal)?;
        let handle = runtime.handle().clone();
        let shared = Arc::new(Shared::default());
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let (open, closed) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let core = Core::new(&folder, &options, Arc::clone(&shared), sender.clone(), http.clone());
        let mut driver = Driver {
            folder,
            shared,
            runtime: handle.clone(),
            tls: Arc::new(tls),
            clock: Clock::start(),
            app: options.app,
            online: None,
            attempts: 0,
            events,
            sender,
            closed,
        };
        if let Some(record) = record
            && let Err(error) = resume(&mut driver, record, http, options.tokens)
        {
            // A runtime that is merely dropped waits for its threads, which a caller's runtime may forbid.
            runtime.shutdown_background();
            return Err(error);
        }
        thread::Builder::new()
            .name("fil-driver".to_owned())
            .spawn(move || {
                driver.run();
                runtime.shutdown_timeout(END_MAX);
                // Nobody waits for the end of a bridge that was dropped.
                let _ = end.send(());
            })
            .map_err(internal)?;
        Ok(Self { core: Arc::new(core), runtime: handle, open, ended })
    }

    /// Asks for something. Every request gets one answer. A request whose answer is no longer awaited is carried out
    /// all the same.
    ///
    /// It is carried out from here on, whether or not the answer is awaited, and changes in the order of these calls.
    pub fn request(&self, request: Request) -> impl Future<Output = Result<Response, Failure>> + Send + use<> {
        let core = Arc::clone(&self.core);
        let asked = Asked::parse(request);
        let turn = matches!(asked, Ok(Asked::Change(_))).then(|| core.turns.take());
        let answering = self.runtime.spawn(async move { core.answer(asked?, turn).await });
        async move { answering.await.map_err(internal)? }
    }

    /// A receiver of every update from now on.
    pub fn updates(&self) -> UpdateReceiver {
        self.core.shared.updates.subscribe()
    }

    /// Closes the profile: the connection is closed and the lock is free when this returns.
    pub async fn close(self) {
        let Self { core, open, ended, .. } = self;
        drop((core, open));
        // The driver's end is all that is waited for, however it ended.
        let _ = ended.await;
    }
}

/// Opens the databases of whoever is signed in.
fn resume(driver: &mut Driver, record: Record, http: Http, choice: TokenChoice) -> Result<(), Failure> {
    let kept = tokens(choice, record.device, driver.folder.token_file());
    // What a profile kept was an address once: if it is none, the record is damaged, and nothing was typed.
    let damaged = |refused: Failure| failure(FailureKind::DamagedProfile, refused.detail);
    let server = ServerAddress::parse(&record.server).map_err(damaged)?;
    let auth = Auth::new(http, server, Arc::new(kept));
    driver.enter(record, Arc::new(auth))
}

#[cfg(test)]
mod tests;
