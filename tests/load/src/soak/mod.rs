//! The parts of the soak: devices with habits, and samples of the server.

pub mod device;
pub mod samples;
