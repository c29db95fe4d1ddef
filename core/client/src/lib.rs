//! The client.

pub mod bridge;
