//! The client's scenarios: one file each, on the real store and engine of `core/client`.

use crate::Scenario;

/// The scenarios, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[];
