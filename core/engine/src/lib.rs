//! The client's decisions, without doing anything: outbox, sync, connection, read marks.
//!
//! [`Engine`] takes an [`Input`] and the time and answers with [`Action`]s; [`Engine::deadline`] says when it wants to
//! be asked again without an input. It holds no handle, reads no clock and draws no randomness but from the seed that
//! it was given, so a simulation can run years of it in seconds and get the same years again.
//!
//! The driver carries actions out in this order, which is what the first promise rests on: all store actions of a step
//! in one transaction, then the network, then the screen. If the transaction fails, the driver throws the engine away
//! and builds a new one from the store: nothing that was not stored was ever sent.
//!
//! - [`outbox`]: commands, their numbers and verdicts;
//! - [`sync`]: cursors, gaps, windows, epochs, and the loop breaker;
//! - [`connection`]: back-off, liveness, probes;
//! - [`reading`]: read marks, coalesced and held back until caught up.
#![warn(missing_docs)]

pub mod action;
pub mod connection;
pub mod engine;
pub mod input;
pub mod jitter;
pub mod outbox;
pub mod reading;
pub mod sync;

pub use action::{Action, Change, StoreAction};
pub use engine::{Engine, Snapshot};
pub use input::{Input, Now};
