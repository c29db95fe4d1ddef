//! One connection: what it has been told, and how fast it reads.
//!
//! Nobody ever waits for a slow reader. Its bytes are counted ([`Backlog`]); over [`HEADS_ONLY_BYTES`] it gets no more
//! pushes, and once it has read down to [`DRAINED_BYTES`] one heartbeat names every stream that it missed. Over
//! [`BACKLOG_BYTES_MAX`], or after [`SLOW_MS_MAX`] without having drained, it is closed.

use std::sync::Arc;

use fil_protocol::Generation;

use super::Backlog;
use super::subscriptions::AccountKey;
use crate::actor::Actor;

/// Queued bytes from which a connection gets no more pushes.
pub const HEADS_ONLY_BYTES: u64 = 1024 * 1024;
/// Queued bytes at which a connection that got no pushes gets them again.
pub const DRAINED_BYTES: u64 = 256 * 1024;
/// Queued bytes up to which pulls are answered; further ones wait until the socket has taken what it has.
pub const PULLS_WAIT_BYTES: u64 = 512 * 1024;
/// Queued bytes over which a connection is closed.
pub const BACKLOG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a connection may go without pushes before it is closed.
pub const SLOW_MS_MAX: u64 = 30_000;
/// How often slow connections are looked at.
pub const SLOW_CHECK_MS: u64 = 20;
/// How long a connection may take to say hello.
pub const HELLO_MS_MAX: u64 = 10_000;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connected; its first frame must be `hello`.
    Silent,
    /// It said hello; the welcome is on its way.
    Greeted(Generation),
    /// It gets pushes.
    Live(Generation),
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) actor: Actor,
    pub(super) backlog: Arc<Backlog>,
    pub(super) phase: Phase,
    /// Where it may begin its generation: after this one, which the device had in the database at the hello.
    pub(super) begins_after: Option<Option<Generation>>,
    /// Heads that changed up to this horizon have been named to it, or pushed.
    pub(super) reported: u64,
    /// When its next heartbeat is due, or its hello overdue.
    pub(super) due_ms: u64,
    /// Since when it has been without pushes.
    pub(super) behind_since_ms: Option<u64>,
}

/// What a reader's speed asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Pushes flow, or still may not.
    Unchanged,
    /// It has drained: tell it the heads and push again.
    CaughtUp,
    /// Close it.
    TooSlow,
}

impl Connection {
    pub(super) fn account(&self) -> AccountKey {
        (self.actor.organisation, self.actor.account)
    }

    pub(super) fn generation(&self) -> Option<Generation> {
        match self.phase {
            Phase::Silent => None,
            Phase::Greeted(generation) | Phase::Live(generation) => Some(generation),
        }
    }

    /// Whether a push of this size may be sent; if not, the connection is without pushes from now on.
    pub(super) fn admit_push(&mut self, now_ms: u64, bytes: usize) -> bool {
        if self.behind_since_ms.is_none() && self.backlog.queued_bytes() + bytes as u64 > HEADS_ONLY_BYTES {
            self.behind_since_ms = Some(now_ms);
        }
        self.behind_since_ms.is_none()
    }

    pub(super) fn pace(&self, now_ms: u64) -> Pace {
        let queued = self.backlog.queued_bytes();
        match self.behind_since_ms {
            _ if queued > BACKLOG_BYTES_MAX => Pace::TooSlow,
            Some(_) if queued <= DRAINED_BYTES => Pace::CaughtUp,
            Some(since) if now_ms.saturating_sub(since) >= SLOW_MS_MAX => Pace::TooSlow,
            _ => Pace::Unchanged,
        }
    }
}
