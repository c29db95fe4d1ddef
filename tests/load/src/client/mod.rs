//! The client's scenarios: one file each, on the real bridge, session, engine and store of `core/client`.
//!
//! [`sample`] makes up an organisation, [`feed`] brings it to a session as encoded frames, in the way a server answers
//! pulls, and [`profile`] is the folder on the measured disk. Nothing here is written into a database by hand: what is
//! opened, listed and searched was applied by the client itself.

mod bare;
mod feed;
mod growth;
mod million;
mod profile;
mod sample;

use crate::Scenario;

/// The scenarios, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[million::SCENARIO, growth::SCENARIO];
