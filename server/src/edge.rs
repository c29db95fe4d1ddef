//! The asynchronous rim: what stands around the node and connects it with sockets and requests.
//!
//! [`Running::start`] is the whole server, for `fil-server serve` and for tests alike. The node has a thread of its own
//! ([`writer`]); reads have a few doors of their own ([`reads`], [`bearers`]); every socket is one task ([`crate::socket`]).

mod bearers;
mod checkpoints;
mod mailbox;
mod note;
mod reads;
mod room;
mod running;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use bearers::Bearers;
pub use mailbox::{Mailbox, Waiting};
pub use reads::Reads;
pub use room::Room;
pub use running::{Running, StartError, prepare};
pub use writer::{NodeHandle, NodeThread};

use crate::auth::access::AccessTokens;
use crate::auth::password::Passwords;
use crate::auth::refresh::RefreshTokens;
use crate::config::Config;
use crate::limits::RateLimits;
use crate::node::ConnectionId;
use crate::shutdown::Stopping;

/// What every request and socket needs.
#[derive(Debug)]
pub struct Edge {
    /// What the operator set.
    pub config: Arc<Config>,
    /// The address that people reach the server under.
    pub public_url: String,
    /// The writer.
    pub node: NodeHandle,
    /// The doors for reads.
    pub reads: Reads,
    /// Whether bearers of tokens may still act.
    pub bearers: Bearers,
    /// Access tokens.
    pub access: AccessTokens,
    /// Refresh tokens.
    pub refresh: RefreshTokens,
    /// Password hashes.
    pub passwords: Passwords,
    /// Rate limits.
    pub limits: RateLimits,
    /// Whether it can write.
    pub room: Room,
    /// True once the server stops.
    pub stopping: Stopping,
    connections: AtomicU64,
}

impl Edge {
    /// A number for a new socket, never used before in this process.
    pub fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }
}
