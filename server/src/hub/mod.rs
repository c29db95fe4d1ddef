//! The hub: who is connected, and what each connection is told.
//!
//! A machine without store, sockets or clock: calls go in, [`Delivery`]s come out of [`Hub::take`]. Called in the order
//! of commits, after each commit, it keeps these promises:
//!
//! - a push is encoded once, whatever the number of receivers;
//! - it reaches the connections of members as of its commit, and nobody else;
//! - a connection that reads too slowly loses pushes, never the knowledge that it lost them: see [`connection`];
//! - every connection hears a heartbeat each [`HEARTBEAT_MS`], with the heads that changed since the one before;
//! - a device has one live connection, the newest: one that says hello takes the place of the one before, which nobody
//!   may ever have closed. Until it has said hello it takes nothing from anybody. An account has at most
//!   [`DEVICES_CONNECTED_MAX`] devices connected; a further one is refused.
//!
//! Memory is bounded by what is connected: per connection some hundred bytes and its backlog, per connected account its
//! conversations.

mod backlog;
pub mod connection;
mod delivery;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::Arc;

use fil_protocol::limits::HEARTBEAT_MS;
use fil_protocol::{AccountChanges, AccountEntry, ErrorCode, Generation, ProtocolError, ServerFrame, Stamp, Welcome};

pub use self::backlog::Backlog;
use self::connection::{Connection, HELLO_MS_MAX, PULLS_WAIT_BYTES, Pace, Phase, SLOW_CHECK_MS};
pub use self::delivery::{
    CLOSE_GOING_AWAY, CLOSE_INTERNAL, CLOSE_RATE_LIMITED, CLOSE_REFUSED, CLOSE_SIGN_IN, CLOSE_TOO_SLOW, CLOSE_VERSION,
    Delivery, close_code,
};
pub use self::subscriptions::Subscription;
use self::subscriptions::{AccountKey, Subscriptions};
use crate::actor::Actor;
use crate::bus::Push;

/// Devices of one account that may be connected at the same time, in this process.
pub const DEVICES_CONNECTED_MAX: usize = 32;
/// When the client of a connection that was replaced may come back, in milliseconds. It is usually the client that has
/// the new one, and long gone from here; two processes that share a device must not chase each other.
const REPLACED_RETRY_MS: u64 = 10_000;
/// When a device that found too many others of its account connected may come back, in milliseconds.
const CROWDED_RETRY_MS: u64 = 30_000;

/// One open socket of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// All connections of this process.
#[derive(Debug, Default)]
pub struct Hub {
    connections: BTreeMap<ConnectionId, Connection>,
    /// The connections of each account, whether they said hello or not: at most two per device.
    of_account: HashMap<AccountKey, Vec<ConnectionId>>,
    subscriptions: Subscriptions,
    /// When each connection's heartbeat (or hello) is due.
    due: BTreeSet<(u64, ConnectionId)>,
    /// Connections without pushes.
    behind: BTreeSet<ConnectionId>,
    /// Every push up to this horizon has been handed out.
    horizon: u64,
    /// The wall clock at the newest step: with every heartbeat. Everything else here follows the steady clock.
    server_time_ms: u64,
    /// Where the history stands: with every push and heartbeat.
    stamp: Option<Stamp>,
    deliveries: Vec<Delivery>,
}

impl Hub {
    /// A hub that begins after this horizon, where the history has this stamp.
    pub fn new(horizon: u64, stamp: Option<Stamp>) -> Self {
        Self { horizon, stamp, ..Self::default() }
    }

    /// Commits were made at this time; their pushes come next. Each may carry the stamp of the last one: all of them are durable.
    pub fn stands_at(&mut self, server_time_ms: u64, stamp: Option<Stamp>) {
        self.server_time_ms = server_time_ms;
        self.stamp = stamp;
    }

    /// A socket was opened. It must say hello within [`HELLO_MS_MAX`]. Numbers of connections grow.
    pub fn connect(&mut self, now_ms: u64, id: ConnectionId, actor: Actor, backlog: Arc<Backlog>) {
        let due_ms = now_ms + HELLO_MS_MAX;
        let connection = Connection {
            actor,
            backlog,
            phase: Phase::Silent,
            begins_after: None,
            reported: 0,
            due_ms,
            behind_since_ms: None,
        };
        let key = connection.account();
        self.due.insert((due_ms, id));
        self.connections.insert(id, connection);
        self.of_account.entry(key).or_default().push(id);
        for other in self.of_device(&actor, id) {
            if self.connections.get(&other).is_some_and(|other| other.phase == Phase::Silent) {
                self.replace(other);
            }
        }
        if self.other_devices(&actor) >= DEVICES_CONNECTED_MAX {
            let detail = "too many devices of this account are connected";
            self.refuse(id, ProtocolError::retry_after(ErrorCode::RateLimited, detail, CROWDED_RETRY_MS));
        }
    }

    /// The connection is gone.
    pub fn disconnect(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.remove(&id) {
            self.due.remove(&(connection.due_ms, id));
            self.behind.remove(&id);
            let key = connection.account();
            if let Some(ids) = self.of_account.get_mut(&key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.of_account.remove(&key);
                }
            }
            if let Phase::Live(_) = connection.phase {
                self.subscriptions.remove(key, id);
            }
        }
    }

    /// Who is behind a connection, and the generation of its hello; none if it is closed.
    pub fn speaker(&self, id: ConnectionId) -> Option<(Actor, Option<Generation>)> {
        self.connections.get(&id).map(|connection| (connection.actor, connection.generation()))
    }

    /// The connection said hello.
    pub fn greet(&mut self, id: ConnectionId, generation: Generation) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.phase = Phase::Greeted(generation);
        }
    }

    /// The connection said hello while the device had this generation in the database, and may begin its own after it.
    /// Other connections of the device that named another one no longer may.
    pub fn may_begin(&mut self, id: ConnectionId, after: Option<Generation>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.begins_after = Some(after);
        let (actor, generation) = (connection.actor, connection.generation());
        for other in self.of_device(&actor, id) {
            let other = self.connections.get_mut(&other).filter(|other| other.generation() != generation);
            if let Some(other) = other {
                other.begins_after = None;
            }
        }
    }

    /// After which generation of its device in the database the connection may begin its own, if it may.
    pub fn begins_after(&self, id: ConnectionId) -> Option<Option<Generation>> {
        self.connections.get(&id).and_then(|connection| connection.begins_after)
    }

    /// Subscribes a connection that said hello, and welcomes it. What is subscribed and what the welcome says were read
    /// at one moment, between two pushes, so nothing falls between them. Older connections of the same device end.
    pub fn welcome(&mut self, now_ms: u64, id: ConnectionId, subscription: &Subscription, welcome: Welcome) {
        let Some(actor) = self.connections.get(&id).map(|connection| connection.actor) else { return };
        let is_live = |id: &ConnectionId| matches!(self.connections[id].phase, Phase::Live(_));
        let (older, newer): (Vec<_>, Vec<_>) = self.of_device(&actor, id).into_iter().partition(|other| *other < id);
        if newer.iter().any(is_live) {
            // A hello that was long under way, on a connection that its client has given up for a newer one.
            return self.replace(id);
        }
        for other in older {
            self.replace(other);
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Phase::Greeted(generation) = connection.phase else { return };
        connection.phase = Phase::Live(generation);
        connection.reported = welcome.horizon;
        let key = connection.account();
        self.subscriptions.add(key, id, subscription);
        self.schedule(id, now_ms + HEARTBEAT_MS);
        self.reply(id, &ServerFrame::Welcome(welcome));
    }

    /// Hands out one push.
    pub fn push(&mut self, now_ms: u64, push: &Push) {
        let stamp = self.stamp;
        match push {
            Push::Event { organisation, conversation, event, horizon } => {
                self.horizon = self.horizon.max(*horizon);
                self.subscriptions.note_event(*organisation, *conversation, event.seq, event.known(), *horizon);
                let receivers: Vec<_> = self.subscriptions.of_conversation(*organisation, *conversation).collect();
                self.push_to(now_ms, &receivers, || ServerFrame::Event {
                    conversation: *conversation,
                    event: event.clone(),
                    stamp,
                });
            }
            Push::Account { organisation, account, rev, entry } => {
                let key = (*organisation, *account);
                self.subscriptions.note_rev(key, *rev);
                let receivers: Vec<_> = self.subscriptions.of_account(key).collect();
                self.push_to(now_ms, &receivers, || {
                    ServerFrame::Account(AccountChanges {
                        request: None,
                        after: rev - 1,
                        rev: *rev,
                        full: false,
                        entries: vec![AccountEntry::Known(entry.clone())],
                        stamp,
                    })
                });
            }
        }
    }

    /// Sends a frame that answers something. It may pass [`connection::HEADS_ONLY_BYTES`], because the client asked for
    /// it, but not the limit over which a connection is closed.
    pub fn reply(&mut self, id: ConnectionId, frame: &ServerFrame) {
        let Some(connection) = self.connections.get(&id) else { return };
        let frame: Arc<str> = frame.encode().into();
        connection.backlog.add(frame.len());
        if connection.pace(0) == Pace::TooSlow {
            self.close(id, ErrorCode::TooSlow);
        } else {
            self.deliveries.push(Delivery::Send { connection: id, frame });
        }
    }

    /// Tells a connection what was wrong, and closes it.
    pub fn refuse(&mut self, id: ConnectionId, error: ProtocolError) {
        let reason = error.code;
        self.reply(id, &ServerFrame::Error { request: None, error });
        self.close(id, reason);
    }

    /// Refuses all connections that a predicate chooses.
    pub fn refuse_all(&mut self, error: &ProtocolError, chosen: impl Fn(&Actor) -> bool) {
        let ids: Vec<_> =
            self.connections.iter().filter(|(_, found)| chosen(&found.actor)).map(|(id, _)| *id).collect();
        for id in ids {
            self.refuse(id, error.clone());
        }
    }

    /// Says goodbye to everybody, each with another time to come back, spread so that they do not come all at once.
    pub fn shut_down(&mut self) {
        let ids: Vec<_> = self.connections.keys().copied().collect();
        let spread_ms = (ids.len() as u64 * 2).clamp(1_000, 30_000);
        for id in ids {
            // Neighbouring numbers fall far apart (Fibonacci hashing).
            let place = id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let retry_after_ms = 500 + ((place * spread_ms) >> 32);
            self.reply(id, &ServerFrame::GoingAway { retry_after_ms });
            self.close(id, ErrorCode::Unavailable);
        }
    }

    /// The other connections of this one's device.
    fn of_device(&self, actor: &Actor, id: ConnectionId) -> Vec<ConnectionId> {
        let ids = self.of_account.get(&(actor.organisation, actor.account)).into_iter().flatten().copied();
        ids.filter(|other| *other != id && self.connections[other].actor.device == actor.device).collect()
    }

    /// How many other devices of the account are connected.
    fn other_devices(&self, actor: &Actor) -> usize {
        let ids = self.of_account.get(&(actor.organisation, actor.account)).into_iter().flatten();
        let devices: BTreeSet<_> = ids.map(|id| self.connections[id].actor.device).collect();
        devices.iter().filter(|device| **device != actor.device).count()
    }

    /// Ends a connection in favour of a newer one of its device.
    fn replace(&mut self, id: ConnectionId) {
        self.reply(id, &ServerFrame::GoingAway { retry_after_ms: REPLACED_RETRY_MS });
        self.close(id, ErrorCode::Unavailable);
    }

    /// Whether the connection has room for the answer to a pull.
    pub fn has_room(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|connection| connection.backlog.queued_bytes() < PULLS_WAIT_BYTES)
    }

    /// Looks at the connections without pushes: those that have drained get their heads, those that do not are closed.
    pub fn settle(&mut self, now_ms: u64) {
        for id in self.behind.clone() {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            match connection.pace(now_ms) {
                Pace::Unchanged => {}
                Pace::TooSlow => self.close(id, ErrorCode::TooSlow),
                Pace::CaughtUp => {
                    connection.behind_since_ms = None;
                    self.behind.remove(&id);
                    self.heartbeat(id);
                }
            }
        }
    }

    /// Sends the heartbeats that are due, and closes connections whose hello is overdue.
    pub fn tick(&mut self, now_ms: u64) {
        while let Some((due_ms, id)) = self.due.first().copied().filter(|(due_ms, _)| *due_ms <= now_ms) {
            self.due.remove(&(due_ms, id));
            let Some(connection) = self.connections.get(&id) else { continue };
            if connection.generation().is_none() {
                self.refuse(id, ProtocolError::new(ErrorCode::Malformed, "no hello came within ten seconds"));
                continue;
            }
            let behind = connection.behind_since_ms.is_some();
            self.schedule(id, now_ms + HEARTBEAT_MS);
            if !behind {
                self.heartbeat(id);
            }
        }
    }

    /// When [`Hub::tick`] or [`Hub::settle`] has something to do.
    pub fn deadline(&self, now_ms: u64) -> Option<u64> {
        let due = self.due.first().map(|(due_ms, _)| *due_ms);
        let slow = (!self.behind.is_empty()).then_some(now_ms + SLOW_CHECK_MS);
        due.into_iter().chain(slow).min()
    }

    /// Takes what is to be delivered, in order.
    pub fn take(&mut self) -> Vec<Delivery> {
        mem::take(&mut self.deliveries)
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.connections.len()
    }

    /// The bytes that wait for all sockets together.
    pub fn queued_bytes(&self) -> u64 {
        self.connections.values().map(|connection| connection.backlog.queued_bytes()).sum()
    }

    fn close(&mut self, id: ConnectionId, reason: ErrorCode) {
        if self.connections.contains_key(&id) {
            self.disconnect(id);
            self.deliveries.push(Delivery::Close { connection: id, code: close_code(reason), reason });
        }
    }

    fn push_to(&mut self, now_ms: u64, receivers: &[ConnectionId], frame: impl FnOnce() -> ServerFrame) {
        if receivers.is_empty() {
            return;
        }
        let frame: Arc<str> = frame().encode().into();
        for id in receivers {
            let Some(connection) = self.connections.get_mut(id) else { continue };
            if connection.admit_push(now_ms, frame.len()) {
                connection.backlog.add(frame.len());
                self.deliveries.push(Delivery::Send { connection: *id, frame: frame.clone() });
            } else {
                self.behind.insert(*id);
            }
        }
    }

    fn heartbeat(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let key = connection.account();
        let (account_rev, heads) = self.subscriptions.changed_since(key, connection.reported);
        connection.reported = connection.reported.max(self.horizon);
        let (horizon, stamp, server_time_ms) = (connection.reported, self.stamp, self.server_time_ms);
        self.reply(id, &ServerFrame::Heartbeat { server_time_ms, horizon, account_rev, heads, stamp });
    }

    fn schedule(&mut self, id: ConnectionId, due_ms: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            self.due.remove(&(connection.due_ms, id));
            connection.due_ms = due_ms;
            self.due.insert((due_ms, id));
        }
    }
}
