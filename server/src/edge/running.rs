//! A running server, from the data folder to the closed listener. The same for `fil-server serve` and for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fil_protocol::Epoch;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::bearers::Bearers;
use super::reads::Reads;
use super::{Edge, NodeThread, checkpoints, note, writer};
use crate::auth::access::AccessTokens;
use crate::auth::keys::{KeyError, Keys, random};
use crate::auth::password::Passwords;
use crate::auth::refresh::RefreshTokens;
use crate::clock::now_ms;
use crate::config::{Config, ConfigError};
use crate::data::{DataError, DataFolder, Lock};
use crate::limits::RateLimits;
use crate::listener::{self, Listener};
use crate::node::Node;
use crate::shutdown::Stop;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StoreError};
use crate::witness;
use crate::{http, metrics, shutdown, tls};

/// Doors for reads, which is also how many threads read at the same time: enough to keep a small machine's cores and disk
/// busy, few enough to leave the writer its share. Each is a connection to the database with a cache of its own.
const READ_DOORS: usize = 4;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// No thread could be started.
    #[error("cannot start the node's thread: {0}")]
    Thread(std::io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    edge: Arc<Edge>,
    stop: Stop,
    listener: Listener,
    tasks: Vec<JoinHandle<()>>,
    node: NodeThread,
    /// Ends after the node.
    checkpoints: std::thread::JoinHandle<()>,
    data: DataFolder,
    lock: Lock,
}

/// Makes the data folder if it is not there, and opens its database.
pub fn prepare(data: &DataFolder) -> Result<SqliteStore, StartError> {
    data.create()?;
    data.create_file(&data.database())?;
    let epoch = Epoch::from_parts(now_ms(), &random()?);
    Ok(SqliteStore::open(&data.database(), epoch)?)
}

impl Running {
    /// Starts a server. It answers when this returns.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        metrics::recorder();
        let tls = if config.has_tls() { Some(tls::acceptor(&config.tls)?) } else { None };
        let data = DataFolder::new(&config.data);
        data.create()?;
        let lock = data.lock()?;
        let keys = Keys::load_or_create(&data.keys(), now_ms())?;
        let mut store = prepare(&data)?;
        recognise(&data, &mut store)?;
        let reads = Reads::open(&store, READ_DOORS)?;
        let bearers = Bearers::open(&store)?;
        log_organisations(&store)?;

        let tcp = listen(config.listen)?;
        let address = tcp.local_addr().map_err(|error| StartError::Listen { address: config.listen, error })?;
        let metrics_tcp = match config.metrics_listen() {
            Some(address) => Some(listen(address)?),
            None => None,
        };
        let metrics_address = metrics_tcp.as_ref().and_then(|tcp| tcp.local_addr().ok());

        let (committed, checkpoints) = checkpoints::start(store.open_checkpointer()?).map_err(StartError::Thread)?;
        let (handle, node) = writer::start(Node::new(Box::new(store))?, committed).map_err(StartError::Thread)?;
        let (stop, stopping) = shutdown::channel();
        let config = Arc::new(config);
        if let Err(error) = data.set_address(&config.public_url(address)) {
            tracing::warn!(%error, "invite links made beside this server will name the configured address");
        }
        let edge = Arc::new(Edge {
            public_url: config.public_url(address),
            node: handle,
            reads,
            bearers,
            access: AccessTokens::new(&keys, config.sessions.access_token_ms),
            refresh: RefreshTokens::new(&keys.refresh),
            passwords: Passwords::new(&config.password),
            limits: RateLimits::new(&config.limits),
            room: super::Room::default(),
            stopping: stopping.clone(),
            connections: AtomicU64::new(1),
            config: Arc::clone(&config),
        });
        let listener = Listener::new(Arc::clone(&config), tls, http::router(Arc::clone(&edge)), stopping.clone());
        let mut tasks = vec![
            tokio::spawn(listener.clone().accept(tcp)),
            tokio::spawn(super::watch::watch(Arc::clone(&edge))),
            tokio::spawn(super::room::watch(Arc::clone(&edge))),
            tokio::spawn(metrics::keep_up(stopping.clone())),
            tokio::spawn(note::keep(edge.reads.clone(), data.witness(), stopping.clone())),
        ];
        if let Some(tcp) = metrics_tcp {
            let metrics = Listener::new(config, None, http::metrics_router(), stopping);
            tasks.push(tokio::spawn(metrics.accept(tcp)));
        }
        Ok(Self { address, metrics_address, edge, stop, listener, tasks, node, checkpoints, data, lock })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The second address, for metrics alone.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The address for clients on this machine, like `http://127.0.0.1:7340`.
    pub fn url(&self) -> String {
        let scheme = if self.edge.config.has_tls() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What every request works with, for tests and for commands of the same process.
    pub fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Stops in order: no new connections; everything that was accepted is committed and answered; every socket is told
    /// when to come back, and closed; the database is closed. Takes at most about `shutdown.drain_ms`.
    pub async fn stop(self) {
        let Self { edge, stop, listener, tasks, node, checkpoints, data, lock, .. } = self;
        // The listener closes, idle connections close, requests under way go on.
        stop.now();
        edge.node.shut_down().await;
        let drain = Duration::from_millis(edge.config.shutdown.drain_ms);
        if !listener.drained(drain).await {
            tracing::warn!("some connections did not finish in time");
        }
        for task in tasks {
            task.abort();
            // Aborted or done: either way it is over.
            let _ = task.await;
        }
        edge.node.finish().await;
        let reads = edge.reads.clone();
        drop((edge, listener));
        // Joining blocks until the last commit is on the disk.
        let joined = tokio::task::spawn_blocking(move || {
            node.join();
            checkpoints.join().is_ok()
        });
        if !joined.await.unwrap_or(false) {
            tracing::error!("a thread of the database could not be waited for");
        }
        note::note(&reads, &data.witness(), None).await;
        drop(lock);
    }
}

/// Begins a new epoch if the database is not the one that was here before; see [`witness`].
fn recognise(data: &DataFolder, store: &mut SqliteStore) -> Result<(), StartError> {
    let epoch = Epoch::from_parts(now_ms(), &random()?);
    if let Some((noted, found)) = witness::recognise(store, &data.witness(), epoch)? {
        tracing::warn!(
            noted_epoch = %noted.epoch, noted_horizon = noted.horizon,
            found_epoch = %found.epoch, found_horizon = found.horizon, %epoch,
            "the database is not the one that was here before, or an older copy of it: a new epoch has begun, and \
             clients offer what it lacks; `fil-server backup restore` is the way that checks the copy, too"
        );
    }
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    listener::listen(address).map_err(|error| StartError::Listen { address, error })
}

/// A server without an organisation works, but nobody can sign in; the log says what to do.
fn log_organisations(store: &dyn Store) -> Result<(), StoreError> {
    let mut reads = store.open_reads()?;
    let organisations = reads.snapshot()?.organisations()?;
    if organisations.is_empty() {
        tracing::warn!(
            "there is no organisation yet: run `fil-server organisation create <short-name>`, then `fil-server account \
             invite <handle>`, both with the same --data"
        );
    } else {
        tracing::info!(organisations = organisations.len(), "database opened");
    }
    Ok(())
}
