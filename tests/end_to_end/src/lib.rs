//! Real processes: the house that the tests in `tests/` live in.
//!
//! A [`House`] is a folder with a server's data and the profiles of any number of people; [`Server`] and [`Fil`] are the
//! real programs in it. Nothing waits for time to pass: a test waits for a line of output, or for a program to end, and
//! a deadline ([`PATIENCE`]) turns a wait that never ends into a failure that says what was seen.
#![warn(missing_docs)]

mod chance;
pub mod crowd;
pub mod databases;
mod device;
mod fil;
mod house;
mod interrupt;
mod output;
mod programs;
mod screen;
mod server;
mod small_disk;
mod voice;

use std::time::Duration;

pub use chance::Chance;
pub use device::Device;
pub use fil::{Fil, Finished, Running};
pub use house::{House, PASSWORD};
pub use output::Lines;
pub use screen::Screen;
pub use server::Server;
pub use small_disk::{Filler, SmallDisk};
pub use voice::Voice;

/// How long anything may take before a test says that it hangs. A slow machine is no reason to fail.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Rounds of a test that kills processes: a few in every run, more with `FIL_KILLS`.
pub fn kills() -> u32 {
    std::env::var("FIL_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(12)
}
