//! The one place that reads the clocks. Everything inside takes the time as an argument.
//!
//! Two clocks, because somebody may set the machine's, by hand or by NTP: what is told and stored follows the wall clock
//! wherever it goes; what is waited for follows a clock that only goes on. Heartbeats on the wall clock would stop for as
//! long as it was set back.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970. May be less than at the moment before.
    pub wall_ms: u64,
    /// Milliseconds since a moment that is the same as long as the process lives. Never less than before.
    pub steady_ms: u64,
}

/// A clock that nobody sets.
impl From<u64> for Now {
    fn from(now_ms: u64) -> Self {
        Self { wall_ms: now_ms, steady_ms: now_ms }
    }
}

/// Tells the time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Begins to count.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The moment.
    pub fn now(&self) -> Now {
        let steady_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { wall_ms: now_ms(), steady_ms }
    }

    /// How long it is until a moment of the steady clock; nothing if it has passed.
    pub fn until(&self, steady_ms: u64) -> Duration {
        (self.started + Duration::from_millis(steady_ms)).saturating_duration_since(Instant::now())
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    // A clock before 1970 is a broken machine, and `doctor` says so; 0 keeps the server from falling over it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
