//! The server of Fil.
//!
//! The heart is synchronous: no tokio, no axum, no clock, no randomness (time and random bytes are arguments). The edge
//! stands around it. What each module may depend on:
//!
//! - [`actor`]: the protocol.
//! - [`store`]: the protocol, [`actor`], words. All SQL of the server.
//! - [`relay`]: the store's traits. Commands.
//! - [`refreshing`]: the store's traits and the arithmetic of tokens. Exchanging a refresh token.
//! - [`history`], [`pull`]: the store's read traits. Answers that change nothing.
//! - [`hub`]: the protocol. Connections and fan-out; never the store.
//! - [`bus`]: what relay and hub exchange.
//! - [`witness`]: the store's traits. Whether a database is the one that was here before.
//! - [`node`]: all of the above, and it counts its failures in [`metrics`].
//!
//! The edge:
//!
//! - [`config`], [`data`], [`secret`], [`network`], [`clock`], [`limits`], [`log`], [`metrics`], [`tls`], [`shutdown`]:
//!   nothing of the heart.
//! - [`auth`]: the arithmetic of passwords and tokens; never the store.
//! - [`listener`], [`http`], [`socket`]: what a client sees. They talk to the heart through [`edge`].
//! - [`edge`]: the node's thread, the doors for reads, and [`edge::Running`], the whole server.
//! - [`cli`]: the commands of the binary.
#![warn(missing_docs)]

pub mod actor;
pub mod auth;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod config;
pub mod data;
pub mod edge;
pub mod history;
pub mod http;
pub mod hub;
pub mod limits;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod network;
pub mod node;
pub mod pull;
pub mod refreshing;
pub mod relay;
pub mod secret;
pub mod shutdown;
pub mod socket;
pub mod store;
pub mod tls;
pub mod witness;

#[cfg(test)]
pub(crate) mod testing;
