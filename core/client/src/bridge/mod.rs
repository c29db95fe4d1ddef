//! The bridge: typed requests, responses and updates between the core and any screen.

pub mod types;
