//! The one place that reads the wall clock. Everything inside takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    // A clock before 1970 is a broken machine, and `doctor` says so; 0 keeps the server from falling over it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
