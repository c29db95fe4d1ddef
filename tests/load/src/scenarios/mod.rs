//! The server's scenarios, one file each.

pub mod away;
pub mod cost;
pub mod flood;
pub mod groups;
pub mod growth;
pub mod idle;
pub mod pairs;
pub mod reading;
pub mod soak;
pub mod storm;

use crate::Scenario;

/// The scenarios, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[
    pairs::SCENARIO,
    groups::SCENARIO,
    idle::SCENARIO,
    storm::SCENARIO,
    flood::SCENARIO,
    away::CATCH_UP,
    away::MONTH,
    reading::SCENARIO,
    cost::SCENARIO,
    growth::SCENARIO,
    soak::SCENARIO,
];
