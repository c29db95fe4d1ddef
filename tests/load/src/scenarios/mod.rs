//! The server's scenarios, one file each.

pub mod pairs;
pub mod soak;

use crate::Scenario;

/// The scenarios, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[pairs::SCENARIO];
