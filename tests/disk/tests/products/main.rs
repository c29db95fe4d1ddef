//! The two stores on a simulated disk: nothing acknowledged is lost, nothing is half done, and they go on.
//!
//! Every test here runs the product's own code (the server's node and store, the client's session and store) on real
//! SQLite files. Small by default; `FIL_DISK_EVERY=1` tries every write point instead of every so-manieth, and
//! `FIL_DAMAGES=1000` sets how many random damages are made.

mod check;
mod cuts;
mod damage;
mod device;
mod fixtures;
mod migrations;
mod refusals;
mod refused;
mod script;
mod server;
mod stage;

/// Only every so-manieth write point is tried, unless the environment says otherwise.
pub(crate) fn every(default: usize) -> usize {
    number("FIL_DISK_EVERY").unwrap_or(default).max(1)
}

/// A number from the environment.
pub(crate) fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|number| number.parse().ok())
}
