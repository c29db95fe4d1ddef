//! Several clients and a server in one thread, with a simulated network and clock, from a seed.
//!
//! What runs is the real thing: the engine, both client databases as SQLite files, and the server's node with its
//! SQLite store. What is simulated is everything around: the network, the clocks, the people, and their misfortunes
//! ([`plan::Faults`]). After every step the [`oracle`] looks at the server's log, and once the faults have stopped and
//! everybody has settled, [`convergence`] compares every client with the server.
//!
//! A run is a function of its [`plan::Plan`]: the same seed gives the same run, and a violation names its seed.
//!
//! - `random`, `plan`: where everything comes from;
//! - `network`: frames under way; `server`, `device`: the real parts and their crashes;
//! - `person`: what people do; `world`: the loop;
//! - `oracle`, `convergence`: what must hold.
#![warn(missing_docs)]

pub mod convergence;
pub mod device;
pub mod network;
pub mod oracle;
pub mod person;
pub mod plan;
pub mod random;
pub mod server;
pub mod world;

/// A broken promise, with what is needed to see it again.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}, {at_ms} ms: {what}\n  rerun: FIL_SEED={seed} cargo test -p fil-simulation --test seeds one_seed")]
pub struct Violation {
    /// The seed of the run.
    pub seed: u64,
    /// The simulated time.
    pub at_ms: u64,
    /// What was broken.
    pub what: String,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// Commands that people gave.
    pub commands: u64,
    /// Events in the server's log at the end.
    pub events: u64,
    /// Misfortunes that struck.
    pub faults: u64,
    /// How long it took everybody to settle after the last fault, in milliseconds.
    pub settled_in_ms: u64,
}
