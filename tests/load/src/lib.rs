//! How fast Fil is, measured against the real programs on the real disk, beside a baseline of the same run.
//!
//! - A [`Scenario`] is one situation (a thousand idle connections, fifty pairs that write, a month away); there is one file
//!   per scenario in [`scenarios`] (the server) and [`client`]. It prints [`Figure`]s.
//! - A [`Figure`] is a value with a unit, the same question put to a baseline in the same run, and the ratio of the two:
//!   absolute values change with the machine and its neighbours, a ratio much less.
//! - Baselines: [`relay`], a bare WebSocket relay that stores nothing; [`disk`], what the disk can sync and what bare
//!   SQLite can commit; where neither says anything, the same data read by bare SQLite.
//! - The load comes from [`wire`]: many connections on one thread, speaking the protocol of `docs/PROTOCOL.md`. The full
//!   client was refused here: it writes its own databases, and two cores would measure those.
//!
//! Nothing here asserts a speed. What is wrong (a missing delivery, a refused frame) fails the scenario.
//!
//! Linux only, because processes are looked at through `/proc`; elsewhere the crate is empty.
#![cfg(target_os = "linux")]
#![warn(missing_docs)]

pub mod allocations;
pub mod arguments;
pub mod client;
pub mod disk;
pub mod figure;
pub mod flood;
pub mod heart;
pub mod house;
pub mod http;
pub mod machine;
pub mod percentiles;
pub mod process;
pub mod programs;
pub mod relay;
pub mod scenario;
pub mod scenarios;
pub mod soak;
pub mod stage;
pub mod table;
pub mod talk;
pub mod text;
pub mod wire;

pub use figure::{Baseline, Better, Figure};
pub use scenario::Scenario;
pub use stage::{Scale, Stage};

/// Why a scenario could not be run, as a sentence for whoever started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
