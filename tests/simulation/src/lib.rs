//! Several clients and a server in one thread, with a simulated network, disk and clock, from a seed.
//!
//! What runs is the real thing: the engine, both client databases as SQLite files, the tokens, and the server's node with
//! its SQLite store. What is simulated is everything around: the network, the disks, the clocks, the people, and their
//! misfortunes ([`fault::Fault`]). After every step the [`oracle`] looks at the server's log, whenever somebody looks at
//! a screen it is checked, and once the faults have stopped and everybody has settled, [`convergence`] compares every
//! client with the server.
//!
//! A run is a function of its [`plan::Plan`]: the same plan gives the same run. A violation names its seed; `shrink`
//! cuts its plan down.
//!
//! - `random`, `fault`, `plan`, `cast`: where everything comes from;
//! - `network`, `dialect`: frames under way; `server`, `device`: the real parts and their crashes;
//! - `person`: what people do; `world`: the loop;
//! - `oracle`, `received`, `convergence`: what must hold; `ledger`, `reckoning`: what became of every press;
//!   `screens`: what is drawn;
//! - `shrink`, `figures`, `campaign`: many runs, and what came of them.
#![warn(missing_docs)]

pub mod campaign;
pub mod cast;
pub mod convergence;
pub mod device;
pub mod dialect;
pub mod fault;
pub mod figures;
pub mod ledger;
pub mod network;
pub mod oracle;
pub mod person;
pub mod plan;
pub mod random;
pub mod received;
pub mod reckoning;
pub mod screens;
pub mod server;
pub mod shrink;
pub mod world;

use plan::Plan;

/// A broken promise, with what is needed to see it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("seed {seed}, {at_ms} ms: {what}", seed = plan.seed)]
pub struct Violation {
    /// The run.
    pub plan: Plan,
    /// The simulated time.
    pub at_ms: u64,
    /// What was broken.
    pub what: String,
}

/// Words of a sentence by which one kind of violation is told from another.
const KIND_WORDS: usize = 6;

impl Violation {
    /// What was broken, apart from who, when and how much: the first words that are the same in every run.
    pub fn kind(&self) -> String {
        let plain = |word: &&str| !word.is_empty() && word.chars().all(|letter| letter.is_ascii_lowercase());
        let words = self.what.split([' ', ':', ',']).filter(plain);
        words.take(KIND_WORDS).collect::<Vec<_>>().join(" ")
    }
}
