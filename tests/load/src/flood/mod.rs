//! The parts of the flood: what there is too much of, and those who send it.
//!
//! Every flooder has an address of its own (127.0.0.2 and on), because the server counts by address, and works until it is
//! dropped. What they do is counted here.

pub mod connections;
pub mod frames;
pub mod requests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fil_protocol::ConversationId;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::Failure;

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Frames that are answered at once.
    Pings,
    /// Questions that read from the database.
    Pulls,
    /// Messages, which the node writes.
    Messages,
    /// Sign-ins with wrong passwords: each that is not refused for being one too many costs the server a hash.
    SignIns,
    /// Connections that say nothing, or begin the handshake of a socket and go on byte by byte.
    Connections,
    /// Bodies that are a thousand times as large when they are unpacked.
    Bombs,
}

impl Kind {
    /// All of them, by the names of their figures, with the budget of each: so many times as long as without a flood may
    /// the neighbours' slowest hundredth take.
    pub const ALL: [(&str, Self, f64); 6] = [
        ("pings", Self::Pings, 3.0),
        ("pulls", Self::Pulls, 3.0),
        ("messages", Self::Messages, 3.0),
        ("sign_ins", Self::SignIns, 3.0),
        ("connections", Self::Connections, 3.0),
        ("bombs", Self::Bombs, 3.0),
    ];

    /// What is counted as [`Flood::sent`], as a field of the figure's line.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Pings | Self::Pulls | Self::Messages => "flooding_frames",
            Self::SignIns | Self::Bombs => "flooding_requests",
            Self::Connections => "flooding_connections",
        }
    }
}

/// One flooder.
#[derive(Debug)]
pub struct Flooder {
    /// Which one.
    pub number: u32,
    /// Its access token.
    pub token: String,
}

impl Flooder {
    /// The address that it comes from.
    pub fn address(&self) -> IpAddr {
        Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + self.number).into()
    }
}

/// A flood of one kind.
#[derive(Debug)]
pub struct Flood {
    /// The server.
    pub address: SocketAddr,
    /// Of what.
    pub kind: Kind,
    /// The flooders' group, for what is sent or asked for.
    pub group: ConversationId,
    /// Connections that each flooder holds, where connections are the flood.
    pub held_max: usize,
    /// A body that is a bomb.
    pub bomb: Vec<u8>,
    /// The neighbours are done.
    pub over: watch::Sender<bool>,
    /// What sockets took.
    pub sent: AtomicU64,
    /// Connections that the server ended or did not take.
    pub ends: AtomicU64,
    /// Requests that were refused for being too many, or for there being too much to do.
    pub limited: AtomicU64,
}

impl Flood {
    /// A flood that has not begun, for a server, in this group of the flooders'.
    pub fn new(address: SocketAddr, kind: Kind, group: ConversationId, held_max: usize) -> Result<Self, Failure> {
        Ok(Self {
            address,
            kind,
            group,
            held_max,
            bomb: requests::bomb()?,
            over: watch::Sender::new(false),
            sent: AtomicU64::new(0),
            ends: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        })
    }

    /// All flooders on this thread, until it is over.
    pub fn run(&self, flooders: &[Flooder]) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut over = self.over.subscribe();
        runtime.block_on(async {
            let drowning = join_all(flooders.iter().map(|flooder| async move {
                // They never end well; one that cannot go on says why.
                match self.kind {
                    Kind::Pings | Kind::Pulls | Kind::Messages => frames::drown(self, flooder).await,
                    Kind::SignIns | Kind::Bombs => requests::drown(self, flooder).await,
                    Kind::Connections => connections::drown(self, flooder).await,
                }
            }));
            tokio::select! {
                ended = drowning => ended.into_iter().collect(),
                _ = over.wait_for(|over| *over) => Ok(()),
            }
        })
    }

    fn count(&self, what: &AtomicU64) {
        what.fetch_add(1, Relaxed);
    }
}
